"""The RMAs that may move, each with all that the ledger knows of it.

What belongs here: the ledger's rows as what `deciding.py` takes. What does not: any decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.receipts import RECEIVED_STATUSES
from clarus_bc_pipeline.flows.returns.deciding import Case
from clarus_bc_pipeline.flows.returns.inspection import Graded
from clarus_bc_pipeline.flows.returns.payments import read_paid
from clarus_bc_pipeline.flows.returns.refunding import Before
from clarus_bc_pipeline.flows.returns.rma import Order, OrderLine, Receipt, ReceiptLine, Rma, RmaLine, State
from clarus_bc_pipeline.flows.returns.rules import claims
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

JUST_NOW = timedelta(days=1)  # an RMA that came to rest is looked at so long, so that its findings resolve


@dataclass(frozen=True)
class Cases:
    """`all` are the cases, oldest first; `order_ids` the orders that they are of, each looked at whole."""

    all: Sequence[Case]
    order_ids: frozenset[int]


def read_cases(connection: sa.Connection, *, store: str, now: datetime) -> Cases:
    """Every RMA of every order that has one which may move."""
    given = {"store": store, "recent": now - JUST_NOW}
    order_ids = list(connection.scalars(SQL["orders_of_live_rmas"], given))
    if not order_ids:
        return Cases((), frozenset())
    given = {"store": store, "order_ids": order_ids}
    rows = connection.execute(SQL["rmas"], given).mappings().all()
    rmas = {row["rma"]: rma_of(dict(row)) for row in rows}
    orders, shipping = read_orders(connection, given)
    receipts = _receipts(connection, store, list(rmas))
    paid = read_paid(connection, store=store, order_ids=order_ids)
    busy = {row["order_id"]: row["rma"] for row in rows if row["is_approved"] and row["refund_id"] is None}
    cases = []
    for row in rows:
        rma = rmas[row["rma"]]
        order = orders.get(rma.order_id)
        money = paid.get(rma.order_id)
        others = [each for each in rmas.values() if each.order_id == rma.order_id and each.number != rma.number]
        cases.append(
            Case(
                rma=rma,
                order=order,
                receipts=tuple(receipts.get(rma.number, ())),
                claimed=claims(each for each in others if _is_before(each, rma)),
                kept=_kept(row["lines"]),
                is_announced=row["is_announced"],
                is_approved=row["is_approved"],
                refund_id=row["refund_id"],
                captured=money.captured if money else None,
                refunded=money.refunded if money else Decimal(0),
                before=Before(
                    {line.order_product_id: line.refunded for line in order.lines.values()} if order else {},
                    shipping.get(rma.order_id, Decimal(0)),
                    tuple(row["by_hand"]),
                ),
                is_order_busy=busy.get(rma.order_id, rma.number) != rma.number,
                is_in_stock=row["is_in_stock"],
            )
        )
    return Cases(cases, frozenset(order_ids))


def _is_before(other: Rma, rma: Rma) -> bool:
    """Who has first claim on an order's units: who was announced, then who was opened first."""
    return (other.state is State.AUTHORISED, other.opened_at, other.number) < (
        rma.state is State.AUTHORISED,
        rma.opened_at,
        rma.number,
    )


def rma_of(row: Mapping[str, Any]) -> Rma:
    names = ("order_product_id", "sku", "product_code", "reason", "units")
    return Rma(
        number=row["rma"],
        order_id=row["order_id"],
        state=State(row["state"]),
        opened_at=row["opened_at"],
        lines=tuple(RmaLine(**{name: line[name] for name in names}) for line in row["lines"]),
        refund_shipping=row["refund_shipping"],
        received_at=row["received_at"],
        inspected_at=row["inspected_at"],
    )


def _kept(lines: Sequence[Mapping[str, Any]]) -> dict[int, Graded]:
    return {line["order_product_id"]: Graded(**{name: line[name] for name in Graded._fields}) for line in lines}


def read_orders(connection: sa.Connection, given: Mapping[str, Any]) -> tuple[dict[int, Order], dict[int, Decimal]]:
    """Orders, and what was refunded of each one's shipping."""
    orders, shipping = {}, {}
    for row in connection.execute(SQL["orders_of_rmas"], given).mappings():
        lines = [OrderLine(**{**line, "total": Decimal(line["total"])}) for line in row["lines"]]
        orders[row["order_id"]] = Order(
            order_id=row["order_id"],
            currency=row["currency"],
            total=row["total_inc_tax"],
            is_deleted=row["is_deleted"],
            lines={line.order_product_id: line for line in lines},
            addresses=tuple(row["addresses"]),
        )
        shipping[row["order_id"]] = row["shipping_refunded"]
    return orders, shipping


def _receipts(connection: sa.Connection, store: str, references: Sequence[str]) -> dict[str, list[Receipt]]:
    found: dict[str, list[Receipt]] = {}
    given = {"store": store, "references": references}
    for row in connection.execute(SQL["receipts_of"], given).mappings():
        lines = tuple(ReceiptLine(**{**line, "received": Decimal(line["received"])}) for line in row["lines"])
        receipt = Receipt(row["receipt_id"], row["status"] in RECEIVED_STATUSES, row["received_at"], lines)
        found.setdefault(row["reference"], []).append(receipt)
    return found
