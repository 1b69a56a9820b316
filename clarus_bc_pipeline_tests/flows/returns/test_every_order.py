"""Every order of events in small scopes: one RMA of up to two lines of up to two units, walked exhaustively.

The walk goes through all worlds that any sequence of parcels, grades, decisions, calls (answered, lost, applied and
unheard), read-backs and refunds by hand can reach, with delays and repetitions, and holds each to what is promised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import pytest

from clarus_bc_pipeline.flows.returns.currency import part
from clarus_bc_pipeline.flows.returns.deciding import Case, Outcome, decide
from clarus_bc_pipeline.flows.returns.inspection import Graded
from clarus_bc_pipeline.flows.returns.refunding import Before
from clarus_bc_pipeline.flows.returns.rma import SEQUENCE, Receipt, Rma, State
from clarus_bc_pipeline.flows.returns.rules import may_follow
from clarus_bc_pipeline_tests.flows.returns.rma_examples import (
    BACK,
    MUG,
    NOW,
    SETTINGS,
    TIN,
    back,
    order,
    refunded,
    rma,
)

OVER = 1  # units beyond the authorised that may come back

Units = tuple[int, int]  # sellable, damaged


@dataclass(frozen=True)
class World:
    """Both systems and the ledger, as far as one RMA goes. Units by line, in the RMA's order."""

    arrived: tuple[Units, ...]
    graded: tuple[Units, ...]
    is_told: bool = False  # the receipt is in Clarus
    may_tell: bool = False  # the push that makes it is queued
    is_complete: bool = False
    state: State = State.AUTHORISED
    kept: tuple[Graded, ...] = ()
    approved: tuple[int, ...] | None = None  # units by line
    amount: Decimal = Decimal(0)
    push: str = ""  # pending | ambiguous | delivered | parked
    refunds: int = 0  # of this RMA, in the shop
    by_hand: int = 0  # units of the first line that somebody refunded
    by_hand_seen: int = 0
    is_in_stock: bool = False
    by_hand_before: int = 0  # of these, known when the refund was approved


@dataclass(frozen=True)
class Scope:
    """What is walked: the RMA, and what was captured of its order."""

    rma: Rma
    captured: Decimal

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(line.order_product_id for line in self.rma.lines)

    def start(self) -> World:
        none = tuple((0, 0) for _ in self.rma.lines)
        return World(none, none)

    # --- what happens ---

    def events(self, world: World) -> Iterator[tuple[str, World]]:
        if world.may_tell and not world.is_told:
            yield "tell", replace(world, is_told=True)
        if world.is_told and not world.is_complete:
            for i, line in enumerate(self.rma.lines):
                if sum(world.arrived[i]) < line.units + (OVER if len(self.lines) == 1 else 0):
                    for grade in (0, 1):
                        yield f"arrive {i}", replace(world, arrived=_plus(world.arrived, i, grade))
            yield "complete", replace(world, is_complete=True)
        for i in range(len(self.lines)):
            if world.graded[i] != world.arrived[i]:
                graded = (*world.graded[:i], world.arrived[i], *world.graded[i + 1 :])
                yield f"grade {i}", replace(world, graded=graded)
        yield "turn", self.turn(world)
        if world.push == "pending":
            yield "send", replace(self.send(world), push="delivered")
            yield "unheard", replace(self.send(world), push="ambiguous")
            yield "lost", replace(world, push="ambiguous")
        if world.push == "ambiguous":
            yield "look", replace(world, push="delivered" if world.refunds else "parked")
        if world.by_hand == 0 and self.shop_allows(world, {self.lines[0]: 1}):
            yield "by hand", replace(world, by_hand=1)
        if world.state is State.REFUNDED and not world.is_in_stock:
            yield "stock read", replace(world, is_in_stock=True)
        if world.by_hand_seen != world.by_hand:
            yield "refunds read", replace(world, by_hand_seen=world.by_hand)

    def send(self, world: World) -> World:
        assert world.approved is not None
        units = dict(zip(self.lines, world.approved, strict=True))
        return replace(world, refunds=world.refunds + 1) if self.shop_allows(world, units) else world

    def shop_allows(self, world: World, units: dict[int, int]) -> bool:
        """The shop refunds no more units of a line than it sold."""
        gone = dict.fromkeys(self.lines, 0)
        gone[self.lines[0]] += world.by_hand
        if world.refunds and world.approved:
            for line, count in zip(self.lines, world.approved, strict=True):
                gone[line] += count * world.refunds
        return all(gone[line] + count <= ORDER.lines[line].quantity for line, count in units.items())

    def turn(self, world: World) -> World:
        outcome = self.outcome(world)
        self.hold_steps(world, outcome)
        kept = tuple(outcome.lines.get(line, Graded()) for line in self.lines)
        world = replace(world, state=outcome.rma.state, kept=kept, may_tell=world.may_tell or outcome.announce)
        if (approval := outcome.approval) is None:
            return world
        assert world.approved is None, "approved twice"
        units = {line.order_product_id: line.units for line in approval.lines}
        approved = tuple(units.get(line, 0) for line in self.lines)
        return replace(
            world, approved=approved, amount=approval.amount, push="pending", by_hand_before=world.by_hand_seen
        )

    def outcome(self, world: World) -> Outcome:
        receipts: tuple[Receipt, ...] = ()
        if world.is_told:
            lines = tuple(
                back(sum(arrived), f"A:{graded[0]}, C:{graded[1]}", line=line)
                for line, arrived, graded in zip(self.lines, world.arrived, world.graded, strict=True)
            )
            receipts = (Receipt(5, world.is_complete, BACK, lines),)
        seen = world.by_hand_seen
        return decide(
            Case(
                rma=replace(
                    self.rma,
                    state=world.state,
                    received_at=BACK if world.state in SEQUENCE[2:] else None,
                    inspected_at=BACK if world.state in SEQUENCE[3:] else None,
                ),
                order=refunded(ORDER, self.lines[0], seen),
                receipts=receipts,
                kept=dict(zip(self.lines, world.kept, strict=True)) if world.kept else {},
                is_announced=world.may_tell,
                is_approved=world.approved is not None,
                refund_id=77 if world.push == "delivered" and world.refunds else None,
                captured=self.captured,
                refunded=self.hand_amount(seen),
                before=Before({self.lines[0]: seen}, by_hand=(66,) if seen else ()),
                is_in_stock=world.is_in_stock,
            ),
            settings=SETTINGS,
            now=NOW,
        )

    @staticmethod
    def hand_amount(units: int) -> Decimal:
        return part(ORDER.lines[MUG].total, of=ORDER.lines[MUG].quantity, before=0, units=units, currency="GBP")

    # --- what is promised ---

    def hold_steps(self, world: World, outcome: Outcome) -> None:
        state = world.state
        for step in outcome.steps:
            assert may_follow(step.state, state), f"{state} -> {step.state}"
            assert step.evidence
            state = step.state
        assert state is outcome.rma.state

    def hold(self, world: World) -> None:
        assert world.refunds <= 1, "refunded twice"
        if world.refunds:
            assert world.approved is not None, "refunded without an approval"
        if world.approved is not None:
            assert world.state in SEQUENCE[3:], "approved before inspection"
            assert world.is_complete
            for line, units, arrived, graded in zip(
                self.rma.lines, world.approved, world.arrived, world.graded, strict=True
            ):
                may_pass = sum(arrived) if line.reason == "faulty" else arrived[0]
                assert units <= min(line.units, may_pass), "refunded what did not come back and pass"
                assert graded == arrived
            assert world.amount <= self.captured - self.hand_amount(world.by_hand_before), "above what was left"
            assert world.by_hand_before == 0, "approved beside a refund by hand"
        if world.state in (State.REFUNDED, State.RESTOCKED):
            assert world.refunds == 1, "called refunded without a refund"


