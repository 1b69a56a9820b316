"""What an order's payments come to: captured, paid back, and what is left that may be refunded.

What belongs here: keeping transactions that were read, and their sums. What does not: calling the shop (`pulling.py`,
and the finance flow's own pull), approving a refund (`refunding.py`).

BigCommerce lists transactions an order at a time (orders.v3.yml, `/orders/{id}/transactions`), so each reading is noted
with the state of the order that it shows: while the order's `modified_at` stands, it need not be read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.queries import read_queries

if TYPE_CHECKING:
    from clarus_bc_pipeline.bigcommerce.transactions import Transaction

SQL = read_queries(Path(__file__).with_name("queries.sql"))

SOURCE = "BigCommerce transactions"
# orders.v3.yml: a purchase is authorised and captured in one, a capture takes an earlier authorisation, and a payment
# that was pending (cheque, bank transfer) is settled when its money has come.
TAKES_MONEY = ("purchase", "capture")
SETTLES = "settled"
REFUNDS = "refund"


class Movement(NamedTuple):
    """A transaction, as far as money goes."""

    event: str
    gateway_transaction_id: str | None
    amount: Decimal
    currency: str
    status: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Paid:
    """An order's money in its own currency; `captured` is None where its transactions were not read (not zero).

    `refunded` is what has gone back or is on its way: the greater of what the shop's refunds and the gateway's
    transactions say. `other_currencies` moved too, and are in neither.
    """

    captured: Decimal | None
    refunded: Decimal = Decimal(0)
    other_currencies: tuple[str, ...] = ()

    @property
    def left(self) -> Decimal:
        """What may be refunded at most; nothing while that is not known."""
        return max(Decimal(0), (self.captured or Decimal(0)) - self.refunded)


def captured(movements: Iterable[Movement], currency: str) -> Decimal:
    """The money that has come in. A settlement counts only where no purchase or capture tells of the same payment."""
    good = [m for m in movements if m.status == "ok" and not m.is_test and m.currency == currency]
    taken = [m for m in good if m.event in TAKES_MONEY]
    told = {m.gateway_transaction_id for m in taken}
    settled = [m for m in good if m.event == SETTLES and m.gateway_transaction_id not in told]
    return sum((m.amount for m in (*taken, *settled)), Decimal(0))


def paid_back(movements: Iterable[Movement], currency: str) -> Decimal:
    """The money that has gone back through the gateway. Some gateways sign it; it is a refund either way."""
    good = [m for m in movements if m.event == REFUNDS and m.status == "ok" and not m.is_test]
    return sum((abs(m.amount) for m in good if m.currency == currency), Decimal(0))


def keep_transactions(
    connection: sa.Connection,
    store: Store,
    order_id: int,
    transactions: Sequence[Transaction],
    order_modified_at: datetime,
) -> None:
    """Keep an order's transactions, and that they were read as the order stood at `order_modified_at` (UTC).

    In the caller's transaction. None at all is a reading too: nothing was captured. An older reading does not hide a
    newer one.
    """
    now = store.now()
    rows = [
        (
            store.key, t.id, order_id, t.event, t.method, t.gateway, t.gateway_transaction_id, t.amount, t.currency,
            t.status, t.is_test, t.created_at, SOURCE, now,
        )
        for t in transactions
    ]  # fmt: skip
    upsert(connection, tables.bigcommerce_transaction, rows)
    reading = tables.payment_reading
    fresh = insert(reading).values(store=store.key, order_id=order_id, read_at=now, order_modified_at=order_modified_at)
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[reading.c.store, reading.c.order_id],
            set_={"read_at": fresh.excluded.read_at, "order_modified_at": fresh.excluded.order_modified_at},
            where=reading.c.order_modified_at <= fresh.excluded.order_modified_at,
        )
    )


def read_paid(connection: sa.Connection, *, store: str, order_ids: Collection[int]) -> Mapping[int, Paid]:
    """What each order's payments come to, from the ledger. An order that it does not know is not in the answer."""
    given = {"store": store, "order_ids": sorted(order_ids)}
    movements: dict[int, list[Movement]] = {}
    for row in connection.execute(SQL["movements"], given):
        movements.setdefault(row.order_id, []).append(Movement(*row[1:]))
    found = {}
    for order in connection.execute(SQL["orders_money"], given):
        moved = movements.get(order.order_id, [])
        found[order.order_id] = Paid(
            captured(moved, order.currency) if order.was_read else None,
            max(order.refunded, paid_back(moved, order.currency)),
            tuple(sorted({m.currency for m in moved if m.currency != order.currency})),
        )
    return found
