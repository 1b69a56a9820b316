"""One day of stock over HTTP: it comes in, is sold, held, told twice and meddled with; the shop ends at its targets."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline_tests.flows.orders.orders_world import MUG, OrdersWorld, orders_world

SKUS = ("MUG", "TIN", "TRAY")
BUFFER = 1


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    """Ten mugs, eight tins, and a tray of which there are five; the shop takes 20 seconds to show a level."""
    with orders_world(ledger) as made:
        made.shop.catalogue.add({"sku": "TRAY", "name": "Tray"})
        made.warehouse.add_product("ACME", "TRAY", stock=5)
        for code, units in (("MUG", 10), ("TIN", 8)):
            made.warehouse.adjust(code, units - made.warehouse.stock_of(code)["available"])
        made.shop.catalogue.apply_after_seconds = 20
        stock = made.store.settings.stock.model_copy(update={"buffer": BUFFER, "settle_seconds": 60})
        made.store = replace(made.store, settings=made.store.settings.model_copy(update={"stock": stock}))
        catalogue.pull_warehouse(made.store)
        catalogue.pull_shop(made.store)
        yield made


def turn(world: OrdersWorld, *, sweep: bool | None = False) -> sync.ReadBack:
    """The stock flow's verbs once, a minute after the last; and what it proved another minute later."""
    world.clock.move(minutes=1)
    sync.pull(world.store, sweep=sweep)
    sync.decide(world.store)
    sync.deliver(world.store)
    world.clock.move(minutes=1)
    return sync.prove(world.store)


def shown(world: OrdersWorld) -> dict[str, int]:
    return {sku: world.shop.catalogue.stock(sku) for sku in SKUS}


def writes(world: OrdersWorld) -> int:
    return len(world.shop.log.entries(method="PUT", path="/adjustments/absolute$"))


def twice(body: dict[str, Any]) -> dict[str, Any]:
    """A page that names each of its records two times."""
    for root in (body.get("data") or {}).values():
        root["all"]["edges"] = [copy.deepcopy(edge) for edge in root["all"]["edges"] for _ in range(2)]
    return body


def test_a_day_of_stock_ends_with_the_shop_at_its_targets(world: OrdersWorld) -> None:
    turn(world, sweep=None)  # the first turn is a sweep by itself
    assert shown(world) == {"MUG": 9, "TIN": 7, "TRAY": 4}
    assert writes(world) == 1

    world.warehouse.receive("MUG", 5)
    assert turn(world).proven == 1
    assert shown(world)["MUG"] == 14

    order_id = world.order(MUG)  # two mugs, which Clarus does not hold yet
    world.turn()
    turn(world)
    assert shown(world)["MUG"] == 12
    world.warehouse.allocate(world.goods_out(order_id)["id"])  # now it does: they are not counted off twice
    world.read_warehouse()
    turn(world)
    assert shown(world)["MUG"] == 12

    world.warehouse.hold("MUG", 3)
    turn(world)
    assert shown(world)["MUG"] == 9

    before = writes(world)
    world.warehouse.alter_replies.append(twice)  # of the transactions
    turn(world)
    world.warehouse.alter_replies.append(twice)
    turn(world, sweep=True)
    assert (shown(world)["MUG"], writes(world)) == (9, before)

    world.shop.catalogue.products[world.shop.catalogue.variant("TRAY")["product_id"]]["inventory_tracking"] = "product"
    world.warehouse.receive("TRAY", 2)
    world.warehouse.adjust("TIN", -3)
    turn(world)
    turn(world)  # what the shop did not name goes anew
    assert shown(world) == {"MUG": 9, "TIN": 4, "TRAY": 4}
    assert [(f.code, f.subject) for f in world.findings()] == [("stock_level_refused", "SKU TRAY at location 1")]

    world.shop.catalogue.set_stock("TIN", 99)  # by hand
    assert turn(world, sweep=True).drifted == 0  # the sweep has seen it, and the same turn set it right
    assert shown(world)["TIN"] == 4

    world.shop.catalogue.loses_calls = 1  # taken, and never shown
    world.warehouse.receive("TIN", 6)
    assert turn(world).drifted == 1
    turn(world)
    assert shown(world)["TIN"] == 10

    world.shop.catalogue.products[world.shop.catalogue.variant("TRAY")["product_id"]]["inventory_tracking"] = "variant"
    world.clock.move(hours=2)  # then what was refused is tried again
    turn(world, sweep=None)
    assert world.codes() == []
    free = {sku: int(world.warehouse.stock_of(sku)["available"]) for sku in SKUS}
    assert shown(world) == {sku: units - BUFFER for sku, units in free.items()}
    calls = writes(world)
    turn(world)
    assert writes(world) == calls
    assert sync.news(world.store) is None
