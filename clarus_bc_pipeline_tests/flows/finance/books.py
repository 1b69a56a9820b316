"""One store's money written straight into a ledger, and the finance flow's verbs on it.

What belongs here: facts, one at a time, as the pulls would keep them. What does not: what the flow makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import posting, sync
from clarus_bc_pipeline.flows.finance.control import Control
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.settings import StoreSettings

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
D = Decimal
KEY = "main"


def settings_of(**finance: Any) -> StoreSettings:
    return StoreSettings.model_validate(
        {
            "key": KEY,
            "bigcommerce": {"store_hash": "main"},
            "clarus": {"subdomain": "sandbox", "account": "ACME", "warehouse": "WHS01"},
            "finance": finance,
        }
    )


@dataclass
class Books:
    """A ledger, its clock, and what people and the two systems did."""

    engine: sa.Engine
    settings: StoreSettings = field(default_factory=settings_of)
    at: datetime = NOON
    transactions: int = 0

    def tick(self, **time: float) -> None:
        self.at += timedelta(**time)

    def order(
        self,
        order_id: int,
        *lines: tuple[int, str],
        total: str | None = None,
        status_id: int = 11,
        payment_status: str = "captured",
        currency: str = "GBP",
        kind: str = "physical",
        **more: Any,
    ) -> None:
        """`lines` are (quantity, total with tax); a sixth of every amount is tax."""
        lines = lines or ((2, "20.00"),)
        whole = D(total) if total is not None else sum((D(value) for _, value in lines), D(0))
        row = {
            "store": KEY,
            "order_id": order_id,
            "status_id": status_id,
            "payment_status": payment_status,
            "currency": currency,
            "total_inc_tax": whole,
            "total_tax": _tax(whole),
            "items_total": D(sum(quantity for quantity, _ in lines)),
            "items_shipped": D(0),
            "is_deleted": False,
            "created_at": NOON,
            "modified_at": self.at,
            "release_hash": "h",
            "source": "test",
            "seen_at": self.at,
        }
        line_rows = [
            {
                "store": KEY,
                "order_product_id": order_id * 10 + n,
                "order_id": order_id,
                "order_address_id": 1,
                "product_id": n,
                "sku": f"SKU-{n}",
                "name": "thing",
                "type": kind,
                "quantity": quantity,
                "quantity_shipped": 0,
                "quantity_refunded": 0,
                "price_inc_tax": D(0),
                "total_inc_tax": D(value),
                "total_tax": _tax(D(value)),
                "source": "test",
                "seen_at": self.at,
            }
            for n, (quantity, value) in enumerate(lines)
        ]
        with self.engine.begin() as connection:
            upsert(connection, tables.bigcommerce_order, [row | more])
            upsert(connection, tables.bigcommerce_order_line, line_rows)

    def send(self, order_id: int, *units: int, sequence: int = 1, at: datetime | None = None) -> None:
        """So many units of each line of the order leave."""
        when = at or self.at
        with self.engine.begin() as connection:
            head = (KEY, order_id, sequence, order_id, 1, when, self.at, None)
            upsert(connection, tables.despatch, [head])
            rows = [
                (KEY, order_id, sequence, order_id * 10 + n, order_id * 10 + n, k) for n, k in enumerate(units) if k
            ]
            upsert(connection, tables.despatch_line, rows)

    def void(self, order_id: int, sequence: int = 1) -> None:
        table = tables.despatch
        with self.engine.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.goods_out_id == order_id, table.c.sequence == sequence)
                .values(voided_at=self.at)
            )

    def read_payments(self, order_id: int, *amounts: str, event: str = "purchase", **more: Any) -> None:
        """The order's transactions are read: these, on top of those before."""
        rows = []
        for amount in amounts:
            self.transactions += 1
            row = {
                "store": KEY,
                "transaction_id": self.transactions,
                "order_id": order_id,
                "event": event,
                "method": "card",
                "gateway": "stripe",
                "gateway_transaction_id": f"t{self.transactions}",
                "amount": D(amount),
                "currency": "GBP",
                "status": "ok",
                "is_test": False,
                "created_at": NOON,
                "source": "test",
                "seen_at": self.at,
            }
            rows.append(row | more)
        with self.engine.begin() as connection:
            upsert(connection, tables.bigcommerce_transaction, rows)
            reading = {"store": KEY, "order_id": order_id, "read_at": self.at, "order_modified_at": self.at}
            upsert(connection, tables.payment_reading, [reading])

    def refund(
        self, refund_id: int, order_id: int, amount: str, *, units: int = 0, rma: str | None = None, declined: str = "0"
    ) -> None:
        """Of the first line's units, or of an amount for no line."""
        with self.engine.begin() as connection:
            row = (
                KEY, refund_id, order_id, rma, D(amount), _tax(D(amount)), "GBP", D(declined), self.at, "test", self.at,
            )  # fmt: skip
            upsert(connection, tables.bigcommerce_refund, [row])
            kind, item = ("PRODUCT", order_id * 10) if units else ("ORDER", order_id)
            upsert(connection, tables.bigcommerce_refund_item, [(KEY, refund_id, 0, kind, item, units, D(amount))])

    def come_back(self, rma: str, order_id: int, *, sellable: int = 0, damaged: int = 0) -> None:
        """Units of the first line are back and inspected."""
        with self.engine.begin() as connection:
            head = {"store": KEY, "rma": rma, "order_id": order_id, "state": "inspected", "opened_at": self.at}
            head |= {"received_at": self.at, "inspected_at": self.at, "source": "test", "seen_at": self.at}
            upsert(connection, tables.rma, [head])
            line = {"store": KEY, "rma": rma, "order_product_id": order_id * 10, "sku": "SKU-0", "product_code": "P"}
            line |= {"reason": "faulty", "units": sellable + damaged, "received": sellable + damaged}
            line |= {"sellable": sellable, "damaged": damaged, "source": "test", "seen_at": self.at}
            upsert(connection, tables.rma_line, [line])

    # --- the flow ---

    def post(self, *, whole: bool = False) -> posting.Booked:
        self.tick(seconds=1)
        return posting.post(self.engine, self.settings, now=self.at, whole=whole)

    def prove(self) -> Control:
        self.tick(seconds=1)
        control = sync.prove_store(self.engine, self.settings, now=lambda: self.at).control
        assert control is not None
        return control

    # --- what came of it ---

    def balances(self, *, period: str | None = None) -> dict[str, Decimal]:
        line = tables.journal_line
        query = sa.select(line.c.account, sa.func.sum(line.c.debit - line.c.credit)).group_by(line.c.account)
        if period:
            query = query.where(line.c.period == period)
        with self.engine.connect() as connection:
            return {account: amount for account, amount in connection.execute(query) if amount}

    def breaks(self) -> dict[tuple[int, str], Decimal]:
        row = tables.finance_break
        query = sa.select(row.c.order_id, row.c.code, sa.func.sum(row.c.amount)).group_by(row.c.order_id, row.c.code)
        with self.engine.connect() as connection:
            return {(order_id, code): amount for order_id, code, amount in connection.execute(query)}

    def findings(self) -> set[tuple[int | None, str]]:
        with self.engine.connect() as connection:
            return {(each.order_id, each.code) for each in open_findings(connection, store=KEY)}


def _tax(amount: Decimal) -> Decimal:
    return round(amount / 6, 2)
