"""One RMA's sequence: whether it is right, what may follow what, and on which evidence.

What belongs here: decisions about states, as pure functions. What does not: units (`inspection.py`), money
(`refunding.py`), the words of what a person must know (`exceptions.py`), reading or writing anything (`sync.py`).

    authorised -> announced -> received -> inspected -> refunded -> restocked
    any of them -> closed, by a person

Each step has one proof: a receipt of the RMA's reference in Clarus; units on it; a complete receipt with every unit
graded and nothing in doubt; a refund that the shop holds; a reading of stock that holds the sellable units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.inspection import Inspection
from clarus_bc_pipeline.flows.returns.rma import SEQUENCE, Order, Rma, State

RETURN_RECEIPT = "return_receipt"


def may_follow(state: State, after: State) -> bool:
    """Whether an RMA may go from `after` to `state` in one step."""
    if state is State.CLOSED:
        return after is not State.CLOSED
    return after in SEQUENCE[:-1] and state is SEQUENCE[SEQUENCE.index(after) + 1]


# --- whether an RMA is right ---


def refusals(rma: Rma, order: Order | None, claimed: Mapping[int, int]) -> list[Finding]:
    """Why the RMA is not announced, a finding at most; empty when it is right.

    `claimed` is units by order line that other RMAs have. What was shipped, and neither refunded nor claimed, may come
    back. An RMA that is refused waits: it is looked at again whenever its order or another RMA changes.
    """
    if order is None:
        return [exceptions.refused(rma, None, "its order is not known here; was it placed before the go-live line?")]
    if order.is_deleted:
        return [exceptions.refused(rma, order, "its order was deleted (archived) in BigCommerce")]
    faults = []
    for line in rma.lines:
        sold = order.lines.get(line.order_product_id)
        if sold is None:
            faults.append(f"line {line.order_product_id} is no line of order {rma.order_id}")
            continue
        taken = sold.refunded + claimed.get(line.order_product_id, 0)
        if line.units > sold.shipped - taken:
            faults.append(
                f"it asks for {line.units} of SKU {sold.sku}, and {sold.shipped} were shipped, {sold.refunded} refunded"
                f" and {claimed.get(line.order_product_id, 0)} are on other RMAs"
            )
    return [exceptions.refused(rma, order, "; ".join(faults))] if faults else []


def claims(rmas: Iterable[Rma]) -> Counter[int]:
    """Units by order line that these RMAs hold until they are refunded or closed."""
    held: Counter[int] = Counter()
    for rma in rmas:
        if rma.state in SEQUENCE[: SEQUENCE.index(State.REFUNDED)]:
            held.update({line.order_product_id: line.units for line in rma.lines})
    return held


def announcement(rma: Rma, body: Mapping[str, Any]) -> Push:
    """Tell Clarus what comes back: one receipt an RMA, its reference the RMA's number."""
    return Push(
        kind=RETURN_RECEIPT,
        business_key=rma.number,
        lane=f"rma:{rma.number}",
        payload={"reference": rma.number, "order_id": rma.order_id, "body": body},
        priority=Priority.ORDER_RELEASE,
        cause={"order_id": rma.order_id},
    )


# --- the sequence ---


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an RMA besides itself: its receipts, what they come to, its refund, and whether stock holds it.

    `refund_id` is the shop's, of this RMA's own refund; None: none.
    """

    receipt_ids: tuple[int, ...] = ()
    inspection: Inspection = field(default_factory=lambda: Inspection({}))
    refund_id: int | None = None
    is_on_sale: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """One step, when it was true and what proves it."""

    state: State
    at: datetime
    evidence: Mapping[str, Any]


def advance(rma: Rma, facts: Facts, *, now: datetime) -> tuple[Rma, tuple[Transition, ...]]:
    """The RMA as far along its sequence as the facts prove, one step after the other, none left out."""
    taken: list[Transition] = []
    while (step := _next(rma, facts, now)) is not None:
        taken.append(step)
        rma = replace(
            rma,
            state=step.state,
            received_at=step.at if step.state is State.RECEIVED else rma.received_at,
            inspected_at=step.at if step.state is State.INSPECTED else rma.inspected_at,
        )
    return rma, tuple(taken)


def _next(rma: Rma, facts: Facts, now: datetime) -> Transition | None:
    found = facts.inspection
    match rma.state:
        case State.AUTHORISED if facts.receipt_ids:
            return Transition(State.ANNOUNCED, now, {"receipts": list(facts.receipt_ids)})
        case State.ANNOUNCED if found.is_received:
            units = {str(line): graded.received for line, graded in found.lines.items()}
            return Transition(State.RECEIVED, min(found.received_at or now, now), {"units": units})
        case State.RECEIVED if found.is_done:
            graded = {str(line): graded._asdict() for line, graded in found.lines.items()}
            return Transition(State.INSPECTED, now, {"lines": graded})
        case State.INSPECTED if facts.refund_id is not None:
            return Transition(State.REFUNDED, now, {"refund_id": facts.refund_id})
        case State.REFUNDED if facts.is_on_sale:
            sellable = sum(graded.sellable for graded in found.lines.values())
            return Transition(State.RESTOCKED, now, {"sellable": sellable})
        case _:
            return None
