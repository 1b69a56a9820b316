"""One shop and one warehouse on loopback, a store open on both, and a clock that only moves by hand.

What belongs here: making the world and turning the loop. What does not: what a test plants in it or asks of it.
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
from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld, clarus_app
from clarus_bc_pipeline.sandbox.faults import Entry, Fault, FaultPlan, FaultRule
from clarus_bc_pipeline.settings import StoreSettings

STORE = "main"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SKUS = ("MUG", "TIN", "TRAY")

RM = "ROYALMAIL"  # the Clarus code
ONE, TWO, THREE = "AB100000003GB", "AB200000006GB", "AB300000009GB"
BAD = "AB100000004GB"  # check digit

ADDRESS = {
    "first_name": "Ada",
    "last_name": "King",
    "street_1": "1 Kirkgate",
    "city": "Leeds",
    "zip": "LS1 4AP",
    "country": "United Kingdom",
    "country_iso2": "GB",
}
CREATE_SHIPMENT = r"/orders/\d+/shipments$"
ANY_SHIPMENT = r"/shipments(/\d+)?$"


@dataclass
class Clock:
    """The one time of shop, warehouse and pipeline."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class DespatchWorld:
    """Both doubles, the store that stands between them, and the verbs in the order in which a run turns them."""

    shop: ShopWorld
    warehouse: WarehouseWorld
    store: Store
    clock: Clock
    faults: FaultPlan = field(default_factory=FaultPlan)

    # --- the hand of people ---

    def order(self, *lines: Mapping[str, Any], addresses: Sequence[Mapping[str, Any]] = (ADDRESS,), **more: Any) -> int:
        """A paid order; a line is {sku, quantity} and what else `ShopWorld.add_order` takes."""
        given = [{"name": str(line.get("sku", "")), "price_inc_tax": "10.00", **line} for line in lines]
        return self.shop.add_order(
            {
                "status_id": 11,
                "payment_status": "captured",
                "created_at": self.clock.at,
                "addresses": addresses,
                "lines": given,
                **more,
            }
        )

    def released(self, *lines: Mapping[str, Any], **more: Any) -> tuple[int, int]:
        """A paid order that Clarus holds: (order id, goods-out id)."""
        order_id = self.order(*(lines or ({"sku": "MUG", "quantity": 2},)), **more)
        self.turn()
        return order_id, self.goods_outs(order_id)[0]

    def shipped(self, tracking: str = ONE, carrier: str = RM) -> tuple[int, int]:
        """An order of two mugs that left whole and shows in the shop."""
        order_id, goods_out = self.released()
        self.warehouse.despatch(goods_out, parcels=[Parcel(carrier, tracking)])
        self.turn()
        assert len(self.shipments(order_id)) == 1
        return order_id, goods_out

    def goods_outs(self, order_id: int) -> list[int]:
        """Goods-outs of an order, in the order in which they were made."""
        return [
            row["id"]
            for row in self.warehouse.goods_outs.rows.values()
            if row["reference"].split("-")[1] == str(order_id)
        ]

    def line_ids(self, goods_out: int) -> list[int]:
        return [row["id"] for row in self.warehouse.lines(goods_out)]

    # --- the pipeline ---

    def turn(self) -> gap.Gap:
        """Every verb of both flows once, a minute later."""
        self.clock.move(minutes=1)
        orders.pull(self.store)
        orders.decide(self.store)
        orders.deliver(self.store)
        despatch.pull(self.store)
        despatch.decide(self.store)
        despatch.deliver(self.store)
        orders.pull(self.store)
        return despatch.prove(self.store)

    @contextmanager
    def broken(self, fault: Fault, path: str = CREATE_SHIPMENT, *methods: str) -> Iterator[None]:
        """Each of the shop's writes to `path` meets `fault` meanwhile."""
        self.faults.rules = [FaultRule(fault, 1.0, methods or ("POST", "PUT"), path)]
        yield
        self.faults.rules = []

    # --- what there is ---

    def shipments(self, order_id: int) -> list[dict[str, Any]]:
        """The truth: the order's shipments as the shop holds them."""
        return self.shop.shipments(order_id)

    def units(self, order_id: int) -> dict[str, int]:
        """Units of each shipment's number, whatever the line."""
        return {s["tracking_number"]: sum(i["quantity"] for i in s["items"]) for s in self.shipments(order_id)}

    def status(self, order_id: int) -> int:
        return int(self.shop.orders[order_id].record["status_id"])

    def writes(self, path: str = ANY_SHIPMENT, method: str = "POST") -> list[Entry]:
        """Writes that reached the shop, refused or not."""
        return self.shop.log.entries(method=method, path=path)

    def findings(self) -> list[OpenFinding]:
        with self.store.engine.connect() as connection:
            return open_findings(connection, store=STORE)

    def codes(self) -> list[str]:
        """The codes of all that stands open, in the order of the alphabet."""
        return sorted(finding.code for finding in self.findings())

    def scalar(self, query: str) -> Any:
        with self.store.engine.connect() as connection:
            return connection.scalar(sa.text(query))


@contextmanager
def despatch_world(
    ledger: sa.Engine, *, despatch: Mapping[str, Any] | None = None, **shop_settings: Any
) -> Iterator[DespatchWorld]:
    """Serve a world of three products without a quota to wait for; `despatch` are settings of that section."""
    clock = Clock()
    shop = ShopWorld("main", clock=clock.seconds, **{"quota": 100_000, **shop_settings})
    warehouse = WarehouseWorld(now=clock.now)
    warehouse.add_account("ACME")
    warehouse.add_warehouse("WHS01")
    for sku in SKUS:
        shop.catalogue.add({"sku": sku, "name": sku.title()})
        warehouse.add_product("ACME", sku)
    plan = FaultPlan()
    with (
        served(bigcommerce_app(shop, plan=plan)) as shop_address,
        served(clarus_app(warehouse)) as warehouse_address,
    ):
        settings = StoreSettings.model_validate(
            {
                "key": STORE,
                "bigcommerce": {"base_url": shop_address, "store_hash": "main", "overlap_seconds": 5},
                "clarus": {
                    "base_url": warehouse_address,
                    "subdomain": "sandbox",
                    "account": "ACME",
                    "warehouse": "WHS01",
                },
                "despatch": {"wait_for_tracking_minutes": 0, **(despatch or {})},
                "outbox": {"settle_seconds": 30},
            }
        )
        with (
            BigCommerce(settings.bigcommerce, "sandbox") as bigcommerce,
            Clarus(settings.clarus, "sandbox-client", "sandbox-secret") as clarus,
        ):
            store = Store(settings, ledger, bigcommerce, clarus, clock.now)
            yield DespatchWorld(shop, warehouse, store, clock, plan)
