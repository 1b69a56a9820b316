"""Reading payments: the shop lists an order's transactions, and no list over orders, so only what needs it is read.

What belongs here: which orders' payments are read, and reading them. What does not: what they come to (`matching.py`),
how they are kept (`flows/returns/payments.py`).

An order needs it once something left, went back, or was cancelled after payment, and again when it changed since. Until
then its payment status is taken for it, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.transactions import transactions_of
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.finance.facts import SQL, Policy
from clarus_bc_pipeline.flows.returns.payments import keep_transactions
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Ambiguous, Gone
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.findings import record_findings

SCOPE = "finance.pull"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read: orders and their transactions, those that could not be read, and how many orders still wait."""

    orders: int = 0
    transactions: int = 0
    unreadable: int = 0
    waiting: int = 0


def pull(store: Store) -> Pulled:
    """Read the payments of the orders that need it most, at most `transactions_at_once` calls.

    An order that is gone from the shop is marked as deleted. One whose reply cannot be read is a finding, and does not
    keep the next from being read.
    """
    if not store.settings.finance.enabled:
        return Pulled()
    most = store.settings.finance.transactions_at_once
    policy = Policy.of(store.settings)
    with store.engine.connect() as connection:
        due = connection.execute(SQL["payments_due"], _due(policy, most)).all()
        waiting = connection.scalar(SQL["payments_waiting"], _due(policy, None)) or 0
    orders = transactions = 0
    findings: list[Finding] = []
    for order_id, modified_at in due:
        try:
            found = transactions_of(store.shop, order_id)
        except Gone:
            _mark_deleted(store, order_id)
            continue
        except Ambiguous as error:
            findings.append(_unreadable(order_id, error))
            continue
        with store.engine.begin() as connection:
            keep_transactions(connection, store, order_id, found, modified_at)
        orders += 1
        transactions += len(found)
    with store.engine.begin() as connection:
        asked = [order_id for order_id, _ in due]
        record_findings(
            connection, store=store.key, scope=SCOPE, findings=findings, examined_orders=asked, now=store.now()
        )
    return Pulled(orders, transactions, len(findings), max(0, waiting - len(due)))


def _due(policy: Policy, most: int | None) -> dict[str, object]:
    return {
        "store": policy.store,
        "since_created": policy.since,
        "cancelled": list(policy.cancelled),
        "paid": list(policy.paid_statuses),
        "most": most,
    }


def is_due(connection: sa.Connection, policy: Policy) -> bool:
    """Whether any order's payments are to be read."""
    return connection.execute(SQL["payments_due"], _due(policy, 1)).first() is not None


def _mark_deleted(store: Store, order_id: int) -> None:
    order = tables.bigcommerce_order
    with store.engine.begin() as connection:
        connection.execute(
            sa.update(order)
            .where(order.c.store == store.key, order.c.order_id == order_id)
            .values(is_deleted=True, seen_at=store.now())
        )


def _unreadable(order_id: int, error: Ambiguous) -> Finding:
    return Finding(
        "unreadable_record",
        f"payments of order {order_id}",
        f"Order {order_id}: its transactions could not be read ({error}). It stays unchecked until they can be.",
        order_id=order_id,
    )
