"""Pulling orders: none lost, none twice, whatever the shop does meanwhile, and every quirk of V2's JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.dates import from_rfc2822
from clarus_bc_pipeline.bigcommerce.orders import (
    OrderPage,
    get_order,
    newest_change,
    pull_orders,
    set_order_status,
)  # fmt: skip
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.http import Ambiguous
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.settings import BigCommerceSettings

MakeOrder = Callable[..., dict[str, Any]]
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def ids(pages: list[OrderPage]) -> list[int]:
    return [order.id for page in pages for order in page.orders]


def at(second: int) -> datetime:
    return START + second * SECOND


def test_a_shop_without_orders_answers_204_and_gives_no_page(api: BigCommerce) -> None:
    assert list(pull_orders(api, modified_since=START)) == []
    assert newest_change(api) is None
    assert api.total_calls == 2


def test_ten_thousand_orders_take_at_most_45_calls(shop: Any, api: BigCommerce) -> None:
    for number in range(10_000):
        shop.world.add_order({"modified_at": at(number // 3)})
    assert sorted(ids(list(pull_orders(api, modified_since=START)))) == sorted(shop.world.orders)
    assert api.total_calls <= 45


def test_orders_come_by_the_time_of_their_change_and_none_from_before(shop: Any, api: BigCommerce) -> None:
    made = [shop.world.add_order({"modified_at": at(second)}) for second in (5, 3, 9, 7, 1)]
    pulled = ids(list(pull_orders(api, modified_since=at(3), page_size=2)))
    assert pulled == [made[1], made[0], made[3], made[2]]


def test_an_order_edited_while_we_page_hides_no_other(shop: Any, api: BigCommerce) -> None:
    world: ShopWorld = shop.world
    made = [world.add_order({"modified_at": at(second)}) for second in range(40)]
    world.clock = lambda: at(1000).timestamp()
    pages = []
    for number, page in enumerate(pull_orders(api, modified_since=START, page_size=10)):
        pages.append(page)
        if number < 3:  # an order already read moves to the end, and all behind it one place up
            world.edit_order(made[number], staff_notes="edited")
    assert set(ids(pages)) == set(made)
    edited = [order for page in pages for order in page.orders if order.staff_notes == "edited"]
    assert sorted(order.id for order in edited) == made[:3]


def test_a_bulk_edit_of_more_than_a_page_in_one_second_is_read_whole(shop: Any, api: BigCommerce) -> None:
    made = [shop.world.add_order({"modified_at": at(number // 30)}) for number in range(100)]
    pulled = ids(list(pull_orders(api, modified_since=START, page_size=10)))
    assert sorted(pulled) == made


def test_orders_leaving_a_crowded_second_while_it_is_read_hide_no_other(shop: Any, api: BigCommerce) -> None:
    world: ShopWorld = shop.world
    made = [world.add_order({"modified_at": at(5)}) for _ in range(50)]
    world.clock = lambda: at(1000).timestamp()
    pages = []
    for number, page in enumerate(pull_orders(api, modified_since=START, page_size=10)):
        pages.append(page)
        if number < 5:
            world.edit_order(page.orders[0].id, staff_notes="edited")
    assert set(ids(pages)) == set(made)
    final = {order.id: order.staff_notes for page in pages for order in page.orders}
    assert sorted(final.values()).count("edited") == 5


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    edits=st.lists(st.tuples(st.integers(0, 39), st.integers(7, 9)), max_size=12),
    page_size=st.integers(2, 9),
)
def test_whatever_is_edited_between_calls_the_last_version_of_every_order_is_read(
    shop: Any, api: BigCommerce, seconds: list[int], edits: list[tuple[int, int]], page_size: int
) -> None:
    world: ShopWorld = shop.world
    for order_id in list(world.orders):
        world.delete_order(order_id)
    made = [world.add_order({"modified_at": at(second)}) for second in seconds]
    pending = sorted(edits, key=lambda edit: edit[1])
    read: dict[int, str] = {}
    pages = pull_orders(api, modified_since=START, page_size=page_size)
    for page in pages:
        read |= {order.id: order.staff_notes for order in page.orders}
        if pending and len(pending) > 1:  # the last one would need the next pull, as any edit after the last page
            number, second = pending.pop(0)
            world.clock = at(second).timestamp
            world.edit_order(made[number % len(made)], staff_notes=f"edited {second}")
    overlap = list(pull_orders(api, modified_since=at(7), page_size=page_size))
    read |= {order.id: order.staff_notes for page in overlap for order in page.orders}
    assert read == {order_id: order.record["staff_notes"] for order_id, order in world.orders.items()}


def test_an_order_carries_money_dates_and_everything_the_warehouse_needs(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    given = order(
        created_at=at(0), modified_at=at(61), customer_message="Ring twice", staff_notes="VIP",
        external_order_id="WMS-1", billing_address={"email": "bill@example.com", "phone": "0113 496 0000"},
    )  # fmt: skip
    given["addresses"] = [
        {"street_1": "1 High St", "zip": "LS1 1AA", "country_iso2": "GB", "shipping_method": "DPD Next Day",
         "form_fields": [{"name": "Gate code", "value": 4711}]},
        {"street_1": "2 Low St", "zip": "YO1 1AA", "email": "second@example.com", "phone": "01904 000000"},
    ]  # fmt: skip
    given["lines"] = [
        {"sku": "MUG", "name": "Mug", "quantity": 2, "price_inc_tax": "4.5", "price_ex_tax": "3.75",
        "address": 0,
         "options": [("Colour", "Red")], "wrapping_name": "Gift box", "wrapping_message": "Happy birthday"},
        {"sku": "TIN", "name": "Tin", "quantity": 1, "price_inc_tax": "11", "address": 1},
        {"sku": "PDF", "name": "Pattern", "type": "digital", "price_inc_tax": "3"},
        {"sku": "GIFT", "name": "Voucher", "type": "giftcertificate", "price_inc_tax": "20"},
    ]  # fmt: skip
    order_id = shop.world.add_order(given)
    found = get_order(api, order_id)
    assert found.total_inc_tax == Decimal("43.0000")
    assert (found.created_at, found.modified_at) == (at(0), at(61))
    assert (found.customer_message, found.staff_notes, found.external_order_id) == (
        "Ring twice",
        "VIP",
        "WMS-1",
    )
    assert (int(found.items_total), int(found.items_shipped), found.currency_code) == (5, 0, "GBP")
    first, second = found.addresses
    assert (first.email, first.phone, first.shipping_method) == (
        "bill@example.com",
        "0113 496 0000",
        "DPD Next Day",
    )
    assert [(f.name, f.value) for f in first.form_fields] == [("Gate code", 4711)]
    assert (second.email, second.phone) == ("second@example.com", "01904 000000")
    mug, tin, pattern, voucher = found.lines
    assert (mug.options, mug.wrapping) == ((("Colour", "Red"),), ("Gift box", "Happy birthday"))
    assert (mug.price_inc_tax, mug.price_ex_tax, mug.order_address_id) == (
        Decimal("4.5"),
        Decimal("3.75"),
        first.id,
    )
    assert (tin.order_address_id, tin.options, tin.wrapping) == (second.id, (), None)
    assert [(line.type, line.order_address_id) for line in (pattern, voucher)] == [
        ("digital", 0),
        ("giftcertificate", 0),
    ]


def broken(api: BigCommerce, shop: Any, order: MakeOrder, change: Callable[[dict[str, Any]], None]) -> Unreadable:
    """What is said of an order after `change` to its JSON; its sound neighbour must come through."""
    sound = shop.world.add_order(order(modified_at=at(1)))
    order_id = shop.world.add_order(order(modified_at=at(2)))
    stored = shop.world.orders[order_id]
    json = msgspec.json.decode(shop.world.json(stored, "lines", f"{shop.url}/stores/sandbox"))
    change(json)
    stored.cache[f"lines {shop.url}/stores/sandbox"] = msgspec.json.encode(json)
    (page,) = pull_orders(api, modified_since=START)
    assert [o.id for o in page.orders] == [sound]
    (unreadable,) = page.unreadable
    assert unreadable.system == "BigCommerce"
    if json.get("id"):
        assert unreadable.record == f"order {order_id}"
    return unreadable


def _first_line(json: dict[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = json["consignments"]["shipping"][0]["line_items"][0]
    return line


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: o.update(status_id=None), "status_id: expected int, got null"),
        (lambda o: o.update(status_id="eleven"), "status_id: expected int, got str"),
        (lambda o: o.pop("payment_status"), "payment_status: missing"),
        (lambda o: o.update(total_inc_tax="free"), "total_inc_tax: invalid decimal string"),
        (
            lambda o: o.update(date_modified="yesterday"),
            "date_modified: expected an RFC 2822 date, got 'yesterday'",
        ),
        (lambda o: o.update(consignments={"url": "x", "resource": "y"}), "consignments.shipping: missing"),
        (
            lambda o: o["consignments"]["shipping"][0].update(id=None),
            "consignments.shipping[0].id: expected int, got null",
        ),
        (
            lambda o: _first_line(o).update(quantity=None),
            "consignments.shipping[0].line_items[0].quantity: expected number, got null",
        ),
        (lambda o: _first_line(o).update(quantity_shipped=0.5), "expected a whole number, got 0.5"),
        (lambda o: _first_line(o).pop("sku"), "consignments.shipping[0].line_items[0].sku: missing"),
    ],
)
def test_a_record_that_breaks_the_specification_is_named_and_fails_no_other(
    shop: Any, api: BigCommerce, order: MakeOrder, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    assert reason in broken(api, shop, order, change).reason


def test_an_order_without_an_id_is_still_reported(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    unreadable = broken(api, shop, order, lambda o: o.update(id=None))
    assert unreadable == Unreadable("BigCommerce", "order without an id", "id: expected int, got null")


def test_a_page_full_of_unreadable_orders_does_not_stop_the_pull(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    for second in range(6):
        order_id = shop.world.add_order(order(modified_at=at(second)))
        if second < 5:
            shop.world.orders[order_id].record["status_id"] = None
    pages = list(pull_orders(api, modified_since=START, page_size=2))
    assert sum(len(page.unreadable) for page in pages) == 5
    assert ids(pages) == [order_id]


def test_a_status_or_line_type_that_nobody_documents_is_kept_for_the_flow_to_judge(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order(status_id=99))
    line = next(iter(shop.world.orders[order_id].lines.values()))
    line["type"] = "subscription"
    found = get_order(api, order_id)
    assert (found.status_id, found.lines[0].type) == (99, "subscription")


def test_single_line_items_and_whole_floats_are_read(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order(lines=[{"sku": "PDF", "type": "digital"}, {"sku": "MUG", "quantity": 2}]))
    stored = shop.world.orders[order_id]
    json = msgspec.json.decode(shop.world.json(stored, "lines", f"{shop.url}/stores/sandbox"))
    downloads = json["consignments"]["downloads"][0]
    downloads["line_items"] = downloads["line_items"][0]
    _first_line(json).update(quantity_shipped=1.0)
    json["customer_message"] = json["staff_notes"] = None
    stored.cache[f"lines {shop.url}/stores/sandbox"] = msgspec.json.encode(json)
    found = get_order(api, order_id)
    assert {line.sku for line in found.lines} == {"PDF", "MUG"}
    assert [type(line.quantity_shipped) for line in found.lines] == [int, int]
    assert found.staff_notes == ""


def test_the_lines_own_address_id_counts_where_the_consignments_id_differs(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    order_id = shop.world.add_order(order())
    stored = shop.world.orders[order_id]
    json = msgspec.json.decode(shop.world.json(stored, "lines", f"{shop.url}/stores/sandbox"))
    json["consignments"]["shipping"][0]["id"] = 99_999
    stored.cache[f"lines {shop.url}/stores/sandbox"] = msgspec.json.encode(json)
    found = get_order(api, order_id)
    assert [address.id for address in found.addresses] == [found.lines[0].order_address_id]


def test_a_list_out_of_order_stops_the_pull_rather_than_lose_orders(
    shop: Any, api: BigCommerce, order: MakeOrder
) -> None:
    for second in (1, 2, 3):
        shop.world.add_order(order(modified_at=at(second)))
    body = msgspec.json.encode(
        [msgspec.json.decode(shop.world.json(o, "lines", "")) for o in reversed(shop.world.orders.values())]
    )
    with served(Response(body)) as url:
        shop.url = url
        with pytest.raises(Ambiguous, match="did not come in order of date_modified"):
            list(pull_orders(shop.client(), modified_since=START))


def test_the_newest_change_is_one_small_call(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    shop.world.add_order(order(modified_at=at(9)))
    newest = shop.world.add_order(order(modified_at=at(30)))
    shop.world.add_order(order(modified_at=at(2)))
    assert newest_change(api) == (newest, at(30))
    assert api.total_calls == 1


def test_a_status_is_set_on_the_order(shop: Any, api: BigCommerce, order: MakeOrder) -> None:
    order_id = shop.world.add_order(order())
    set_order_status(api, order_id, 2)
    assert get_order(api, order_id).status_id == 2
    assert api.calls["PUT orders"] == 1


def test_two_stores_of_one_server_keep_their_orders_apart(order: MakeOrder) -> None:
    worlds = [ShopWorld("first"), ShopWorld("second", tokens={"other": ["store_v2_orders"]})]
    made = [world.add_order(order(customer_message=world.store_hash)) for world in worlds]
    with served(bigcommerce_app(*worlds)) as url:
        for world, order_id, token in zip(worlds, made, ("sandbox", "other"), strict=True):
            settings = BigCommerceSettings.model_validate({"base_url": url, "store_hash": world.store_hash})
            with BigCommerce(settings, token) as api:
                assert get_order(api, order_id).customer_message == world.store_hash


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_every_date_that_v2_writes_is_read_back_to_the_second(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert from_rfc2822(format_datetime(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Thu, 20 Apr 2017 11:32:00 -0400", datetime(2017, 4, 20, 15, 32, tzinfo=UTC)),
        ("Thu, 20 Apr 2017 11:32:00 GMT", datetime(2017, 4, 20, 11, 32, tzinfo=UTC)),
        ("20 Apr 2017 11:32:00 -0000", datetime(2017, 4, 20, 11, 32, tzinfo=UTC)),
    ],
)
def test_other_forms_of_rfc_2822_are_read_too(text: str, moment: datetime) -> None:
    assert from_rfc2822(text) == moment


@pytest.mark.parametrize(
    "text", ["", "2017-04-20T11:32:00Z", "Wed, 45 Dec 2018 20:16:55 +0000", "Wed, 05 Foo 2018 20:16:55 +0000"]
)
def test_what_is_not_a_date_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected an RFC 2822 date"):
        from_rfc2822(text)
