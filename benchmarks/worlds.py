"""A shop and a warehouse on loopback whose orders all can go, and the verbs that bring them to a given point.

What belongs here: what several measures need of a world. What does not: measuring. Nothing goes wrong here by design: a
measure of cost says what the plain case costs; faults are the tests' subject.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.store import Clock, Store, utc_now
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.sandbox.bigcommerce import ALL_SCOPES, ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld, clarus_app
from clarus_bc_pipeline.sandbox.tracking import make_tracking_number
from clarus_bc_pipeline.settings import StoreSettings

STORE, ACCOUNT, WAREHOUSE, SUBDOMAIN = "bench", "BENCH", "WHS01", "bench"
TOKEN, CLIENT_ID, CLIENT_SECRET = "bench-token", "bench-client", "bench-secret"
FIRST_ORDER = 10_001
SKUS = 200
UNLIMITED = 1_000_000  # a quota that never binds, for measures of calls and not of time

ADDRESS = {
    "first_name": "Ada", "last_name": "Sample", "street_1": "1 Example Street", "city": "Leeds", "zip": "LS1 1AA",
    "country": "United Kingdom", "country_iso2": "GB", "email": "ada@example.com", "phone": "07700900000",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Both doubles, served, and the settings that reach them."""

    shop: ShopWorld
    warehouse: WarehouseWorld
    settings: StoreSettings

    @contextmanager
    def store(self, engine: sa.Engine, *, now: Clock = utc_now) -> Iterator[Store]:
        """The store as the flows see it, with clients of its own that know nothing of the quota yet."""
        with (
            BigCommerce(self.settings.bigcommerce, TOKEN) as shop,
            Clarus(self.settings.clarus, CLIENT_ID, CLIENT_SECRET) as warehouse,
        ):
            yield Store(self.settings, engine, shop, warehouse, now, refunds_shop=shop)

    def with_settings(self, **changes: Any) -> World:
        return replace(self, settings=self.settings.model_copy(update=changes))

    def goods_outs(self) -> list[int]:
        return sorted(self.warehouse.goods_outs.rows)

    def despatch(self, goods_out: int, rng: random.Random) -> int:
        """The goods-out leaves whole, in one tracked parcel. Returns its order id."""
        parcel = Parcel("ROYALMAIL", make_tracking_number("royal-mail", rng))
        self.warehouse.despatch(goods_out, parcels=[parcel])
        reference: str = self.warehouse.goods_outs.rows[goods_out]["reference"]
        return int(reference.removeprefix("BC-"))


@contextmanager
def served_world(
    *,
    orders: int,
    seconds_apart: float = 60.0,
    quota: int = UNLIMITED,
    window_seconds: float = 30.0,
    skus: int = SKUS,
) -> Iterator[World]:
    """A world of so many paid orders of two lines; the last was placed an hour ago."""
    shop = ShopWorld(STORE, tokens={TOKEN: ALL_SCOPES}, quota=quota, window_seconds=window_seconds)
    warehouse = WarehouseWorld(subdomain=SUBDOMAIN, clients={CLIENT_ID: CLIENT_SECRET})
    warehouse.add_warehouse(WAREHOUSE, name="Leeds")
    warehouse.add_carrier("ROYALMAIL")
    warehouse.add_account(ACCOUNT)
    for number in range(skus):
        shop.catalogue.add({"sku": _sku(number), "name": f"Thing {number}"})
        warehouse.add_product(ACCOUNT, _sku(number), description=f"Thing {number}")
    last = datetime.now(UTC) - timedelta(hours=1)
    for n in range(orders):
        shop.add_order(_order(n, last - timedelta(seconds=seconds_apart * (orders - 1 - n))))
    with ExitStack() as servers:
        settings = StoreSettings.model_validate({
            "key": STORE,
            "bigcommerce": {
                "base_url": servers.enter_context(served(bigcommerce_app(shop))),
                "store_hash": STORE,
                "quota_share": 1.0,
            },
            "clarus": {
                "base_url": servers.enter_context(served(clarus_app(warehouse))),
                "subdomain": SUBDOMAIN, "account": ACCOUNT, "warehouse": WAREHOUSE,
            },
            "finance": {"enabled": False},  # reads each order's payments once, a call an order: told by itself
        })  # fmt: skip
        yield World(shop, warehouse, settings)


def forget(engine: sa.Engine) -> None:
    """Empty the ledger."""
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE " + ", ".join(tables.metadata.tables)))


def release(store: Store) -> int:
    """Bring every paid order to Clarus. Returns how many pushes that took."""
    orders.pull(store)
    decided = orders.decide(store)
    orders.deliver(store)
    return decided.enqueued


def despatch_and_decide(world: World, store: Store, *, seed: int = 1) -> int:
    """Everything leaves; the shipments are in the outbox and not sent. Returns how many."""
    rng = random.Random(seed)
    for goods_out in world.goods_outs():
        world.despatch(goods_out, rng)
    despatch.pull(store)
    return despatch.decide(store).enqueued


def _sku(number: int) -> str:
    return f"SKU-{number:04}"


def _order(n: int, created: datetime) -> dict[str, Any]:
    lines = [
        {"sku": _sku((2 * n + i) % SKUS), "name": "Thing", "quantity": 1 + i, "price_inc_tax": "9.99"} for i in range(2)
    ]
    return {
        "id": FIRST_ORDER + n, "status_id": 11, "payment_status": "captured", "created_at": created,
        "addresses": [ADDRESS], "lines": lines,
    }  # fmt: skip
