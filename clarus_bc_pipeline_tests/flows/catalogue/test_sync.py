"""Both catalogues read over HTTP and compared in the ledger: what is gone is forgotten, what is mended resolves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.catalogue import sync
from clarus_bc_pipeline.flows.catalogue.plot import trend_plot
from clarus_bc_pipeline.sandbox.clarus.tables import Record
from clarus_bc_pipeline.settings import SkuRule, SkuSettings
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


def with_rules(world: OrdersWorld, *chosen: str) -> None:
    skus = SkuSettings(rules=tuple(SkuRule.model_validate({"rule": name}) for name in chosen))
    world.store = dataclasses.replace(world.store, settings=world.store.settings.model_copy(update={"skus": skus}))


def test_no_order_goes_by_a_refused_rule_set_and_it_goes_once_the_set_is_mended(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "mug", "name": "Small mug"})
    read(world)
    with_rules(world, "upper")
    order = world.order({"sku": "mug", "name": "Small mug", "quantity": 1, "price_inc_tax": "1.00"})
    world.turn()
    assert (world.goods_outs(order), world.codes()) == ([], ["sku_case_clash", "sku_case_clash", "sku_rules_refused"])
    with_rules(world)
    world.warehouse.add_product("ACME", "mug")
    world.turn()
    assert world.units(order) == [{"mug": 1}]


def test_a_sku_that_refused_rules_leave_alone_is_still_released(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "mug", "name": "Small mug"})
    read(world)
    with_rules(world, "upper")
    order = world.order({"sku": "TIN", "name": "Tin", "quantity": 1, "price_inc_tax": "1.00"})
    world.turn()
    assert world.units(order) == [{"TIN": 1}]


def test_the_audit_names_the_colliding_skus_and_resolves_when_they_part(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "mug", "name": "Small mug"})
    with_rules(world, "upper")
    assert ("sku_rules_refused", "SKU rules") in read(world)
    (refused,) = (f for f in world.findings() if f.code == "sku_rules_refused")
    assert '"MUG" and "mug" all become "MUG"' in refused.message
    assert sync.proven_map(world.store).refused_because
    world.shop.catalogue.delete(world.shop.catalogue.variant("mug")["product_id"])
    assert ("sku_rules_refused", "SKU rules") not in read(world)
    assert not sync.proven_map(world.store).refused_because


def test_a_missing_sku_brings_its_likely_pair(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "00123", "name": "Cup"})
    world.warehouse.add_product("ACME", "123")
    read(world)
    (zeros,) = (f for f in world.findings() if f.subject == "SKU 00123")
    assert zeros.evidence["suggested"] == "123"
    assert zeros.evidence["confidence"] >= 0.9


def test_the_trend_counts_by_type_after_each_audit(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "SHOP-ONLY", "name": "Lamp"})
    read(world)
    world.clock.move(days=1)
    world.shop.catalogue.add({"sku": "SHOP-TOO", "name": "Vase"})
    read(world)
    world.clock.move(days=1)
    world.shop.catalogue.delete(world.shop.catalogue.variant("SHOP-ONLY")["product_id"])
    read(world)
    with world.store.engine.connect() as connection:
        history = sync.trend(connection, store="main")
    assert [(row["code"], row["skus"]) for row in history] == [("unknown_sku", n) for n in (1, 2, 1)]
    picture = trend_plot(history, now=world.clock.now())
    assert picture is not None
    assert picture.startswith("![Catalogue differences")
    assert trend_plot([], now=world.clock.now()) is None


def test_a_stopped_product_is_told_while_the_shop_sells_it(world: OrdersWorld) -> None:
    product(world, "MUG")["stop"] = True
    product(world, "TIN")["obsolete"] = 2
    assert read(world) == [("stopped_on_sale", "SKU MUG"), ("stopped_on_sale", "SKU TIN")]
    hidden, marked = world.shop.catalogue.products.values()
    hidden["is_visible"], marked["availability"] = False, "disabled"
    assert read(world) == []


def test_categories_are_kept_with_each_sku_at_no_call_more(world: OrdersWorld) -> None:
    world.shop.catalogue.add({"sku": "CUP", "name": "Cup", "categories": [23, 24]})
    sync.pull_shop(world.store)
    kept = {row.sku: row.category_ids for row in world.rows("SELECT sku, category_ids FROM bigcommerce_variant")}
    assert kept == {"MUG": [], "TIN": [], "CUP": [23, 24]}
    assert world.shop.log.counts()["GET /stores/main/v3/catalog/products"] == 1
