"""The world before the first step: two shops with real orders, and a warehouse that knows nearly all of their SKUs.

What belongs here: what is there, and which orders cannot go. What does not: what happens then (`scenario.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce import ALL_SCOPES, ShopWorld
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline.sandbox.retail import RetailOrder, load_awkward_skus, load_orders, shop_order
from clarus_bc_pipeline.sandbox.returns_story import Returns
from clarus_bc_pipeline.sandbox.scenario import (
    ACCOUNTS,
    CARRIERS,
    CLIENT_ID,
    CLIENT_SECRET,
    REFUND_TOKEN,
    TOKEN,
    WAREHOUSE,
    Scenario,
)

QUOTAS = {"gifts": 150, "homeware": 450}  # Standard and Pro: requests in 30 seconds
NEVER_IN_CLARUS = 3  # products that the warehouse was not told of
FIRST_ORDER = 10_001


def new_scenario(*, orders: int, seed: int, window_seconds: float = 30.0) -> Scenario:
    """The world before the first step: both shops' real orders, and a warehouse that knows nearly all of their SKUs.

    The orders' times are moved so that the last was placed an hour ago. A fifth await payment. `window_seconds` is the
    shops' quota window (30 at BigCommerce); shorter makes time go faster.
    """
    rng = Random(seed)  # noqa: S311 (repeatable by design)
    now = datetime.now(UTC)
    chosen = load_orders()[:orders]
    shift = now - timedelta(hours=1) - max(order.placed_at for order in chosen)
    warehouse = WarehouseWorld(subdomain="sandbox", clients={CLIENT_ID: CLIENT_SECRET})
    warehouse.add_warehouse(WAREHOUSE, name="Leeds")
    for code in CARRIERS:
        warehouse.add_carrier(code)
    shops = {
        store: ShopWorld(
            store,
            tokens={TOKEN: ALL_SCOPES},
            refund_token=REFUND_TOKEN,
            quota=QUOTAS[store],
            window_seconds=window_seconds,
            name=store,
        )
        for store in ACCOUNTS
    }
    scenario = Scenario(shops, warehouse, rng, Returns(shops, warehouse, ACCOUNTS, WAREHOUSE))
    for store, account in ACCOUNTS.items():
        warehouse.add_account(account)
        mine = [order for n, order in enumerate(chosen) if (n % 3 == 0) == (store == "homeware")]
        scenario.returns.sales[store] = {order.invoice_no: n for n, order in enumerate(mine, start=FIRST_ORDER)}
        _stock(scenario, store, mine)
        for number, order in enumerate(mine, start=FIRST_ORDER):
            awaiting = rng.random() < 0.2
            shops[store].add_order(
                shop_order(
                    order,
                    order_id=number,
                    rng=rng,
                    created_at=order.placed_at + shift,
                    status_id=7 if awaiting else 11,
                    payment_status="" if awaiting else "captured",
                )
            )
        _plant_orders(scenario, store, mine, now)
    return scenario


def _stock(scenario: Scenario, store: str, orders: list[RetailOrder]) -> None:
    """Both catalogues: the warehouse lacks a few SKUs of the shop, and one has lost its leading zeros."""
    names = {line.stock_code: line.description for order in orders for line in order.lines if line.is_physical}
    names |= dict(load_awkward_skus())
    unknown = set(sorted(names)[:NEVER_IN_CLARUS])
    for code, name in sorted(names.items()):
        scenario.shops[store].catalogue.add({"sku": code, "name": name or code})
        if code not in unknown:
            scenario.warehouse.add_product(ACCOUNTS[store], code, description=name)
            scenario.known[store].add(code)


def _plant_orders(scenario: Scenario, store: str, orders: list[RetailOrder], now: datetime) -> None:
    """Orders that cannot go, or go in an unusual way, each named."""
    shop, rng = scenario.shops[store], scenario.rng
    base = next(order for order in orders if sum(line.is_physical for line in order.lines) >= 3)

    def add(what: str | None, **changes: Any) -> int:
        order_id = max(shop.orders) + 1
        order = shop_order(base, order_id=order_id, rng=rng, created_at=now - timedelta(minutes=40))
        order |= {key: value for key, value in changes.items() if key in ("customer_message", "status_id", "lines")}
        order["addresses"] = [
            order["addresses"][0] | changes.get("address", {}),
            *changes.get("more_addresses", ()),
        ]
        shop.add_order(order)
        if what:
            scenario.plant(store, order_id, what)
        return order_id

    good = [line for line in shop_order(base, order_id=1, rng=rng)["lines"] if line["type"] == "physical"]
    add("SKU that is in no catalogue", lines=[*good[:2], {**good[0], "sku": "NEVER-HEARD-OF"}])
    add("SKU that lost its leading zeros", lines=[{**good[0], "sku": "0" + str(good[0]["sku"])}])
    add("postcode that is none", address={"zip": "XX99 9XX"})
    add("note of 65,000 characters", customer_message="Please be careful. " * 3421)
    add("nothing physical", lines=[{**good[0], "type": "digital"}])
    zeros = min(code for code in scenario.known[store] if code.startswith("0") and code.isdigit())
    add(None, lines=[{**good[0], "sku": zeros}])
    add(None, customer_message="For Zoë’s birthday 🎂🎁 – leave with neighbour at no. 12")
    add(None, lines=[*good[:2], {**good[2], "quantity": 0}])
    second = {
        "first_name": "Second",
        "last_name": "Address",
        "street_1": "2 Other Street",
        "city": "York",
        "zip": "YO1 7HH",
        "country": "United Kingdom",
        "country_iso2": "GB",
    }
    add(None, more_addresses=[second], lines=[good[0], {**good[1], "address": 1}])
    gift = add(None, lines=[{**good[0], "wrapping_name": "Silver paper", "wrapping_message": "Happy birthday"}])
    shop.add_metafield(gift, "delivery", "instructions", "Leave in the porch", owner="gift app")
