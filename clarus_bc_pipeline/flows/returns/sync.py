"""The returns flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying decisions between the ledger, `deciding.py` and the outbox. What does not: reading the two
systems (`pulling.py`), any `if` about what a return deserves (`deciding.py`), Dagster (`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.products import products_by_code
from clarus_bc_pipeline.clarus.receipts import return_receipt_payload
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.sync import keep_products, proven_map
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.returns import exceptions, rules
from clarus_bc_pipeline.flows.returns.cases import read_cases
from clarus_bc_pipeline.flows.returns.deciding import Case, Outcome
from clarus_bc_pipeline.flows.returns.deciding import decide as decide_case
from clarus_bc_pipeline.flows.returns.deliveries import receipt_delivery, refund_delivery
from clarus_bc_pipeline.flows.returns.proving import Proven, prove_refunds
from clarus_bc_pipeline.flows.returns.pulling import Pulled, pull, read_payments
from clarus_bc_pipeline.flows.returns.refunding import REFUND, Approval, refund_push
from clarus_bc_pipeline.flows.returns.rma import State
from clarus_bc_pipeline.flows.returns.rules import RETURN_RECEIPT
from clarus_bc_pipeline.flows.store import Store, refund_variable
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, due_mark, enqueue
from clarus_bc_pipeline.ledger.queries import read_queries

__all__ = ["Decided", "Proven", "Pulled", "decide", "deliver", "news", "prove", "pull"]

SQL = read_queries(Path(__file__).with_name("queries.sql"))

DECIDED = "returns_decided"
SCOPE, RECEIPTS = "returns", "returns.receipts"
REFUNDS_SYSTEM = "BigCommerce refunds"
LOOK_AGAIN = timedelta(hours=1)  # time alone makes an inspection late and a refund due

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to: RMAs looked at, steps they took, and pushes that are new."""

    considered: int = 0
    steps: int = 0
    announced: int = 0
    approved: int = 0
    findings: int = 0


def decide(store: Store) -> Decided:
    """Move every RMA as far as the facts prove, announce those that are right, approve the refunds that are owed.

    The payments of an order that is to be refunded are read first where the ledger's reading is older than the order: a
    call each, and no more for an order that the finance flow has read.
    """
    if not store.settings.returns.enabled:
        return Decided()
    _name_products(store)
    product_ids = _products_to_announce(store)
    decided, orders = _decide(store, product_ids)
    if orders:
        read_payments(store, orders)
        again, _ = _decide(store, product_ids)
        decided = Decided(
            again.considered,
            decided.steps + again.steps,
            decided.announced + again.announced,
            again.approved + decided.approved,
            again.findings,
        )
    return decided


def _decide(store: Store, product_ids: Mapping[str, int] | None) -> tuple[Decided, dict[int, datetime]]:
    """One decision: what it came to, and the orders whose payments must be read before the next.

    Without `product_ids` nothing is announced.
    """
    now = store.now()
    settings = store.settings.returns
    with store.engine.begin() as connection:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext('returns decide'), hashtext(:store))"), {"store": store.key}
        )
        cases = read_cases(connection, store=store.key, now=now)
        outcomes: list[tuple[Case, Outcome]] = []
        findings: list[Finding] = []
        pushes = []
        approvals: dict[int, Approval] = {}
        unpaid: set[int] = set()
        for case in cases.all:
            outcome = decide_case(case, settings=settings, now=now)
            outcomes.append((case, outcome))
            findings += outcome.findings
            if outcome.announce and product_ids is not None:
                missing = sorted({line.product_code for line in case.rma.lines} - product_ids.keys())
                if missing:
                    why = f"Clarus has no product {', '.join(missing)}"
                    findings.append(exceptions.refused(case.rma, case.order, why))
                else:
                    pushes.append(rules.announcement(case.rma, _receipt_body(store, case, product_ids)))
            if outcome.needs_payments:
                unpaid.add(case.rma.order_id)
            if outcome.approval is not None and case.rma.order_id not in approvals:
                # The order's other RMAs wait for the next turn: what this one takes is not in their case.
                approvals[case.rma.order_id] = outcome.approval
        steps = _keep_outcomes(connection, store, outcomes, now)
        _keep_approvals(connection, store, approvals.values(), now)
        announced = enqueue(connection, store=store.key, pushes=pushes, now=now)
        refunds = [refund_push(approval) for approval in approvals.values()]
        approved = enqueue(connection, store=store.key, pushes=refunds, now=now)
        record_findings(
            connection, store=store.key, scope=SCOPE, findings=findings, examined_orders=cases.order_ids, now=now
        )
        _record_unknown_receipts(connection, store, now)
        write_cursor(connection, store=store.key, feed=DECIDED, position={"until": now.isoformat()}, now=now)
        orders = _modified_at(connection, store, unpaid)
    return Decided(len(cases.all), steps, announced, approved, len(findings)), orders


