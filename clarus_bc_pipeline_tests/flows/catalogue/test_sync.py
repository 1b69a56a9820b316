"""Both catalogues read over HTTP and compared in the ledger: what is gone is forgotten, what is mended resolves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.catalogue import sync
from clarus_bc_pipeline.sandbox.clarus.tables import Record
from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld, orders_world


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    """A mug and a tin on both sides."""
    with orders_world(ledger) as made:
        yield made


def read(world: OrdersWorld) -> list[tuple[str, str]]:
    """Both pulls and the comparison: (finding type, SKU)."""
    sync.pull_warehouse(world.store)
    sync.pull_shop(world.store)
    return sorted((f.code, f.subject) for f in sync.decide(world.store))


def product(world: OrdersWorld, code: str) -> Record:
    return world.warehouse.products.where(code=code)[0]


def test_catalogues_that_agree_have_no_finding(world: OrdersWorld) -> None:
    assert read(world) == []
    assert world.findings() == []


def test_each_side_is_missed_by_the_other_and_a_mended_sku_resolves(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "SHOP-ONLY", "name": "Lamp"})
    world.warehouse.add_product("ACME", "CLARUS-ONLY")
    assert read(world) == [("sku_not_in_shop", "SKU CLARUS-ONLY"), ("unknown_sku", "SKU SHOP-ONLY")]
    world.warehouse.add_product("ACME", "SHOP-ONLY")
    read(world)
    assert [f.subject for f in world.findings()] == ["SKU CLARUS-ONLY"]


def test_lost_zeros_are_told_and_no_other_accounts_product_counts(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "00123", "name": "Cup"})
    world.warehouse.add_product("ACME", "123")
    world.warehouse.add_account("OTHER")
    world.warehouse.add_product("OTHER", "00123")
    assert ("sku_leading_zeros", "SKU 00123") in read(world)


def test_what_was_deleted_is_forgotten_and_no_order_is_released_against_it(world: OrdersWorld) -> None:
    read(world)
    world.warehouse.products.remove(product(world, "TIN"))
    world.shop.catalogue.delete(world.shop.catalogue.variant("TIN")["product_id"])
    assert read(world) == []
    with world.store.engine.connect() as connection:
        assert sync.product_codes(connection, store="main").keys() == {"MUG"}
    order = world.order()
    world.turn()
    assert (world.goods_outs(order), world.codes()) == ([], ["unknown_sku"])


def test_a_reading_that_brings_nothing_is_no_empty_catalogue(
    world: OrdersWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(world)
    monkeypatch.setattr(sync, "pull_products", lambda _: iter([]))
    sync.pull_warehouse(world.store)
    with world.store.engine.connect() as connection:
        assert sync.product_codes(connection, store="main").keys() == {"MUG", "TIN"}


def test_a_product_that_cannot_be_read_is_told_and_nothing_is_forgotten_meanwhile(world: OrdersWorld) -> None:
    read(world)
    broken: Any = product(world, "TIN")
    was, broken["code"] = broken["code"], None
    read(world)
    assert "unreadable_record" in world.codes()
    with world.store.engine.connect() as connection:
        assert "TIN" in sync.product_codes(connection, store="main")
    broken["code"] = was
    read(world)
    assert world.findings() == []
