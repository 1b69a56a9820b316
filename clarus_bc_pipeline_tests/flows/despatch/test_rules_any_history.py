"""Over any history of a goods-out, cut anywhere, no unit is announced twice, too many, or silently not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clarus_bc_pipeline.bigcommerce.markers import marker_of
from clarus_bc_pipeline.bigcommerce.shipments import LIMITS
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.flows.despatch import rules
from clarus_bc_pipeline.flows.despatch.goods_out import Announced, GoodsOut, Parcel
from clarus_bc_pipeline.flows.despatch.parcels import number_of
from clarus_bc_pipeline.flows.despatch.rules import decide
from clarus_bc_pipeline_tests.flows.despatch.goods_outs import (
    BAD,
    HOLD,
    LATER,
    LEFT,
    ONE,
    RM,
    SETTINGS,
    THREE,
    TWO,
    goods_out,
    items,
    line,
)


class GoodsOutHistory(RuleBasedStateMachine):
    """Any history of one goods-out; its lines 1 and 2 are one order line. `tick` is `sync.decide`."""

    @initialize(hold=st.booleans(), quantities=st.lists(st.integers(1, 6), min_size=2, max_size=2))
    def begin(self, hold: bool, quantities: list[int]) -> None:
        self.settings = HOLD if hold else SETTINGS
        self.now = LEFT
        self.quantity = {101: quantities[0], 103: quantities[1]}
        self.gone = Counter[int]()  # refunded, or shipped by hand
        self.left = {1: 0, 2: 0, 3: 0}
        self.told_units: Counter[tuple[int, int]] = Counter()
        self.room_when_told: list[int] = []
        self.parcels: dict[int, Parcel] = {}
        self.told: list[Announced] = []
        self.pushes: dict[tuple[str, str], Push] = {}
        self.findings: tuple[Finding, ...] = ()
        self.status = "PICK"

    def order_line(self, line_id: int) -> int:
        return 103 if line_id == 3 else 101

    def open_in_shop(self, order_line: int) -> int:
        told = sum(q for (_, order_id), q in self.told_units.items() if order_id == order_line)
        return self.quantity[order_line] - self.gone[order_line] - told

    def facts(self) -> GoodsOut:
        announced_as = {a.package_id: (a.sequence, a.parcel) for a in self.told}
        lines = [
            line(
                line_id,
                despatched=left,
                order_product_id=(order_line := self.order_line(line_id)),
                ordered=Decimal(self.quantity[order_line]),
                announced=self.told_units[line_id, order_line],
                open_in_shop=self.open_in_shop(order_line),
            )
            for line_id, left in self.left.items()
        ]
        parcels = [replace(p, announced_as=announced_as.get(p.package_id)) for p in self.parcels.values()]
        return goods_out(lines, parcels, self.told, status=self.status)

    @rule(line_id=st.sampled_from([1, 2, 3]), units=st.integers(1, 3))
    def units_leave(self, line_id: int, units: int) -> None:
        self.left[line_id] += units

    @rule(line_id=st.sampled_from([1, 2, 3]))
    def a_unit_is_taken_back(self, line_id: int) -> None:
        self.left[line_id] = max(0, self.left[line_id] - 1)

    @rule(order_line=st.sampled_from([101, 103]))
    def a_unit_is_refunded_or_shipped_by_hand(self, order_line: int) -> None:
        self.gone[order_line] += 1

    @rule(number=st.sampled_from(["", "N/A", ONE, TWO, THREE, BAD]), carrier=st.sampled_from([RM, "ZZ-7", ""]))
    def a_package_appears(self, number: str, carrier: str) -> None:
        package_id = len(self.parcels) + 1
        self.parcels[package_id] = Parcel(package_id, carrier, number)

    @precondition(lambda self: self.parcels)
    @rule(data=st.data(), number=st.sampled_from(["", ONE, TWO, THREE, BAD]))
    def a_number_comes_or_changes(self, data: st.DataObject, number: str) -> None:
        package_id = data.draw(st.sampled_from(sorted(self.parcels)))
        self.parcels[package_id] = replace(self.parcels[package_id], tracking_number=number)

    @precondition(lambda self: self.parcels)
    @rule(data=st.data())
    def a_label_is_cancelled(self, data: st.DataObject) -> None:
        package_id = data.draw(st.sampled_from(sorted(self.parcels)))
        self.parcels[package_id] = replace(self.parcels[package_id], is_void=True)

    @rule()
    def shipments_are_delivered(self) -> None:
        self.told = [replace(a, shipment_id=500 + n) for n, a in enumerate(self.told)]

    @rule(minutes=st.integers(1, 12))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def clarus_completes_it(self) -> None:
        self.status = "COMPLETED"

    @rule()
    def tick(self) -> None:
        before = self.facts()
        decision = decide(before, settings=self.settings, now=self.now)
        assert decision == decide(before, settings=self.settings, now=self.now)
        self.findings = decision.findings
        for push in decision.pushes:
            assert (push.kind, push.business_key) not in self.pushes, "announced twice"
            self.pushes[push.kind, push.business_key] = push
        for (sequence, number), current in decision.retracked.items():
            self.told = [
                replace(
                    a,
                    package_id=current.package_id,
                    carrier_code=current.carrier_code,
                    tracking_number=current.tracking_number,
                    changes=a.changes + 1,
                )
                if (a.sequence, a.parcel) == (sequence, number)
                else a
                for a in self.told
            ]
        if decision.despatch:
            for line_id, order_line, units in decision.despatch.lines:
                assert units <= self.open_in_shop(order_line), "more than the order expects"
                self.told_units[line_id, order_line] += units
                assert self.told_units[line_id, order_line] <= self.left[line_id], "more than what left"
            self.told += [
                Announced(
                    decision.despatch.sequence,
                    p.parcel,
                    p.package_id,
                    p.carrier_code,
                    p.tracking_number,
                    shipment_id=None,
                )
                for p in decision.despatch.parcels
            ]
            assert items(decision) == dict(
                sum((Counter({o: q}) for _, o, q in decision.despatch.lines), Counter[int]())
            ), "the parcels do not hold what left"

    @rule()
    def twice_without_change_announces_nothing_new(self) -> None:
        self.tick()
        again = decide(self.facts(), settings=self.settings, now=self.now)
        assert again.despatch is None
        assert not again.pushes

    @invariant()
    def no_push_breaks_a_limit_or_guesses_a_carrier(self) -> None:
        for push in self.pushes.values():
            body = push.payload["body"]
            assert all(len(body.get(field, "")) <= limit for field, limit in LIMITS.items())
            assert (body["shipping_provider"], body["tracking_carrier"]) in {("royalmail", ""), ("", "")}
            if push.kind == rules.SHIPMENT:
                assert marker_of(body["comments"]) == push.business_key == push.payload["marker"]
                assert all(item["quantity"] >= 1 for item in body["items"])
                assert body["items"]

    def teardown(self) -> None:
        """Cut anywhere: once all is delivered and time has passed, the books tie or a finding says why."""
        if not hasattr(self, "left"):
            return
        self.now = max(self.now, LATER)
        for _ in range(3):
            self.tick()
            self.shipments_are_delivered()
        said = {f.code for f in self.findings}
        subjects = {(f.code, f.subject.rsplit("line ", 1)[-1].split(" ")[0]) for f in self.findings}
        facts = self.facts()
        held = self.settings.invalid_tracking == "hold" and "tracking_invalid" in said
        for each in facts.lines:
            rise = int(each.despatched) - each.announced
            if rise > 0 and not held:
                assert each.open_in_shop <= 0, "units that the order expects were not announced"
                assert ("over_despatched", str(each.goods_out_line_id)) in subjects
            if rise < 0:
                assert ("voided_despatch", str(each.goods_out_line_id)) in subjects
        shown = Counter(number_of(a) for a in facts.announced)
        waits = any(each.despatched > each.announced and each.open_in_shop > 0 for each in facts.lines)
        for each_parcel in facts.parcels:
            number = number_of(each_parcel)
            if number and each_parcel.announced_as and not each_parcel.is_void and number not in shown:
                assert held, f"{number} was not corrected in the shop"
        if shown[""] and not held:
            assert said & {"despatch_without_tracking", "voided_despatch"}
        if facts.announced and facts.status == "COMPLETED" and not waits:
            for each_parcel in facts.parcels:
                number = number_of(each_parcel)
                if number and not each_parcel.is_void and not held and number not in shown:
                    assert "parcel_without_units" in said


TestAnyHistory = GoodsOutHistory.TestCase
TestAnyHistory.settings = hypothesis_settings(max_examples=150, stateful_step_count=25, deadline=None)