ORDER = order(mugs=2, tins=2)


def _plus(arrived: tuple[Units, ...], i: int, grade: int) -> tuple[Units, ...]:
    units = (arrived[i][0] + (grade == 0), arrived[i][1] + (grade == 1))
    return (*arrived[:i], units, *arrived[i + 1 :])


def walk(scope: Scope) -> set[World]:
    """All worlds that can be reached, each held to the promises."""
    seen, waiting = {scope.start()}, deque([scope.start()])
    while waiting:
        for event, world in scope.events(waiting.popleft()):
            if world not in seen:
                try:
                    scope.hold(world)
                except AssertionError as error:
                    raise AssertionError(f"after {event}: {error}\n{world}") from error
                seen.add(world)
                waiting.append(world)
    return seen


FULL = Decimal("23.95")
SCOPES = {
    "a unit": Scope(rma((MUG, 1), state=State.AUTHORISED), FULL),
    "two units": Scope(rma((MUG, 2), state=State.AUTHORISED), FULL),
    "two faulty units": Scope(rma((MUG, 2, "faulty"), state=State.AUTHORISED), FULL),
    "two units, captured in part": Scope(rma((MUG, 2), state=State.AUTHORISED), Decimal("7.00")),
    "two lines of a unit": Scope(rma((MUG, 1), (TIN, 1, "faulty"), state=State.AUTHORISED), FULL),
    "two lines of two units": Scope(rma((MUG, 2), (TIN, 2, "faulty"), state=State.AUTHORISED), FULL),
}


@cache
def worlds(name: str) -> frozenset[World]:
    return frozenset(walk(SCOPES[name]))


@pytest.mark.parametrize("name", SCOPES)
def test_in_every_order_of_events_only_what_came_back_and_passed_is_refunded_and_once(name: str) -> None:
    reached = worlds(name)
    assert any(world.refunds for world in reached)
    assert {world.state for world in reached} == set(State) - {State.CLOSED}


def test_all_units_can_be_refunded_and_a_part_too() -> None:
    refunded_units = {world.approved for world in worlds("two lines of two units") if world.state is State.RESTOCKED}
    assert {(2, 2), (1, 2), (0, 1), (2, 0)} <= refunded_units


def test_of_a_payment_captured_in_part_no_more_is_refunded_than_was_captured() -> None:
    amounts = {world.amount for world in worlds("two units, captured in part") if world.refunds}
    assert amounts == {Decimal("5.00")}  # two would be 10.00, above the 7.00 captured


def test_the_walk_would_notice_a_refund_of_what_is_not_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    from clarus_bc_pipeline.flows.returns import inspection

    def careless(text: str, received: int, settings: object) -> inspection.Grades:
        return inspection.Grades(received, 0, 0)

    monkeypatch.setattr(inspection, "grades", careless)
    with pytest.raises(AssertionError):
        walk(SCOPES["a unit"])
