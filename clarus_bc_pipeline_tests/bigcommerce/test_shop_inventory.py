"""Setting stock: all or none, taken now and shown later, and whose fault a refusal was."""

from __future__ import annotations

from typing import Any

import pytest

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.inventory import (
    Level,
    inventory_settings,
    items_of,
    pull_locations,
    refused_items,
    set_levels,
)
from clarus_bc_pipeline.http import Refused


@pytest.fixture
def skus(shop: Any) -> list[str]:
    names = ["MUG", "00123", "TIN/RED 5", "A,B"]
    for sku in names:
        shop.world.catalogue.add({"sku": sku, "stock": 1})
    return names


def shown(api: BigCommerce, *skus: str) -> dict[str, int]:
    return {item.sku: item.on_hand for item in items_of(api, skus)}


def test_levels_are_set_whatever_the_skus_look_like(skus: list[str], api: BigCommerce) -> None:
    set_levels(api, [Level(sku, 1, 7) for sku in skus], reason="test")
    assert shown(api, *skus) == dict.fromkeys(skus, 7)


def test_what_is_accepted_is_shown_later(skus: list[str], shop: Any, api: BigCommerce) -> None:
    catalogue, now = shop.world.catalogue, [1000.0]
    shop.world.clock = lambda: now[0]
    catalogue.apply_after_seconds = 30
    set_levels(api, [Level("MUG", 1, 7)], reason="test")
    assert shown(api, "MUG") == {"MUG": 1}
    now[0] += 30
    assert shown(api, "MUG") == {"MUG": 7}


@pytest.mark.parametrize("fault", ["tracked by product", "not tracked", "unknown", "location"])
def test_one_bad_level_refuses_all_and_is_named(skus: list[str], shop: Any, api: BigCommerce, fault: str) -> None:
    catalogue = shop.world.catalogue
    bad = Level("BAD", 1, 3)
    match fault:
        case "tracked by product":
            catalogue.add({"sku": "BAD", "inventory_tracking": "product"})
        case "not tracked":
            catalogue.add({"sku": "BAD", "inventory_tracking": "none"})
        case "location":
            catalogue.add({"sku": "BAD"})
            catalogue.locations[2] = "shut"
            catalogue.disabled.add(2)
            bad = Level("BAD", 2, 3)
    with pytest.raises(Refused, match="422") as refused:
        set_levels(api, [Level("MUG", 1, 7), bad, Level("00123", 1, 7)], reason="test")
    assert set(refused_items(refused.value)) == {"BAD"}
    assert shown(api, "MUG", "00123") == {"MUG": 1, "00123": 1}


def test_too_many_levels_are_not_even_sent(api: BigCommerce) -> None:
    with pytest.raises(ValueError, match="1 to 2000"):
        set_levels(api, [Level(f"S{n}", 1, 1) for n in range(2001)], reason="test")
    assert api.total_calls == 0


def test_locations_and_the_shops_own_rules_are_read(shop: Any, api: BigCommerce) -> None:
    shop.world.catalogue.locations[2] = "outlet"
    shop.world.catalogue.disabled.add(2)
    assert [(place.id, place.code, place.enabled) for place in pull_locations(api)] == [
        (1, "default", True),
        (2, "outlet", False),
    ]
    assert inventory_settings(api).update_stock_behavior == "order_placed"
