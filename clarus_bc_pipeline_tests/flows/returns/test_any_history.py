"""Over any history of parcels, grades, calls that fail and refunds by hand: paid once, for what passed, never above."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline_tests.flows.returns.returns_world import World

RMAS = ((0, 2, "unwanted"), (0, 1, "faulty"), (1, 2, "faulty"))  # of an order of three A and two B
SKUS = ("A", "A", "B")

GRADES = ["", "A", "C", "A:1 C:1", "?"]

rma = st.integers(0, 2)
step = st.one_of(
    st.tuples(st.just("open"), rma),
    st.tuples(
        st.just("receive"), rma, st.integers(0, 3), st.sampled_from(["", "A", "C", "A:1 C:1", "?"]), st.booleans()
    ),
    st.tuples(st.just("by hand"), st.integers(0, 1)),
    st.tuples(st.just("fault"), st.sampled_from(["lost", "unheard", "throttled", "refused"])),
    st.sampled_from([("orders",), ("pull",), ("decide",), ("deliver",), ("prove",), ("turn",), ("turn",)]),
)


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def fit(units: int, grade: str, reason: str) -> int:
    """Units of a complete receipt that may be refunded, told in another way than `inspection.py` does."""
    if grade == "A:1 C:1":
        return (1 + (reason == "faulty")) if units == 2 else 0
    return units if grade == "A" or (grade == "C" and reason == "faulty") else 0


class History:
    """One order, its RMAs and everything that happens to them."""

    def __init__(self, world: World, paid: str | None) -> None:
        self.world = world
        self.order = world.place(("A", 3, "10.00"), ("B", 2, "7.01"), paid=paid)
        self.numbers: dict[int, str] = {}
        self.passed = Counter[int]()  # the most units of each RMA that ever stood there, graded and fit for a refund

    def play(self, what: str, *given_: Any) -> None:
        world = self.world
        world.tick(30)
        match what:
            case "open":
                index, units, reason = RMAS[given_[0]]
                self.numbers.setdefault(
                    given_[0], world.open(self.order, (index, units, reason), number=f"RMA-{given_[0]}")
                )
            case "receive":
                which, units, grade, complete = given_
                if self.numbers.get(which) in {receipt.reference for receipt in world.receipts.values()}:
                    world.receive(self.numbers[which], (SKUS[which], units, grade), complete=complete)
                    if complete:
                        self.passed[which] = max(self.passed[which], fit(units, grade, RMAS[which][2]))
            case "by hand":
                line = world.orders[self.order].lines[given_[0]]
                if line.refunded < line.quantity:
                    world.refund_by_hand(self.order, given_[0], 1)
            case "fault":
                world.faults.append(given_[0])
            case "orders":
                world.pull_orders()
            case "turn":
                world.turn()
            case verb:
                getattr(sync, verb)(world.store)
        self.hold()

    def hold(self) -> None:
        """What is promised, whatever happened so far."""
        ours = [refund for refund in self.world.refunds if refund.marker]
        times = Counter(refund.marker for refund in ours)
        assert not times or max(times.values()) == 1, "refunded twice"
        for refund in ours:
            which = int(str(refund.marker).removeprefix("RMA-"))
            [item] = refund.items
            assert item.quantity <= min(RMAS[which][1], self.passed[which]), "more than came back and passed"
            assert refund.total <= self.value(which, item.quantity)
        order = self.world.orders[self.order]
        assert all(line.refunded <= line.quantity for line in order.lines)
        if not any(not refund.marker for refund in self.world.refunds):
            assert self.world.paid_back(self.order) <= order.paid, "above what was captured"

    def value(self, which: int, units: int) -> Decimal:
        line = self.world.orders[self.order].lines[RMAS[which][0]]
        return line.total * units / line.quantity + Decimal("0.01")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, min_size=4, max_size=22), paid=st.sampled_from([None, "9.00"]))
def test_whatever_happens_each_rma_is_paid_once_and_only_for_what_passed(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]], paid: str | None
) -> None:
    world = World(ledger).install(patch)
    history = History(world, paid)
    for what, *given_ in steps:
        history.play(what, *given_)
    world.faults.clear()
    for _ in range(4):
        history.play("turn")
    with ledger.connect() as connection:
        approvals = connection.execute(
            sa.text(
                "SELECT a.rma, l.units, r.passed, p.state FROM refund_approval a JOIN refund_approval_line l "
                "USING (store, rma) JOIN rma_line r USING (store, rma, order_product_id) "
                "JOIN push p ON p.store = a.store AND p.kind = 'refund' AND p.business_key = a.rma "
                "WHERE a.store = :store"
            ),
            {"store": world.key},
        ).all()
    assert all(row.units == row.passed for row in approvals)
    assert {refund.marker for refund in world.refunds if refund.marker} <= {row.rma for row in approvals}
