"""Shipments: what is sent, what comes back, and the marker by which our own are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.markers import marker_of, with_marker
from clarus_bc_pipeline.bigcommerce.orders import get_order
from clarus_bc_pipeline.bigcommerce.shipments import (
    ShipmentRequest,
    create_shipment,
    list_shipments,
    update_shipment,
)  # fmt: skip
from clarus_bc_pipeline.http import Refused
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld

MakeOrder = Callable[..., dict[str, Any]]


def request(world: ShopWorld, order_id: int, *quantities: int, **fields: Any) -> ShipmentRequest:
    """`quantities` of the order's lines in their sequence, to its first address."""
    order = world.orders[order_id]
    items = tuple((line, n) for line, n in zip(order.lines, quantities, strict=False) if n)
    return ShipmentRequest(next(iter(order.addresses)), items, **fields)


def test_an_order_without_shipments_has_an_empty_list(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order())
    assert list_shipments(api, order_id) == []
    assert shop.world.log.entries()[-1].seen == 204


def test_a_shipment_comes_back_as_it_was_sent(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order())
    sent = request(
        shop.world, order_id, 2, 1, tracking_number="AB123456789GB", shipping_provider="royalmail",
        comments=with_marker("Parcel 1 of 1", "GO-914/1/1"),
    )  # fmt: skip
    made = create_shipment(api, order_id, sent.payload())
    assert [(item.order_product_id, item.quantity) for item in made.items] == list(sent.items)
    assert (made.order_address_id, made.tracking_number) == (sent.order_address_id, "AB123456789GB")
    assert made.marker == "GO-914/1/1"
    assert made.created_at.tzinfo is not None
    assert made.link.endswith("AB123456789GB")
    assert list_shipments(api, order_id) == [made]


def test_shipping_part_and_then_the_rest_moves_the_order_by_itself(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order())
    before = get_order(api, order_id)
    create_shipment(api, order_id, request(shop.world, order_id, 1).payload())
    partly = get_order(api, order_id)
    assert (partly.status_id, int(partly.items_shipped), partly.lines[0].quantity_shipped) == (3, 1, 1)
    assert partly.modified_at >= before.modified_at
    create_shipment(api, order_id, request(shop.world, order_id, 1, 1).payload())
    shipped = get_order(api, order_id)
    assert (shipped.status_id, int(shipped.items_shipped)) == (2, 3)


def test_a_shop_that_does_not_move_the_status_leaves_it_to_us(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    shop.world.moves_status = False
    order_id = shop.world.add_order(order())
    create_shipment(api, order_id, request(shop.world, order_id, 2, 1).payload())
    assert get_order(api, order_id).status_id == 11


@pytest.mark.parametrize(
    ("quantities", "words"),
    [((3,), "exceeds what is left to ship"), ((2, 2), "exceeds what is left to ship")],
)
def test_more_than_is_left_is_refused_and_nothing_is_shipped(
    shop: Any, api: BigCommerce, order: MakeOrder, quantities: tuple[int, ...], words: str
) -> None:
    order_id = shop.world.add_order(order())
    with pytest.raises(Refused, match=words):
        create_shipment(api, order_id, request(shop.world, order_id, *quantities).payload())
    assert get_order(api, order_id).items_shipped == 0


def test_the_echo_of_our_own_success_is_refused_and_found_by_its_marker(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order())
    payload = request(shop.world, order_id, 2, 1, comments=with_marker("", "GO-1/1/1")).payload()
    create_shipment(api, order_id, payload)
    with pytest.raises(Refused):
        create_shipment(api, order_id, payload)
    assert [shipment.marker for shipment in list_shipments(api, order_id)] == ["GO-1/1/1"]


def test_one_shipment_carries_lines_of_one_address_only(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    made = order(addresses=[{"zip": "LS1 1AA"}, {"zip": "YO1 1AA"}])
    made["lines"] = [{"sku": "A", "address": 0}, {"sku": "B", "address": 1}]
    order_id = shop.world.add_order(made)
    with pytest.raises(Refused, match="order_product_id"):
        create_shipment(api, order_id, request(shop.world, order_id, 1, 1).payload())


def test_late_tracking_is_added_without_touching_lines(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order())
    made = create_shipment(api, order_id, request(shop.world, order_id, 2, 1).payload())
    assert made.link == ""
    changed = update_shipment(
        api, order_id, made.id,
        {"tracking_number": "15501234567890", "tracking_carrier": "dpd-uk", "shipping_provider": ""},
    )  # fmt: skip
    assert changed.link == "https://track.dpd.co.uk/search?reference=15501234567890"
    assert changed.items == made.items
    with pytest.raises(Refused, match="items"):
        update_shipment(api, order_id, made.id, {"items": []})


def test_more_than_a_page_of_shipments_is_read_whole(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order(lines=[{"sku": "MUG", "quantity": 300}]))
    (line,) = shop.world.orders[order_id].lines
    for _ in range(260):
        shop.world.ship_by_hand(order_id, [(line, 1)])
    assert len(list_shipments(api, order_id)) == 260
    assert api.total_calls == 2


def test_a_deleted_shipment_gives_its_units_back_and_leaves_the_status(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order())
    (shipment_id,) = shop.world.ship_by_hand(order_id)
    shop.world.delete_shipment(order_id, shipment_id)
    found = get_order(api, order_id)
    assert (int(found.items_shipped), found.status_id) == (0, 2)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tracking_number": "9" * 51}, "tracking_number: 51 characters, BigCommerce takes 50"),
        ({"tracking_link": "h" * 501}, "tracking_link: 501 characters, BigCommerce takes 500"),
        ({"comments": "c" * 65_536}, "comments: 65536 characters, BigCommerce takes 65535"),
        ({"items": ()}, "items: a shipment needs lines"),
        ({"items": ((1, 0),)}, "items: a shipment needs lines"),
    ],
)
def test_a_request_that_cannot_be_sent_says_which_field_is_wrong(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ShipmentRequest(**{"order_address_id": 1, "items": ((1, 1),), **fields}).payload()


def test_a_request_always_says_its_provider_and_leaves_out_what_is_empty() -> None:
    assert ShipmentRequest(7, ((1, 2),), tracking_number="X1", tracking_carrier="dpd-uk").payload() == {
        "order_address_id": 7, "items": [{"order_product_id": 1, "quantity": 2}],
        "shipping_provider": "", "tracking_number": "X1", "tracking_carrier": "dpd-uk",
    }  # fmt: skip


@given(st.text(max_size=200), st.from_regex(r"[A-Z]{2,4}-[0-9]{1,9}/[0-9]{1,3}/[0-9]{1,3}", fullmatch=True))
def test_a_marker_is_read_back_whatever_the_comment_says(comment: str, marker: str) -> None:
    assert marker_of(with_marker(comment, marker)) == marker


@given(st.text(max_size=50).filter(lambda text: "[clarus:" not in text))
def test_a_comment_of_somebody_else_has_no_marker(comment: str) -> None:
    assert marker_of(comment) is None


def test_a_marker_in_mid_comment_is_not_ours() -> None:
    assert marker_of("[clarus:GO-1/1/1] was wrong, resent by hand") is None


@pytest.mark.parametrize("marker", ["", "GO 1", "GO-1]", "[GO"])
def test_a_marker_that_could_not_be_read_back_is_not_written(marker: str) -> None:
    with pytest.raises(ValueError, match="cannot be read back"):
        with_marker("", marker)
