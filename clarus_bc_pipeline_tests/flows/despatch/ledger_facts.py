"""Facts of both systems written straight into a ledger, for measures of the gap over histories that nobody planned.

What belongs here: one row at a time, changed and seen at a moment. What does not: what the measure makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clarus_bc_pipeline.ledger import tables

LINES = 2  # of an order


@dataclass
class LedgerFacts:
    """One store's facts; an order's lines, address, goods-out and shipment are numbered after it."""

    connection: sa.Connection
    store: str
    now: datetime

    def order(self, order: int, *, is_deleted: bool = False) -> None:
        self._keep(
            tables.bigcommerce_order,
            order_id=order,
            status_id=11,
            payment_status="captured",
            currency="GBP",
            total_inc_tax=10,
            items_total=4,
            items_shipped=0,
            is_deleted=is_deleted,
            created_at=self.now,
            modified_at=self.now,
            release_hash="h",
        )

    def order_line(self, order: int, n: int, *, shipped: int) -> None:
        self._keep(
            tables.bigcommerce_order_line,
            order_product_id=order * LINES + n,
            order_id=order,
            order_address_id=order,
            product_id=1,
            sku=f"SKU-{n}",
            name="thing",
            type="physical",
            quantity=3,
            quantity_shipped=shipped,
            quantity_refunded=0,
            price_inc_tax=5,
        )

    def goods_out(self, order: int) -> None:
        self._keep(
            tables.clarus_goods_out,
            goods_out_id=order,
            reference=f"BC-{order}",
            order_id=order,
            order_address_id=order,
            status="PICK",
            despatched_at=None,
        )

    def goods_out_line(self, order: int, n: int, *, despatched: int, is_matched: bool) -> None:
        self._keep(
            tables.clarus_goods_out_line,
            goods_out_line_id=order * LINES + n,
            goods_out_id=order,
            order_product_id=order * LINES + n if is_matched else None,
            candidates=1 if is_matched else 2,
            product_code=f"SKU-{n}",
            ordered=3,
            allocated=0,
            picked=0,
            despatched=despatched,
            short_status="",
        )

    def shipment(self, order: int, *, units: int, link: str, is_deleted: bool) -> None:
        """Ours, with `units` of the order's first line."""
        self._keep(
            tables.bigcommerce_shipment,
            shipment_id=order,
            order_id=order,
            order_address_id=order,
            tracking_number="ONE",
            tracking_carrier="",
            shipping_provider="",
            tracking_link=link,
            marker=f"GO-{order}/1/1",
            created_at=self.now,
            deleted_at=self.now if is_deleted else None,
        )
        self._keep(tables.bigcommerce_shipment_line, shipment_id=order, order_product_id=order * LINES, quantity=units)

    def parcel(self, order: int, *, told: str, number: str) -> None:
        """The first line's parcel: the number that the shop was told, and the warehouse's."""
        key = {"goods_out_id": order, "sequence": 1}
        self._keep(
            tables.despatch,
            **key,
            order_id=order,
            order_address_id=order,
            despatched_at=self.now,
            decided_at=self.now,
        )
        self._keep(
            tables.despatch_line, **key, goods_out_line_id=order * LINES, order_product_id=order * LINES, quantity=1
        )
        self._keep(tables.despatch_parcel, **key, parcel=1, package_id=order, carrier_code="RM", tracking_number=told)
        self._keep(
            tables.clarus_package,
            package_id=order,
            clarus_shipment_id=order,
            goods_out_id=order,
            tracking_number=number,
            missing_since=None,
        )

    def _keep(self, table: sa.Table, **values: Any) -> None:
        row = {"store": self.store, **values}
        if "seen_at" in table.c:
            row |= {"source": "test", "seen_at": self.now}
        key = [column.name for column in table.primary_key]
        statement = insert(table).values(row)
        kept = {name: statement.excluded[name] for name in row if name not in key and name != "created_at"}
        self.connection.execute(statement.on_conflict_do_update(index_elements=key, set_=kept))