def _name_products(store: Store) -> None:
    """Give the lines of new RMAs their SKU, by the order, and product code, by the SKU's rules."""
    with store.engine.connect() as connection:
        blank = connection.execute(SQL["blank_lines"], {"store": store.key}).all()
    if not blank:
        return
    sku_map = proven_map(store)
    with store.engine.begin() as connection:
        rows = [
            {"store": store.key, "rma": row.rma, "order_product_id": row.order_product_id, "sku": row.sku}
            | {"product_code": "" if sku_map.refuses(row.sku) else sku_map.to_clarus(row.sku)}
            for row in blank
        ]
        upsert(connection, tables.rma_line, rows)


def _products_to_announce(store: Store) -> dict[str, int]:
    """Clarus product ids, by code, of the RMAs that Clarus is not told of yet. What the ledger lacks is asked for."""
    line, rma = tables.rma_line, tables.rma
    wanted_codes = (
        sa.select(line.c.product_code)
        .join(rma, (rma.c.store == line.c.store) & (rma.c.rma == line.c.rma))
        .where(line.c.store == store.key, rma.c.state == str(State.AUTHORISED), line.c.product_code != "")
        .distinct()
    )
    product = tables.clarus_product
    with store.engine.connect() as connection:
        wanted = set(connection.scalars(wanted_codes))
        held = connection.execute(
            sa.select(product.c.product_code, product.c.product_id).where(
                product.c.store == store.key, product.c.product_code.in_(wanted)
            )
        )
        known = {row.product_code: row.product_id for row in held}
    if missing := sorted(wanted - known.keys()):
        page = products_by_code(store.warehouse, missing)
        with store.engine.begin() as connection:
            keep_products(connection, store, page.records)
        known |= {each.code: each.id for each in page.records}
    if known:
        _ = store.warehouse.account_id, store.warehouse.warehouse_id  # looked up now, not inside a transaction
    return known


def _receipt_body(store: Store, case: Case, product_ids: Mapping[str, int]) -> dict[str, Any]:
    body: dict[str, Any] = return_receipt_payload(
        account_id=store.warehouse.account_id,
        warehouse_id=store.warehouse.warehouse_id,
        reference=case.rma.number,
        kind=store.settings.returns.receipt_kind,
        lines=[(product_ids[line.product_code], line.units, str(line.order_product_id)) for line in case.rma.lines],
        notes="; ".join(f"{line.units} x {line.sku}: {line.reason.replace('_', ' ')}" for line in case.rma.lines)[:255],
    )
    return body


# --- keeping what was decided ---

_AT = {
    State.ANNOUNCED: "announced_at",
    State.RECEIVED: "received_at",
    State.INSPECTED: "inspected_at",
    State.REFUNDED: "refunded_at",
    State.RESTOCKED: "restocked_at",
}


def _keep_outcomes(
    connection: sa.Connection, store: Store, outcomes: Sequence[tuple[Case, Outcome]], now: datetime
) -> int:
    """Write states, events and counts; returns how many steps were taken. Grades stand once they are approved."""
    lines, events = [], []
    rma = tables.rma
    for case, outcome in outcomes:
        number = case.rma.number
        if outcome.steps:
            times = {_AT[step.state]: step.at for step in outcome.steps}
            connection.execute(
                sa.update(rma)
                .where(rma.c.store == store.key, rma.c.rma == number)
                .values(state=str(outcome.rma.state), seen_at=now, **times)
            )
            events += [(store.key, number, str(step.state), step.at, dict(step.evidence)) for step in outcome.steps]
        if not case.is_approved:
            lines += [
                (store.key, number, line, *graded)
                for line, graded in outcome.lines.items()
                if case.kept.get(line) != graded
            ]
    upsert(
        connection,
        tables.rma_line,
        lines,
        columns=("store", "rma", "order_product_id", "received", "sellable", "damaged", "missing", "passed"),
    )
    upsert(connection, tables.rma_event, events)
    return len(events)


