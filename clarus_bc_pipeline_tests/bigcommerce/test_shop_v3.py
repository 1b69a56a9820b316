"""The V3 lists: metafields by cursor, the catalogue by id, inventory by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import Response

from clarus_bc_pipeline.bigcommerce import metafields
from clarus_bc_pipeline.bigcommerce.catalogue import pull_variants
from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.inventory import pull_inventory
from clarus_bc_pipeline.bigcommerce.store import get_store, order_statuses
from clarus_bc_pipeline.http import Ambiguous, Refused
from clarus_bc_pipeline.sandbox.bigcommerce import served

MakeOrder = Callable[..., dict[str, Any]]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_metafields_of_the_namespaces_asked_for_come_by_cursor(
    shop: Any, api: BigCommerce, order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metafields, "PAGE_SIZE", 3)
    order_id = shop.world.add_order(order())
    wanted = [shop.world.add_metafield(order_id, "gift", f"key{n}", "yes") for n in range(7)]
    shop.world.add_metafield(order_id, "other", "key", "no")
    pages = list(metafields.pull_order_metafields(api, modified_since=LONG_AGO, namespaces=["gift"]))
    assert [m.id for page in pages for m in page] == wanted
    assert {m.order_id for page in pages for m in page} == {order_id}
    assert api.total_calls == 3


def test_metafields_changed_before_are_not_asked_for_again(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order())
    shop.world.clock = lambda: 1_000.0
    shop.world.add_metafield(order_id, "gift", "old", "yes")
    shop.world.clock = lambda: 2_000.0
    new = shop.world.add_metafield(order_id, "gift", "new", "yes")
    since = datetime.fromtimestamp(1_500, UTC)
    (page,) = metafields.pull_order_metafields(api, modified_since=since, namespaces={"gift", "returns"})
    assert [m.id for m in page] == [new]


def test_without_namespaces_no_call_is_made(api: BigCommerce) -> None:
    assert list(metafields.pull_order_metafields(api, modified_since=LONG_AGO, namespaces=())) == []
    assert api.total_calls == 0


def test_a_metafield_is_created_once_for_each_client_order_namespace_and_key(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order())
    body = {"namespace": "wms", "key": "claim", "value": "1", "permission_set": "app_only"}
    api.post(f"v3/orders/{order_id}/metafields", body)
    with pytest.raises(Refused, match="409") as thrown:
        api.post(f"v3/orders/{order_id}/metafields", body)
    assert thrown.value.status == 409
    shop.world.add_metafield(order_id, "wms", "claim", "2", owner="another app")
    with pytest.raises(Refused, match="value must be a text of 1 to 65535 characters"):
        api.post(f"v3/orders/{order_id}/metafields", {**body, "key": "empty", "value": ""})


def test_every_variant_is_read_with_its_products_name_and_codes(shop: Any, api: BigCommerce) -> None:
    shop.world.catalogue.add({
        "name": "Mug", "sku": "MUG",
        "variants": [{"sku": "MUG-R", "options": [("Colour", "Red"), ("Size", "L")], "upc": "012345678905"},
                     {"sku": "MUG-B", "options": [("Colour", "Blue")], "gtin": "5012345678900"}],
    })  # fmt: skip
    shop.world.catalogue.add({"name": "Tin", "sku": "00123", "gtin": "5098765432109"})
    (variants,) = pull_variants(api)
    assert [(v.sku, v.name, v.barcode) for v in variants] == [
        ("MUG-R", "Mug (Red, L)", "012345678905"),
        ("MUG-B", "Mug (Blue)", "5012345678900"),
        ("00123", "Tin", "5098765432109"),
    ]


def test_a_product_deleted_while_we_read_hides_no_other(shop: Any, api: BigCommerce) -> None:
    made = [shop.world.catalogue.add({"sku": f"S{n}"}) for n in range(600)]
    pages = []
    for page in pull_variants(api):
        pages.append(page)
        if len(pages) == 1:
            for product_id in made[:5]:
                shop.world.catalogue.delete(product_id)
    assert [v.product_id for page in pages for v in page] == made
    assert api.total_calls == 3


def test_an_empty_catalogue_gives_nothing_and_a_reply_without_variants_is_not_taken_for_one(
    shop: Any, api: BigCommerce
) -> None:
    assert list(pull_variants(api)) == []
    with served(Response('{"data":[{"id":1,"name":"Mug","sku":"M"}],"meta":{}}')) as url:
        shop.url = url
        with pytest.raises(Ambiguous, match="variants: missing"):
            list(pull_variants(shop.client()))


def test_inventory_is_read_by_location(shop: Any, api: BigCommerce) -> None:
    shop.world.catalogue.add({"sku": "MUG", "stock": 7})
    shop.world.catalogue.set_stock("MUG", 5, location_id=2, safety_stock=2)
    (items,) = pull_inventory(api)
    assert [(i.sku, i.location_id, i.on_hand, i.available_to_sell, i.safety_stock) for i in items] == [
        ("MUG", 1, 7, 7, 0),
        ("MUG", 2, 5, 3, 2),
    ]


def test_a_thousand_skus_of_inventory_are_one_call(shop: Any, api: BigCommerce) -> None:
    for n in range(1001):
        shop.world.catalogue.add({"sku": f"S{n}", "stock": n})
    assert sum(len(page) for page in pull_inventory(api)) == 1001
    assert api.total_calls == 2


def test_the_shop_says_who_it_is_and_what_it_calls_its_statuses(api: BigCommerce) -> None:
    store = get_store(api)
    assert (store.id, store.currency) == ("sandbox", "GBP")
    assert {status.id for status in order_statuses(api)} == set(range(15))
