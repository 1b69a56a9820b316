"""The scenario: the same seed makes the same world, all planted has a name, and it holds real life's trouble."""

from __future__ import annotations

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import served
from clarus_bc_pipeline.sandbox.opening import new_scenario
from clarus_bc_pipeline.sandbox.scenario import ACCOUNTS, Scenario
from clarus_bc_pipeline.sandbox.server import app

STORES = tuple(ACCOUNTS)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return new_scenario(orders=30, seed=1)


def test_the_same_seed_makes_the_same_world() -> None:
    def seen(seed: int) -> object:
        world = new_scenario(orders=9, seed=seed)
        return {
            (store, order.id): [(line["sku"], line["quantity"]) for line in order.lines.values()]
            + [address["street_1"] for address in order.addresses.values()]
            for store, shop in world.shops.items()
            for order in shop.orders.values()
        }

    assert seen(4) == seen(4)
    assert seen(4) != seen(5)


@pytest.mark.parametrize("store", STORES)
def test_each_store_has_the_orders_that_make_life_hard(scenario: Scenario, store: str) -> None:
    shop = scenario.shops[store]
    orders = list(shop.orders.values())
    assert any(len(order.addresses) > 1 for order in orders), "several addresses"
    assert any(line["type"] == "digital" for order in orders for line in order.lines.values()), "digital lines"
    assert any(line.get("wrapping_message") for order in orders for line in order.lines.values()), "gift wrap"
    assert any("🎂" in str(order.record["customer_message"]) for order in orders), "emoji"
    assert shop.metafields, "metafields"


@pytest.mark.parametrize("store", STORES)
def test_a_sku_with_leading_zeros_that_clarus_has_is_no_trouble(scenario: Scenario, store: str) -> None:
    codes = {p["code"] for p in scenario.warehouse.products.rows.values() if p["account"]["code"] == ACCOUNTS[store]}
    ordered = {
        str(line["sku"])
        for order in scenario.shops[store].orders.values()
        if order.id not in scenario.planted[store]
        for line in order.lines.values()
    }
    assert {sku for sku in ordered & codes if sku.startswith("0")}


def test_the_steps_are_served_in_their_order_and_a_wrong_one_is_named() -> None:
    world = new_scenario(orders=9, seed=1)
    with served(app(world, seed=1, faults=False)) as address, httpx.Client(base_url=address) as hand:
        assert hand.get("/scenario").json()["steps"] == list(world.steps)
        wrong = hand.post("/scenario/nothing")
        assert wrong.status_code == 404
        assert "there are payments, first_despatch" in wrong.json()["error"]
        assert hand.post("/scenario/payments").json()["done"] >= 0


@pytest.fixture
def lived() -> Scenario:
    """The whole story over goods-outs made by hand, as the pipeline would make them."""
    world = new_scenario(orders=60, seed=1)
    for store, shop in world.shops.items():
        codes = {p["code"] for p in world.warehouse.products.rows.values() if p["account"]["code"] == ACCOUNTS[store]}
        for order in shop.orders.values():
            wanted = [(str(line["sku"]), line["quantity"]) for line in order.lines.values()]
            lines = [(sku, quantity) for sku, quantity in wanted if sku in codes and quantity]
            if lines and order.id not in world.planted[store]:
                world.warehouse.create_goods_out(ACCOUNTS[store], "WHS01", f"BC-{order.id}", lines)
    for step in world.steps.values():
        step()
    return world


def test_everything_planted_has_a_name_and_every_trouble_is_planted_somewhere(lived: Scenario) -> None:
    planted = {what for store in STORES for what in lived.planted[store].values()}
    assert all(planted)
    assert {
        "SKU that is in no catalogue",
        "SKU that lost its leading zeros",
        "postcode that is none",
        "note of 65,000 characters",
        "nothing physical",
        "shipped by hand in the shop, not despatched",
        "goods-out deleted by hand in Clarus",
        "order archived in the shop after its despatch",
        "goods-out typed by hand, without line references",
        "tracking number with a wrong check digit",
        "two tracking numbers in one field",
        "carrier that nobody mapped",
        "despatch undone after the customer was told",
    } <= planted