def _keep_approvals(connection: sa.Connection, store: Store, approvals: Iterable[Approval], now: datetime) -> None:
    """Write approvals with their lines. The database refuses one that is early, above what is left, or a second."""
    for approval in approvals:
        connection.execute(
            sa.insert(tables.refund_approval).values(
                store=store.key,
                rma=approval.rma,
                order_id=approval.order_id,
                currency=approval.currency,
                amount=approval.amount,
                shipping=approval.shipping,
                restocking_fee=approval.restocking_fee,
                captured=approval.captured,
                refunded_before=approval.refunded_before,
                approved_at=now,
            )
        )
        connection.execute(
            sa.insert(tables.refund_approval_line),
            [
                {
                    "store": store.key,
                    "rma": approval.rma,
                    "order_product_id": line.order_product_id,
                    "units": line.units,
                    "amount": line.amount,
                }
                for line in approval.lines
            ],
        )


def _modified_at(connection: sa.Connection, store: Store, order_ids: set[int]) -> dict[int, datetime]:
    order = tables.bigcommerce_order
    query = sa.select(order.c.order_id, order.c.modified_at).where(
        order.c.store == store.key, order.c.order_id.in_(order_ids)
    )
    return {row.order_id: row.modified_at for row in connection.execute(query)} if order_ids else {}


def _record_unknown_receipts(connection: sa.Connection, store: Store, now: datetime) -> None:
    given = {"store": store.key, "kind": store.settings.returns.receipt_kind}
    findings = [
        exceptions.unknown_receipt(
            row.receipt_id,
            row.reference,
            "which is no RMA that we know"
            if row.closed_at is None
            else f"whose RMA was closed on {row.closed_at:%d %b}",
        )
        for row in connection.execute(SQL["unknown_receipts"], given)
    ]
    record_findings(connection, store=store.key, scope=RECEIPTS, findings=findings, now=now)


# --- deliver and prove ---


def deliver(store: Store, *, progress: Progress | None = None, until: datetime | None = None) -> DeliveryReport:
    """Announce returns to Clarus and send refunds to BigCommerce; without the token for refunds none is sent."""
    report = deliver_now(store, [receipt_delivery(store)], system="Clarus", until=until, progress=progress)
    if store.refunds_shop is not None:
        delivery = refund_delivery(store, store.refunds_shop)
        refunds = deliver_now(store, [delivery], system=REFUNDS_SYSTEM, until=until, progress=progress)
        report.by_kind |= refunds.by_kind
        report.lapsed += refunds.lapsed
        report.auth_failed = report.auth_failed or refunds.auth_failed
        return report
    now = store.now()
    with store.engine.begin() as connection:
        waits = due_mark(connection, store=store.key, kinds=[REFUND], now=now)
        words = (
            f"refunds wait: {refund_variable(store.settings)} is not set. Export a token that may refund, and restart"
        )
        findings = [Finding("auth_failed", REFUNDS_SYSTEM, f"{REFUNDS_SYSTEM}: {words}.")] if waits else []
        record_findings(
            connection, store=store.key, scope="sign in", findings=findings, examined=[REFUNDS_SYSTEM], now=now
        )
    return report


def prove(store: Store) -> Proven:
    """Hold refunds against receipts and approvals, both ways, and move the RMAs that the deliveries moved."""
    if not store.settings.returns.enabled:
        return Proven()
    _decide(store, None)
    return prove_refunds(store)


def news(store: Store) -> str | None:
    """What is new for this flow, in short, or None: reads it, two calls to the shop, for asking would cost no less."""
    if not store.settings.returns.enabled:
        return None
    pull(store)
    now = store.now()
    with store.engine.connect() as connection:
        due = due_mark(connection, store=store.key, kinds=[RETURN_RECEIPT, REFUND], now=now)
        position = read_cursor(connection, store=store.key, feed=DECIDED)
        if due or position is None:
            return due or f"returns were never decided, {now:%Y-%m-%dT%H:%M}"
        since = datetime.fromisoformat(position["until"])
        row = connection.execute(SQL["undecided"], {"store": store.key, "since": since}).one()
    if row.is_news:
        return f"RMAs, receipts, refunds or their orders changed, {now:%Y-%m-%dT%H:%M}"
    if row.live and now - since >= LOOK_AGAIN:
        return f"{row.live} RMAs are under way, {now:%Y-%m-%dT%H}"
    return None
