"""A shop and a warehouse on loopback, a store open on both, and a clock that only moves by hand.

What belongs here: making the world and turning the orders flow. What does not: what a test plants or asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld, clarus_app
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule
from clarus_bc_pipeline.settings import StoreSettings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ADA = {
    "first_name": "Ada", "last_name": "King", "street_1": "1 Kirkgate", "city": "Leeds", "zip": "LS1 4AP",
    "country": "United Kingdom", "country_iso2": "GB",
}  # fmt: skip
BEN = {**ADA, "first_name": "Ben", "street_1": "2 Micklegate", "city": "York", "zip": "YO1 6JX"}
MUG: Mapping[str, Any] = {"sku": "MUG", "name": "Mug", "quantity": 2, "price_inc_tax": "4.50"}
TIN: Mapping[str, Any] = {"sku": "TIN", "name": "Tin", "quantity": 1, "price_inc_tax": "11.00"}
NOTES = [
    {"source": "customer_message", "target": "packing_notes"},
    {"source": "gift_wrap", "target": "string1"},
    {"source": "product_options", "target": "pick_notes"},
    {"source": "form_field:Porch", "target": "delivery_notes"},
    {"source": "metafield:delivery/instructions", "target": "delivery_notes"},
]


@dataclass
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class OrdersWorld:
    """Both doubles, the store between them, the clock, and what goes wrong with writes to Clarus."""

    shop: ShopWorld
    warehouse: WarehouseWorld
    store: Store
    clock: Clock
    faults: FaultPlan = field(default_factory=FaultPlan)

    def order(self, *lines: Mapping[str, Any], addresses: Sequence[Mapping[str, Any]] = (ADA,), **more: Any) -> int:
        """A paid order of two mugs and a tin, unless told otherwise."""
        return self.shop.add_order({
            "status_id": 11, "payment_status": "captured", "created_at": self.clock.at, "addresses": addresses,
            "lines": lines or (MUG, TIN), **more,
        })  # fmt: skip

    def look(self) -> None:
        """Pull and decide, a minute later; nothing is sent."""
        self.clock.move(minutes=1)
        sync.pull(self.store)
        sync.decide(self.store)

    def turn(self) -> DeliveryReport:
        """A whole cycle of the flow, a minute later."""
        self.look()
        return sync.deliver(self.store)

    def read_warehouse(self) -> None:
        despatch.pull(self.store)

    @contextmanager
    def broken(self, fault: Fault, path: str = "/goods_outs") -> Iterator[None]:
        self.faults.rules = [FaultRule(fault, 1.0, path=path)]
        yield
        self.faults.rules = []

    def goods_outs(self, order_id: int) -> list[dict[str, Any]]:
        """The truth: the order's goods-outs as Clarus holds them, in the order in which they were made."""
        return [
            row for row in self.warehouse.goods_outs.rows.values() if row["reference"].split("-")[1] == str(order_id)
        ]

    def goods_out(self, order_id: int) -> dict[str, Any]:
        (only,) = self.goods_outs(order_id)
        return only

    def units(self, order_id: int) -> list[dict[str, float]]:
        """Units by product code, a mapping a goods-out."""
        return [
            {line["product"]["code"]: line["order_quantity"] for line in self.warehouse.lines(g["id"])}
            for g in self.goods_outs(order_id)
        ]

    def findings(self) -> list[OpenFinding]:
        with self.store.engine.connect() as connection:
            return open_findings(connection, store="main")

    def codes(self) -> list[str]:
        return sorted(finding.code for finding in self.findings())

    def pushes(self) -> list[tuple[str, str, str]]:
        """(kind, key, state), oldest first."""
        query = "SELECT kind, business_key, state FROM push ORDER BY push_id"
        return [tuple(row) for row in self.rows(query)]

    def rows(self, query: str, **given: Any) -> Sequence[sa.Row[Any]]:
        with self.store.engine.connect() as connection:
            return connection.execute(sa.text(query), given).all()


@contextmanager
def orders_world(ledger: sa.Engine, **orders: Any) -> Iterator[OrdersWorld]:
    """Serve a world of two products; `orders` are settings of that section."""
    clock = Clock()
    shop = ShopWorld("main", clock=clock.seconds, quota=100_000)
    warehouse = WarehouseWorld(now=clock.now)
    warehouse.add_account("ACME")
    warehouse.add_warehouse("WHS01")
    for sku in ("MUG", "TIN"):
        shop.catalogue.add({"sku": sku, "name": sku.title()})
        warehouse.add_product("ACME", sku)
    plan = FaultPlan()
    with (
        served(bigcommerce_app(shop)) as shop_address,
        served(clarus_app(warehouse, plan=plan)) as warehouse_address,
    ):
        settings = StoreSettings.model_validate({
            "key": "main",
            "bigcommerce": {
                "base_url": shop_address, "store_hash": "main", "overlap_seconds": 5, "quota_share": 1.0,
            },
            "clarus": {
                "base_url": warehouse_address, "subdomain": "sandbox", "account": "ACME", "warehouse": "WHS01",
            },
            "orders": {"notes": NOTES, **orders},
            "outbox": {"settle_seconds": 30},
        })  # fmt: skip
        with (
            BigCommerce(settings.bigcommerce, "sandbox") as bigcommerce,
            Clarus(settings.clarus, "sandbox-client", "sandbox-secret") as clarus,
        ):
            yield OrdersWorld(shop, warehouse, Store(settings, ledger, bigcommerce, clarus, clock.now), clock, plan)
