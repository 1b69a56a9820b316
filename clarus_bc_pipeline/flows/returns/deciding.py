"""What becomes of one RMA now: its steps, whether Clarus is told, whether it is refunded, and what a person must know.

What belongs here: the rules of one RMA put together, as a pure function of all that is known of it. What does not: each
rule (`rules.py`, `inspection.py`, `refunding.py`) and the ledger (`sync.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.inspection import Graded, inspect
from clarus_bc_pipeline.flows.returns.refunding import Approval, Before, approve, shipping_of
from clarus_bc_pipeline.flows.returns.rma import Order, Receipt, Rma, State
from clarus_bc_pipeline.flows.returns.rules import Facts, Transition, advance, refusals
from clarus_bc_pipeline.settings import ReturnsSettings

ON_SALE_WITHIN = timedelta(days=1)  # from inspection; a stock sweep comes every hour


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of an RMA. `order` is None where the ledger does not know it.

    `claimed`: units by order line that other RMAs hold. `kept`: the grades as they were approved, or as last kept;
    once `is_approved` they stand. `captured` is None where the order's payments were not read as it stands now.
    `is_in_stock`: a reading of stock since the inspection holds the sellable units.
    """

    rma: Rma
    order: Order | None
    receipts: tuple[Receipt, ...] = ()
    claimed: Mapping[int, int] = field(default_factory=dict)
    kept: Mapping[int, Graded] = field(default_factory=dict)
    is_announced: bool = False
    is_approved: bool = False
    refund_id: int | None = None
    captured: Decimal | None = None
    refunded: Decimal = Decimal(0)
    before: Before = field(default_factory=lambda: Before({}))
    is_order_busy: bool = False  # another RMA's refund of the order is under way
    is_in_stock: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the case comes to. `needs_payments`: it is to be refunded, and the order's payments must be read first."""

    rma: Rma
    steps: tuple[Transition, ...] = ()
    lines: Mapping[int, Graded] = field(default_factory=dict)
    announce: bool = False
    approval: Approval | None = None
    needs_payments: bool = False
    findings: tuple[Finding, ...] = ()


def decide(case: Case, *, settings: ReturnsSettings, now: datetime) -> Outcome:
    """One RMA's next steps. A refund is approved at most once, for units that passed, and for no more than is left."""
    rma, order = case.rma, case.order
    if rma.state is State.CLOSED:
        return Outcome(rma, lines=case.kept)
    if rma.state is State.AUTHORISED and (refused := refusals(rma, order, case.claimed)):
        return Outcome(rma, lines=case.kept, findings=tuple(refused))
    found = inspect(rma, order, case.receipts, settings)
    if case.is_approved:
        found = replace(found, lines=case.kept)
    sellable = {line: graded.sellable for line, graded in found.lines.items() if graded.sellable}
    facts = Facts(
        receipt_ids=tuple(receipt.receipt_id for receipt in case.receipts),
        inspection=found,
        refund_id=case.refund_id if case.is_approved else None,
        is_on_sale=not sellable or case.is_in_stock,
    )
    rma, steps = advance(rma, facts, now=now)
    findings = list(found.findings)
    approval, needs_payments = None, False
    passed = found.passed
    is_sound = case.is_approved or found.is_done
    if rma.state is State.INSPECTED and order is not None and not case.is_approved and is_sound and passed:
        if case.captured is None:
            needs_payments = True
        elif not case.is_order_busy:
            decision = approve(
                rma, order, passed,
                captured=case.captured, refunded=case.refunded, before=case.before, settings=settings,
            )  # fmt: skip
            approval = decision.approval
            findings += decision.findings
    elif case.is_approved and order is not None:
        findings += shipping_of(rma, order, {}, case.before, settings)[1]
    if rma.inspected_at is not None and is_sound:
        findings += exceptions.not_sellable(rma, order, found.lines)
    owed = case.refund_id is None and (rma.inspected_at is None or bool(passed))
    findings += exceptions.overdue(rma, order, is_refund_owed=owed, settings=settings, now=now)
    if rma.state is State.REFUNDED and rma.inspected_at is not None and now - rma.inspected_at > ON_SALE_WITHIN:
        findings.append(exceptions.not_on_sale(rma, order, sellable))
    return Outcome(
        rma=rma,
        steps=steps,
        lines=found.lines,
        announce=rma.state is State.AUTHORISED and not case.is_announced,
        approval=approval,
        needs_payments=needs_payments,
        findings=tuple(findings),
    )
