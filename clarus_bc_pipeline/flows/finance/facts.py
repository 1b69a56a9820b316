"""The ledger's rows as the facts that the rules take.

What belongs here: reading an order's money, with the store's settings. What does not: what it comes to (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance.journals import Costs
from clarus_bc_pipeline.flows.finance.rules import (
    Line,
    OrderFacts,
    Payment,
    Refund,
    RefundItem,
    Returned,
    Sent,
)
from clarus_bc_pipeline.flows.returns.payments import SETTLES, TAKES_MONEY
from clarus_bc_pipeline.ledger.queries import read_queries
from clarus_bc_pipeline.settings import StoreSettings

SQL = read_queries(Path(__file__).with_name("queries.sql"))

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# An order that was paid and then refunded does not say "paid" any more (orders.v2.yml, payment_status).
PAID_ONCE = ("refunded", "partially refunded")


@dataclass(frozen=True, slots=True)
class Policy:
    """A store's settings as far as books go. `zone` is where its days begin and end."""

    store: str
    since: datetime
    paid_statuses: tuple[str, ...]
    cancelled: tuple[int, ...]
    recognised_after: timedelta
    delivery: timedelta
    costs: Costs
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: StoreSettings) -> Policy:
        finance, orders = settings.finance, settings.orders
        delivery = timedelta(days=finance.delivery_days)
        return cls(
            store=settings.key,
            since=datetime.fromisoformat(orders.since) if orders.since else EPOCH,
            paid_statuses=(*(status.lower() for status in orders.paid_payment_statuses), *PAID_ONCE),
            cancelled=orders.cancelled_status_ids,
            recognised_after=delivery if finance.cut_off == "delivery" else timedelta(0),
            delivery=delivery,
            costs=Costs(finance.unit_costs, finance.cost_share),
            zone=ZoneInfo(settings.timezone),
        )

    @property
    def fingerprint(self) -> str:
        """Of what moves the books of orders that nothing happened to: then all of them are posted again."""
        costs = sorted((sku, str(cost)) for sku, cost in self.costs.by_sku.items())
        return repr((self.since.isoformat(), self.recognised_after.total_seconds(), costs, str(self.costs.share)))


def read_facts(
    connection: sa.Connection, policy: Policy, *, order_ids: Collection[int], now: datetime
) -> list[OrderFacts]:
    """What is known of these orders' money by now.

    Not in the books: orders before go-live, incomplete ones, and those whose payments are all tests.
    """
    rows = connection.execute(
        SQL["facts"],
        {
            "store": policy.store,
            "order_ids": list(order_ids),
            "since_created": policy.since,
            "recognise_before": now - policy.recognised_after,
        },
    )
    return [_order(row, policy) for row in rows if not _is_test(row)]


def _is_test(row: sa.Row[Any]) -> bool:
    return bool(row.transactions) and all(t[6] for t in row.transactions)


def _order(row: sa.Row[Any], policy: Policy) -> OrderFacts:
    total = row.total_inc_tax
    return OrderFacts(
        row.order_id,
        row.currency,
        total,
        row.total_tax,
        tuple(Line(i, sku, kind, n, Decimal(t), Decimal(tax)) for i, sku, kind, n, t, tax in row.lines or ()),
        tuple(
            Sent(f"{goods_out}/{n}", _time(at) + policy.recognised_after, tuple((i, k) for i, k in units))
            for goods_out, n, at, units in row.sent or ()
        ),
        _payments(row, policy),
        tuple(_refund(each) for each in row.refunds or ()),
        tuple(_returned(each) for each in row.returned or ()),
        row.modified_at if row.status_id in policy.cancelled else None,
    )


def _payments(row: sa.Row[Any], policy: Policy) -> tuple[Payment, ...]:
    """By the transactions that were read; until then by what the shop says of the order as a whole."""
    if not row.was_read:
        is_paid = row.payment_status in policy.paid_statuses and row.total_inc_tax > 0
        return (Payment(row.created_at, row.total_inc_tax),) if is_paid else ()
    good = [t for t in row.transactions or () if t[5] == "ok" and not t[6] and t[4] == row.currency]
    taken = [t for t in good if t[1] in TAKES_MONEY]
    told = {t[2] for t in taken}
    settled = [t for t in good if t[1] == SETTLES and t[2] not in told]
    return tuple(Payment(_time(t[7]), Decimal(t[3]), t[0]) for t in (*taken, *settled))


def _refund(row: list[Any]) -> Refund:
    refund_id, at, rma, amount, declined, tax, items = row
    whole = Decimal(amount)
    paid = whole - Decimal(declined)
    return Refund(
        refund_id,
        _time(at),
        rma,
        paid,
        Decimal(tax) * paid / whole if whole else Decimal(0),
        tuple(RefundItem(kind, line, units, Decimal(value)) for kind, line, units, value in items or ()),
    )


def _returned(row: list[Any]) -> Returned:
    rma, at, lines = row
    return Returned(
        rma,
        _time(at),
        tuple((line, sellable) for line, sellable, _ in lines or () if sellable),
        tuple((line, damaged) for line, _, damaged in lines or () if damaged),
    )


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)
