"""What is announced of a despatch, when, and what is said of the rest: examples, then any history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clarus_bc_pipeline.bigcommerce.shipments import LIMITS, marker_of
from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.flows.despatch import rules
from clarus_bc_pipeline.flows.despatch.goods_out import Announced, DespatchedLine, GoodsOut, Parcel
from clarus_bc_pipeline.flows.despatch.parcels import number_of
from clarus_bc_pipeline.flows.despatch.rules import Decision, ShippedOrder, decide, status_push
from clarus_bc_pipeline.settings import CarrierMapping, DespatchSettings

LEFT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
SOON = LEFT + timedelta(minutes=1)
LATER = LEFT + timedelta(minutes=11)  # past wait_for_tracking_minutes
SETTINGS = DespatchSettings()
HOLD = DespatchSettings(invalid_tracking="hold")

RM = "RM"
ONE, TWO, THREE = "AB100000003GB", "AB200000006GB", "AB300000009GB"
BAD = "AB100000004GB"  # check digit


def line(line_id: int = 1, *, despatched: str | int = 0, **other: object) -> DespatchedLine:
    """A line of 5 units at 10.00, matched to order line 100 + its id."""
    given = {
        "product_code": f"SKU{line_id}",
        "order_product_id": 100 + line_id,
        "candidates": 1,
        "ordered": Decimal(5),
        "announced": 0,
        "open_in_shop": 5,
        "short_status": "",
        "price_inc_tax": Decimal("10.00"),
    }
    return DespatchedLine(goods_out_line_id=line_id, despatched=Decimal(despatched), **(given | other))  # type: ignore[arg-type]


def goods_out(
    lines: Iterable[DespatchedLine] = (),
    parcels: Iterable[Parcel] = (),
    announced: Iterable[Announced] = (),
    *,
    status: str = "PICK",
) -> GoodsOut:
    told = tuple(announced)
    return GoodsOut(
        goods_out_id=914,
        order_id=10432,
        order_address_id=77,
        status=status,
        currency="GBP",
        postcode="LS1 4AP",
        despatched_at=LEFT,
        last_sequence=max((a.sequence for a in told), default=0),
        lines=tuple(lines),
        parcels=tuple(parcels),
        announced=told,
    )


def parcel(package_id: int | None, number: str = "", *, carrier: str = RM, **other: object) -> Parcel:
    return Parcel(package_id, carrier, number, **other)  # type: ignore[arg-type]


def told(package_id: int | None, number: str, *, shipment_id: int | None = 501, **other: object) -> Announced:
    given: dict[str, object] = {"sequence": 1, "parcel": 1, "carrier_code": RM} | other
    return Announced(package_id=package_id, tracking_number=number, shipment_id=shipment_id, **given)  # type: ignore[arg-type]


def codes(decision: Decision) -> list[str]:
    return sorted(finding.code for finding in decision.findings)


def bodies(decision: Decision, kind: str = rules.SHIPMENT) -> list[dict[str, object]]:
    return [push.payload["body"] for push in decision.pushes if push.kind == kind]


def items(decision: Decision) -> dict[int, int]:
    units: Counter[int] = Counter()
    for body in bodies(decision):
        for item in body["items"]:  # type: ignore[attr-defined]
            units[item["order_product_id"]] += item["quantity"]
    return dict(units)


def test_a_whole_despatch_is_one_shipment_with_its_link_fields_address_and_marker() -> None:
    left = goods_out([line(despatched=5)], [parcel(1, ONE)], status="COMPLETED")
    decision = decide(left, settings=SETTINGS, now=SOON)
    [push] = decision.pushes
    assert push.payload["body"] == {
        "order_address_id": 77,
        "items": [{"order_product_id": 101, "quantity": 5}],
        "tracking_number": ONE,
        "shipping_provider": "royalmail",
        "tracking_carrier": "",
        "comments": "[clarus:GO-914/1/1]",
    }
    assert push.due_at == LEFT + timedelta(minutes=15)
    assert (push.cause["value_at_risk"], push.cause["currency"]) == ("50.00", "GBP")
    assert not decision.findings


def test_nothing_is_announced_before_it_left_though_the_label_is_bought() -> None:
    decision = decide(goods_out([line()], [parcel(1, ONE)]), settings=SETTINGS, now=LATER)
    assert decision == Decision()


def test_a_partial_despatch_announces_what_left_and_the_next_one_only_the_rise() -> None:
    first = decide(goods_out([line(despatched=2)], [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
    assert items(first) == {101: 2}
    second = decide(
        goods_out(
            [line(despatched=5, announced=2, open_in_shop=3)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, TWO)],
            [told(1, ONE)],
        ),
        settings=SETTINGS,
        now=SOON,
    )
    assert items(second) == {101: 3}
    assert [push.business_key for push in second.pushes] == ["GO-914/2/1"]


def test_split_parcels_are_a_shipment_each_and_their_units_add_up() -> None:
    lines = [line(1, despatched=3), line(2, despatched=1)]
    decision = decide(goods_out(lines, [parcel(1, ONE), parcel(2, TWO)]), settings=SETTINGS, now=SOON)
    assert [body["tracking_number"] for body in bodies(decision)] == [ONE, TWO]
    assert items(decision) == {101: 3, 102: 1}
    assert [body["comments"] for body in bodies(decision)] == [
        "Parcel 1 of 2. [clarus:GO-914/1/1]",
        "Parcel 2 of 2. [clarus:GO-914/1/2]",
    ]


def test_of_two_addresses_each_goods_out_ships_to_its_own() -> None:
    decision = decide(
        replace(goods_out([line(despatched=1)], [parcel(1, ONE)]), order_address_id=78),
        settings=SETTINGS,
        now=SOON,
    )
    assert [body["order_address_id"] for body in bodies(decision)] == [78]


def test_more_parcels_than_units_name_the_surplus_in_the_comment_and_in_a_finding_that_stays() -> None:
    left = goods_out(
        [line(despatched=1, ordered=Decimal(1))], [parcel(1, ONE), parcel(2, TWO)], status="COMPLETED"
    )
    decision = decide(left, settings=SETTINGS, now=SOON)
    assert [body["comments"] for body in bodies(decision)] == [f"Also sent: {TWO}. [clarus:GO-914/1/1]"]
    after = goods_out(
        [line(despatched=1, ordered=Decimal(1), announced=1, open_in_shop=0)],
        [parcel(1, ONE, announced_as=(1, 1)), parcel(2, TWO)],
        [told(1, ONE)],
        status="COMPLETED",
    )
    again = decide(after, settings=SETTINGS, now=LATER)
    assert again.findings == decision.findings
    assert [f.code for f in again.findings] == ["parcel_without_units"]
    assert not again.pushes


def test_a_label_for_what_has_yet_to_leave_is_not_called_surplus() -> None:
    left = goods_out([line(despatched=1)], [parcel(1, ONE), parcel(2, TWO)], status="PICK")
    decision = decide(left, settings=SETTINGS, now=SOON)
    assert codes(decision) == []
    assert "Also sent" not in str(bodies(decision)[0]["comments"])


class TestTrackingThatComesLate:
    def test_all_wait_for_the_number_of_one(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE), parcel(2)])
        assert decide(left, settings=SETTINGS, now=SOON) == Decision(is_waiting=True)

    def test_a_despatch_without_any_package_record_waits_too(self) -> None:
        assert decide(goods_out([line(despatched=5)]), settings=SETTINGS, now=SOON).is_waiting

    def test_after_the_agreed_time_all_are_announced_with_a_finding(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO, ""]
        assert codes(decision) == ["despatch_without_tracking"]

    def test_a_single_unit_goes_to_the_parcel_that_has_a_number(self) -> None:
        left = goods_out([line(despatched=1)], [parcel(1), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]

    def test_no_waiting_when_the_setting_is_zero(self) -> None:
        at_once = DespatchSettings(wait_for_tracking_minutes=0)
        assert items(decide(goods_out([line(despatched=5)]), settings=at_once, now=LEFT)) == {101: 5}

    @pytest.mark.parametrize("words", ["N/A", "tbc", " - ", "0"])
    def test_words_that_say_no_number_are_no_number(self, words: str) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, words)])
        assert decide(left, settings=SETTINGS, now=SOON).is_waiting
        decision = decide(left, settings=HOLD, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [""]
        assert decision.despatch is not None
        assert [p.tracking_number for p in decision.despatch.parcels] == [""]
        assert codes(decision) == ["despatch_without_tracking"]

    def test_the_finding_stays_open_while_the_number_is_missing(self) -> None:
        after = goods_out([line(despatched=5, announced=5, open_in_shop=0)], [], [told(None, "")])
        assert codes(decide(after, settings=SETTINGS, now=LATER)) == ["despatch_without_tracking"]

    def test_the_number_corrects_the_shipment_when_it_comes(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1))],
            [told(1, "")],
        )
        decision = decide(after, settings=SETTINGS, now=LATER)
        [push] = decision.pushes
        assert (push.kind, push.business_key) == ("shipment_tracking", "GO-914/1/1#1")
        assert push.payload["shipment_id"] == 501
        assert push.payload["body"]["tracking_number"] == ONE
        assert decision.retracked == {(1, 1): after.parcels[0]}
        assert not decision.findings

    def test_a_number_between_decision_and_delivery_waits_for_the_shipment_to_exist(self) -> None:
        lines, parcels = (
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1))],
        )
        before = goods_out(lines, parcels, [told(1, "", shipment_id=None)])
        assert decide(before, settings=SETTINGS, now=LATER) == Decision()
        delivered = goods_out(lines, parcels, [told(1, "", shipment_id=501)])
        assert len(decide(delivered, settings=SETTINGS, now=LATER).pushes) == 1

    def test_a_label_on_the_shipment_alone_is_a_parcel(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(None, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [ONE]
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)], [parcel(None, ONE)], [told(None, ONE)]
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_a_label_without_a_package_that_comes_late_corrects_the_shipment(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)], [parcel(None, ONE)], [told(None, "")]
        )
        decision = decide(after, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision, "shipment_tracking")] == [ONE]


class TestTrackingThatChanges:
    DONE = (line(despatched=5, announced=5, open_in_shop=0),)

    def test_a_changed_number_is_corrected_once(self) -> None:
        changed = goods_out(self.DONE, [parcel(1, TWO, announced_as=(1, 1))], [told(1, ONE, changes=2)])
        [push] = decide(changed, settings=SETTINGS, now=LATER).pushes
        assert push.business_key == "GO-914/1/1#3"
        mended = goods_out(self.DONE, [parcel(1, TWO, announced_as=(1, 1))], [told(1, TWO, changes=3)])
        assert decide(mended, settings=SETTINGS, now=LATER) == Decision()

    def test_the_same_number_written_otherwise_is_no_change(self) -> None:
        spaced = goods_out(self.DONE, [parcel(1, "ab 1000 0000 3 gb", announced_as=(1, 1))], [told(1, ONE)])
        assert decide(spaced, settings=SETTINGS, now=LATER) == Decision()

    def test_a_number_that_is_taken_away_leaves_the_shop_as_it_is(self) -> None:
        emptied = goods_out(self.DONE, [parcel(1, "", announced_as=(1, 1))], [told(1, ONE)])
        assert decide(emptied, settings=SETTINGS, now=LATER) == Decision()

    def test_another_carrier_is_corrected_and_a_link_made_for_the_old_one_is_cleared(self) -> None:
        moved = goods_out(
            self.DONE, [parcel(1, ONE, announced_as=(1, 1))], [told(1, ONE, carrier_code="APC")]
        )
        [push] = decide(moved, settings=SETTINGS, now=LATER).pushes
        assert push.payload["body"]["shipping_provider"] == "royalmail"
        assert push.payload["body"]["tracking_link"] == ""

    def test_a_wrong_correction_is_held_by_setting_or_sent_with_its_finding(self) -> None:
        wrong = goods_out(self.DONE, [parcel(1, BAD, announced_as=(1, 1))], [told(1, ONE)])
        held = decide(wrong, settings=HOLD, now=LATER)
        assert (held.pushes, held.retracked, codes(held)) == ((), {}, ["tracking_invalid"])
        sent = decide(wrong, settings=SETTINGS, now=LATER)
        assert (len(sent.pushes), codes(sent)) == (1, ["tracking_invalid"])

    def test_a_finding_on_a_number_that_was_sent_stays_until_the_number_is_right(self) -> None:
        sent = goods_out(self.DONE, [parcel(1, BAD, announced_as=(1, 1))], [told(1, BAD)])
        assert codes(decide(sent, settings=SETTINGS, now=LATER)) == ["tracking_invalid"]

    def test_a_replaced_label_is_a_correction_of_the_same_shipment(self) -> None:
        replaced = goods_out(
            self.DONE, [parcel(1, ONE, is_void=True), parcel(2, TWO)], [told(1, ONE)], status="COMPLETED"
        )
        decision = decide(replaced, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision, "shipment_tracking")] == [TWO]
        assert decision.retracked == {(1, 1): replaced.parcels[1]}
        assert codes(decision) == []

    def test_a_replaced_label_is_found_though_a_surplus_stands_unannounced(self) -> None:
        over = line(despatched=7, announced=5, open_in_shop=0)
        replaced = goods_out([over], [parcel(1, ONE, is_void=True), parcel(2, TWO)], [told(1, ONE)])
        decision = decide(replaced, settings=SETTINGS, now=LATER)
        assert len(bodies(decision, "shipment_tracking")) == 1
        assert codes(decision) == ["over_despatched"]

    def test_a_cancelled_label_without_a_new_one_is_a_finding(self) -> None:
        void = goods_out(self.DONE, [parcel(1, ONE, is_void=True)], [told(1, ONE)])
        decision = decide(void, settings=SETTINGS, now=LATER)
        assert (decision.pushes, codes(decision)) == ((), ["voided_despatch"])

    def test_a_new_label_beside_a_live_one_replaces_nothing(self) -> None:
        bought = goods_out(self.DONE, [parcel(None, ONE), parcel(2, TWO)], [told(None, ONE)])
        assert decide(bought, settings=SETTINGS, now=LATER) == Decision()

    def test_a_label_that_goes_with_new_units_does_not_replace_a_cancelled_one(self) -> None:
        both = goods_out(
            [line(despatched=5, announced=3, open_in_shop=2)],
            [parcel(1, ONE, is_void=True), parcel(2, TWO)],
            [told(1, ONE)],
        )
        decision = decide(both, settings=SETTINGS, now=LATER)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]
        assert codes(decision) == ["voided_despatch"]

    def test_a_label_cancelled_before_any_announcement_is_no_parcel(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE, is_void=True), parcel(2, TWO)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [TWO]
        assert codes(decision) == []


class TestPackagesThatShareANumber:
    def test_a_consignment_is_one_shipment(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE), parcel(2, ONE), parcel(3, ONE)])
        assert len(decide(left, settings=SETTINGS, now=SOON).pushes) == 1

    def test_and_its_other_packages_are_not_announced_later(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, ONE)],
            [told(1, ONE)],
            status="COMPLETED",
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_and_losing_one_package_does_not_void_the_number(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=5, open_in_shop=0)],
            [parcel(1, ONE, is_void=True), parcel(2, ONE)],
            [told(1, ONE)],
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_units_that_leave_later_under_the_same_number_carry_it_after_the_wait(self) -> None:
        after = goods_out(
            [line(despatched=5, announced=3, open_in_shop=2)],
            [parcel(1, ONE, announced_as=(1, 1)), parcel(2, ONE)],
            [told(1, ONE)],
        )
        assert decide(after, settings=SETTINGS, now=SOON).is_waiting
        decision = decide(after, settings=SETTINGS, now=LATER)
        assert [(b["tracking_number"], b["items"]) for b in bodies(decision)] == [
            (ONE, [{"order_product_id": 101, "quantity": 2}])
        ]
        assert codes(decision) == []


class TestTrackingThatIsWrong:
    def test_it_is_sent_with_its_finding_by_default(self) -> None:
        decision = decide(goods_out([line(despatched=5)], [parcel(1, BAD)]), settings=SETTINGS, now=SOON)
        assert [body["tracking_number"] for body in bodies(decision)] == [BAD]
        assert codes(decision) == ["tracking_invalid"]

    def test_it_holds_the_despatch_where_the_store_says_so(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, BAD), parcel(2, TWO)])
        decision = decide(left, settings=HOLD, now=LATER)
        assert (decision.despatch, decision.is_waiting) == (None, True)
        assert codes(decision) == ["tracking_invalid"]

    def test_an_unmapped_carrier_never_holds_and_is_never_guessed(self) -> None:
        left = goods_out([line(despatched=5)], [parcel(1, ONE, carrier="ZZ-7")])
        decision = decide(left, settings=HOLD, now=SOON)
        [body] = bodies(decision)
        assert (body["shipping_provider"], body["tracking_carrier"], body["tracking_number"]) == ("", "", ONE)
        assert "tracking_link" not in body
        [finding] = decision.findings
        assert (finding.code, finding.subject) == ("unmapped_carrier", "carrier 'ZZ-7'")
        assert "[despatch.carriers.ZZ-7]" in finding.message

    def test_a_mapped_carrier_gets_its_fields(self) -> None:
        mapped = DespatchSettings(carriers={"ZZ-7": CarrierMapping(carrier="evri")})
        left = goods_out([line(despatched=5)], [parcel(1, "X" * 16, carrier="ZZ-7")])
        assert bodies(decide(left, settings=mapped, now=SOON))[0]["tracking_carrier"] == "myhermes-uk"


class TestLinesThatCannotBeAnnounced:
    @pytest.mark.parametrize(
        ("faulty", "code"),
        [
            (line(2, despatched="1.5"), "fractional_quantity"),
            (line(2, despatched=2, order_product_id=None, candidates=2), "ambiguous_line"),
            (line(2, despatched=2, order_product_id=None, candidates=0), "unknown_line"),
        ],
    )
    def test_they_are_named_and_the_others_go(self, faulty: DespatchedLine, code: str) -> None:
        left = goods_out([line(1, despatched=2), faulty], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 2}
        [finding] = decision.findings
        assert finding.code == code
        assert (finding.order_id, "SKU2" in finding.message) == (10432, True)

    def test_a_whole_quantity_written_with_decimals_is_whole(self) -> None:
        left = goods_out([line(despatched="2.000")], [parcel(1, ONE)])
        assert items(decide(left, settings=SETTINGS, now=SOON)) == {101: 2}

    def test_more_than_ordered_is_announced_up_to_the_order_and_priced_above_it(self) -> None:
        decision = decide(goods_out([line(despatched=7)], [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 5}
        [finding] = decision.findings
        assert (finding.code, finding.value_at_risk) == ("over_despatched", Decimal("20.00"))
        again = goods_out([line(despatched=7, announced=5, open_in_shop=0)], [], [told(None, ONE)])
        assert decide(again, settings=SETTINGS, now=LATER).findings == (finding,)

    def test_a_partly_refunded_line_is_announced_up_to_what_is_left_of_it(self) -> None:
        left = goods_out([line(despatched=5, open_in_shop=3)], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 3}
        assert "refunded" in decision.findings[0].message

    @pytest.mark.parametrize("open_in_shop", [0, -2])
    def test_after_the_order_was_shipped_by_hand_nothing_is_sent_and_it_is_said(
        self, open_in_shop: int
    ) -> None:
        left = goods_out([line(despatched=5, open_in_shop=open_in_shop)], [parcel(1, ONE)])
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert (decision.despatch, decision.pushes, decision.is_waiting) == (None, (), False)
        [finding] = decision.findings
        assert finding.code == "over_despatched"
        assert "by hand" in finding.message

    def test_two_warehouse_lines_of_one_order_line_share_its_room(self) -> None:
        lines = [line(1, despatched=3), line(2, despatched=4, order_product_id=101)]
        decision = decide(goods_out(lines, [parcel(1, ONE)]), settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 5}
        assert decision.findings[0].value_at_risk == Decimal("20.00")

    def test_units_taken_back_after_they_were_announced_are_a_finding(self) -> None:
        back = goods_out(
            [line(despatched=1, announced=3)], [parcel(1, ONE, announced_as=(1, 1))], [told(1, ONE)]
        )
        [finding] = decide(back, settings=SETTINGS, now=LATER).findings
        assert (finding.code, finding.value_at_risk) == ("voided_despatch", Decimal("20.00"))


class TestShortedLines:
    def test_units_closed_short_need_a_decision(self) -> None:
        left = goods_out([line(despatched=3)], [parcel(1, ONE)], status="COMPLETED")
        decision = decide(left, settings=SETTINGS, now=SOON)
        assert items(decision) == {101: 3}
        [finding] = decision.findings
        assert (finding.code, finding.value_at_risk) == ("short_decision_needed", Decimal("20.00"))
        after = goods_out(
            [line(despatched=3, announced=3, open_in_shop=2)], [], [told(None, ONE)], status="COMPLETED"
        )
        assert decide(after, settings=SETTINGS, now=LATER).findings == (finding,)

    def test_once_they_are_refunded_the_finding_goes(self) -> None:
        after = goods_out(
            [line(despatched=3, announced=3, open_in_shop=0)], [], [told(None, ONE)], status="COMPLETED"
        )
        assert decide(after, settings=SETTINGS, now=LATER) == Decision()

    def test_only_what_the_order_still_expects_after_this_despatch_is_short(self) -> None:
        left = goods_out([line(despatched=3, open_in_shop=4)], [parcel(1, ONE)], status="COMPLETED")
        [finding] = decide(left, settings=SETTINGS, now=SOON).findings
        assert finding.value_at_risk == Decimal("10.00")

    def test_what_is_still_being_picked_is_not_short(self) -> None:
        left = goods_out([line(despatched=3)], [parcel(1, ONE)], status="PICK")
        assert codes(decide(left, settings=SETTINGS, now=SOON)) == []

    def test_a_line_nobody_could_match_is_short_too(self) -> None:
        unmatched = line(order_product_id=None, candidates=2)
        decision = decide(goods_out([unmatched], status="COMPLETED"), settings=SETTINGS, now=SOON)
        assert codes(decision) == ["short_decision_needed"]


class TestStatus:
    @staticmethod
    def order(status_id: int, *, shipped: int = 5, to_ship: int = 5) -> ShippedOrder:
        return ShippedOrder(10432, status_id, to_ship, shipped, last_shipment_id=501)

    @pytest.mark.parametrize("status_id", [3, 7, 8, 9, 11])
    def test_shipped_is_set_where_bigcommerce_did_not(self, status_id: int) -> None:
        push = status_push(self.order(status_id))
        assert push is not None
        assert push.payload == {"order_id": 10432, "status_id": 2}

    @pytest.mark.parametrize("status_id", [7, 9, 11])
    def test_partially_shipped_too(self, status_id: int) -> None:
        push = status_push(self.order(status_id, shipped=2))
        assert push is not None
        assert push.payload["status_id"] == 3

    @pytest.mark.parametrize("status_id", [2, 4, 5, 10, 13, 14])
    def test_no_call_where_it_moved_or_a_person_chose_otherwise(self, status_id: int) -> None:
        assert status_push(self.order(status_id)) is None

    def test_no_call_for_a_part_that_shows_already(self) -> None:
        assert status_push(self.order(3, shipped=2)) is None

    @pytest.mark.parametrize("to_ship", [5, 0])
    def test_no_call_before_anything_shipped(self, to_ship: int) -> None:
        assert status_push(self.order(11, shipped=0, to_ship=to_ship)) is None

    def test_a_later_shipment_is_another_push(self) -> None:
        first = status_push(self.order(11, shipped=2))
        second = status_push(replace(self.order(11, shipped=3), last_shipment_id=502))
        assert first is not None
        assert second is not None
        assert first.business_key != second.business_key


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

    @rule(
        number=st.sampled_from(["", "N/A", ONE, TWO, THREE, BAD]), carrier=st.sampled_from([RM, "ZZ-7", ""])
    )
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
