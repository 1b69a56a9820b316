"""Refunds held against receipts and approvals, both ways, from the ledger alone.

What belongs here: the returns' reconciliations and their findings. What does not: one RMA's own state (`deciding.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.keeping import REFUND_LIST
from clarus_bc_pipeline.flows.returns.refunding import QUOTE_ABOVE
from clarus_bc_pipeline.flows.stock.published import SHOP_RULES
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.cursors import read_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

SCOPE = "returns.proof"


@dataclass(frozen=True, slots=True)
class Proven:
    """What the books of returns come to. `unconfirmed` refunds are in a reply, and in no list of the shop yet."""

    rmas: int = 0
    refunds: int = 0
    refunds_waiting: int = 0
    refunds_without_receipt: int = 0
    refunds_that_differ: int = 0
    refunds_declined: int = 0
    manual_refunds: int = 0
    unconfirmed: int = 0


def prove_refunds(store: Store) -> Proven:
    """Compare, and bring the findings in line with what was found."""
    now = store.now()
    given = {"store": store.key}
    with store.engine.begin() as connection:
        without = [
            exceptions.without_receipt(
                row.order_id,
                units=row.units,
                skus=row.skus,
                refund_ids=row.refund_ids,
                value=row.value,
                currency=row.currency,
            )
            for row in connection.execute(SQL["refunds_without_receipt"], given)
        ]
        differ = [
            exceptions.differs(
                row.rma,
                row.order_id,
                approved=row.approved,
                made=row.made,
                currency=row.currency,
                refund_id=row.refund_id,
            )
            for row in connection.execute(SQL["refunds_that_differ"], given)
        ]
        declined = [
            exceptions.declined(row.refund_id, row.order_id, row.rma, value=row.declined, currency=row.currency)
            for row in connection.execute(SQL["declined_refunds"], given)
        ]
        findings = [*without, *differ, *declined, *_stopped(connection, store), *_twice(connection, store, now)]
        record_findings(connection, store=store.key, scope=SCOPE, findings=findings, now=now)
        figures = connection.execute(SQL["figures"], given).one()
        manual = connection.execute(SQL["manual_refunds"], given | {"most": 100_000}).all()
        unconfirmed = connection.execute(SQL["unconfirmed_refunds"], given | {"source": REFUND_LIST}).all()
    return Proven(
        rmas=figures.rmas,
        refunds=figures.refunds,
        refunds_waiting=figures.refunds_waiting,
        refunds_without_receipt=len(without),
        refunds_that_differ=len(differ),
        refunds_declined=len(declined),
        manual_refunds=len(manual),
        unconfirmed=len(unconfirmed),
    )


def _stopped(connection: sa.Connection, store: Store) -> list[Finding]:
    """Refunds that were set aside: for the quote, or for what is left of the money or its ways."""
    return [
        exceptions.parked(
            "refund_differs" if QUOTE_ABOVE in (row.last_error or "") else "refund_not_possible",
            row.rma,
            row.order_id,
            why=row.last_error or "its outcome is not known",
            value=row.amount,
            currency=row.currency,
        )
        for row in connection.execute(SQL["stopped_refunds"], {"store": store.key})
    ]


def _twice(connection: sa.Connection, store: Store, now: datetime) -> list[Finding]:
    """Whether the shop puts refunded units back by itself, beside the warehouse's stock, and there are any."""
    shop_rules = read_cursor(connection, store=store.key, feed=SHOP_RULES) or {}
    figures = connection.execute(SQL["figures"], {"store": store.key}).one()
    is_on = bool(shop_rules.get("refund_order_stock_adjustment"))
    return [exceptions.restocked_twice()] if is_on and figures.refunds else []
