"""Every request that the client sends and every reply that the double gives, held against the specifications.

Our own description ships with the package and is always checked; the vendor's is checked where its folder is
there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clarus_bc_pipeline
from clarus_bc_pipeline.bigcommerce import (
    catalogue,
    inventory,
    markers,
    metafields,
    orders,
    refunds,
    shipments,
    store,
    transactions,
)  # fmt: skip
from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.refunds import RefundItem, Tender
from clarus_bc_pipeline.http import AuthFailed, Gone, Refused
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld
from clarus_bc_pipeline.sandbox.faults import Entry
from clarus_bc_pipeline_tests.bigcommerce.openapi_truth import Specification

PACKAGE = Path(clarus_bc_pipeline.__file__).parent
OWN = PACKAGE / "sandbox" / "specs" / "bigcommerce.yaml"
VENDOR = PACKAGE.parent.parent / "shared" / "specs" / "bigcommerce"
VENDOR_FILES = {
    "orders.v2.oas2.yml": "/v2", "store_information.v2.yml": "/v2", "orders.v3.yml": "/v3",
    "inventory.v3.yml": "/v3", "locations.v3.yml": "/v3", "settings.v3.yml": "/v3",
    "catalog/products_catalog.v3.yml": "/v3",
}  # fmt: skip
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def conversation(shop: Any, api: BigCommerce, order: Callable[..., dict[str, Any]]) -> list[Entry]:
    """All calls that the client can make, on a shop with every kind of order line."""
    world = shop.world
    list(orders.pull_orders(api, modified_since=LONG_AGO))
    given = order(customer_message="Ring twice", status_id=11)
    given["lines"] = [
        {"sku": "MUG", "name": "Mug", "quantity": 3, "options": [("Colour", "Red")], "wrapping_name": "Box"},
        {"sku": "PDF", "name": "Pattern", "type": "digital"},
        {"sku": "GIFT", "name": "Voucher", "type": "giftcertificate"},
        {"sku": "PICK", "name": "Lamp", "order_address_id": 0},
    ]
    order_id = world.add_order(given)
    for _ in range(7):  # a crowded second, so that the walk by id is heard too
        world.add_order(order(modified_at=datetime(2026, 11, 1, tzinfo=UTC)))
    list(orders.pull_orders(api, modified_since=LONG_AGO, page_size=3))
    orders.newest_change(api)
    stored = world.orders[order_id]
    address, line = next(iter(stored.addresses)), next(iter(stored.lines))
    shipments.list_shipments(api, order_id)
    plain = shipments.ShipmentRequest(address, ((line, 1),), comments=markers.with_marker("Parcel", "GO-1/1/1"))
    made = shipments.create_shipment(api, order_id, plain.payload())
    shipments.update_shipment(
        api,
        order_id,
        made.id,
        {"tracking_number": "1", "tracking_carrier": "dpd-uk", "shipping_provider": ""},
    )
    own_link = shipments.ShipmentRequest(address, ((line, 1),), "1", tracking_link="https://example.com/1")
    shipments.create_shipment(api, order_id, own_link.payload())
    shipments.list_shipments(api, order_id)
    with pytest.raises(Refused):
        shipments.create_shipment(api, order_id, shipments.ShipmentRequest(address, ((line, 9),)).payload())
    with pytest.raises(Gone):
        orders.get_order(api, 1)
    orders.set_order_status(api, order_id, 3)
    orders.get_order(api, order_id)
    world.add_metafield(order_id, "gift", "message", "Happy birthday")
    list(metafields.pull_order_metafields(api, modified_since=LONG_AGO, namespaces=["gift", "returns"]))
    world.catalogue.add({"name": "Mug", "variants": [{"sku": "MUG", "options": [("Colour", "Red")], "stock": 4}]})
    list(catalogue.pull_variants(api))
    list(inventory.pull_inventory(api))
    inventory.set_levels(api, [inventory.Level("MUG", 1, 7)], reason="Clarus stock")
    with pytest.raises(inventory.LevelsRefused):
        inventory.set_levels(api, [inventory.Level("MUG", 1, 7), inventory.Level("CUP", 1, 1)], reason="Clarus stock")
    inventory.items_of(api, ["MUG"])
    inventory.pull_locations(api)
    inventory.inventory_settings(api)
    store.get_store(api)
    store.get_time(api)
    store.order_statuses(api)
    _talk_of_returns(api, world, order(customer_id=0))
    _talk_of_money(api, world, order(customer_id=7, shipping_cost_inc_tax="3.9000", store_credit_amount="5.0000"))
    world.tokens["reads"] = world.tokens["sandbox"] - {"store_v2_transactions"}
    with pytest.raises(AuthFailed):
        refunds.create_refund(
            shop.client("reads"), order_id, [RefundItem("PRODUCT", line, 1)], [Tender("custom", Decimal(10), True)]
        )
    entries: list[Entry] = world.log.entries()
    return entries


def _talk_of_returns(api: BigCommerce, world: ShopWorld, given: dict[str, Any]) -> None:
    """An RMA is kept beside its order; a guest's money cannot become store credit."""
    order_id = world.add_order(given)
    field = ("returns", "rma:1", '{"lines": []}')
    made = metafields.create_order_metafield(api, order_id, *field, description="RMA 1")
    with pytest.raises(Refused):
        metafields.create_order_metafield(api, order_id, *field)
    with pytest.raises(Gone):
        metafields.create_order_metafield(api, 1, *field)
    metafields.update_order_metafield(api, order_id, made.id, "returns", "rma:1", '{"lines": [1]}')
    with pytest.raises(Gone):
        metafields.update_order_metafield(api, order_id, 999, *field)
    items = [RefundItem("PRODUCT", next(iter(world.orders[order_id].lines)), 1)]
    with pytest.raises(Refused):
        refunds.create_refund(api, order_id, items, [Tender("storecredit", Decimal("4.50"), False)])
    with pytest.raises(Refused):
        refunds.create_refund(api, order_id, items, [Tender("stripe", Decimal("4.49"), False)])


def _talk_of_money(api: BigCommerce, world: ShopWorld, given: dict[str, Any]) -> None:
    """Every kind of item and tender, a refund by the merchant's own sum, and one that is declined."""
    order_id = world.add_order(given)
    (mug, tin), (address,) = world.orders[order_id].lines, world.orders[order_id].addresses
    assert transactions.transactions_of(api, world.add_order({**given, "payment_status": "pending"})) == []
    with pytest.raises(Gone):
        transactions.transactions_of(api, 1)
    with pytest.raises(Gone):
        refunds.refunds_of(api, 1)
    assert refunds.refunds_of(api, order_id) == []
    goods = [RefundItem("PRODUCT", mug, 1), RefundItem("ORDER", order_id, amount=Decimal("0.10"), reason="Late")]
    with pytest.raises(Gone):
        refunds.quote_refund(api, 1, goods)
    with pytest.raises(Gone):
        refunds.create_refund(api, 1, goods, [Tender("custom", Decimal("4.60"), True)])
    with pytest.raises(Refused):
        refunds.quote_refund(api, order_id, [RefundItem("PRODUCT", mug, 9)])
    back = refunds.quote_refund(api, order_id, goods)
    refunds.create_refund(api, order_id, goods, back.methods[0])
    override = [RefundItem("PRODUCT", mug, 1, reason=markers.with_marker("RMA", "RMA-1"))]
    tenders = [Tender("custom", Decimal("4.20"), True)]
    refunds.create_refund(api, order_id, override, tenders, total=Decimal("4.20"), tax=Decimal("0.70"))
    world.payments.declines_refunds_of.add(order_id)
    rest = [RefundItem("PRODUCT", tin, 1), RefundItem("SHIPPING", address, amount=Decimal("3.90"))]
    refunds.create_refund(api, order_id, rest, refunds.quote_refund(api, order_id, rest).methods[-1])
    assert len(refunds.refunds_of(api, order_id)) == 3
    assert [len(page.refunds) for page in refunds.pull_refunds(api, created_since=LONG_AGO)] == [3]
    assert {each.status for each in transactions.transactions_of(api, order_id)} == {"ok", "error"}


def test_every_call_and_reply_is_as_our_own_description_says(conversation: list[Entry]) -> None:
    own = Specification(OWN)
    assert [words for entry in conversation for words in own.complaints(entry)] == []


def test_every_path_that_we_describe_is_used(conversation: list[Entry]) -> None:
    own = Specification(OWN)
    described = {
        (method.upper(), path)
        for path, item in own.document["paths"].items()
        for method in item
        if method != "parameters"
    }
    heard = {
        (entry.method, path)
        for entry in conversation
        for pattern, path in own._paths
        if pattern.fullmatch(entry.path.removeprefix("/stores/sandbox"))
    }
    assert described <= heard


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor's specifications are not beside this repository")
def test_every_call_and_reply_is_as_the_vendor_says(conversation: list[Entry]) -> None:
    vendors = [Specification(VENDOR / file, prefix=prefix) for file, prefix in VENDOR_FILES.items()]
    complaints = []
    for entry in conversation:
        found = [vendor for vendor in vendors if vendor.covers(entry)]
        assert found, f"{entry.method} {entry.path} is in none of the vendor's documents"
        complaints += found[0].complaints(entry)
    assert complaints == []


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor's specifications are not beside this repository")
def test_consignments_and_lines_hold_no_field_that_the_vendor_does_not_know(
    conversation: list[Entry],
) -> None:
    """The vendor's choice of links or whole records accepts anything, so the parts are checked by name."""
    vendor = Specification(VENDOR / "orders.v2.oas2.yml", prefix="/v2")
    bodies = [
        e.reply_body for e in conversation if e.path.endswith("/v2/orders") and e.reply_body and "include=" in e.query
    ]
    lines = 0
    for body in bodies:
        for order in msgspec.json.decode(body):
            consignments = order["consignments"]
            assert vendor.schema("orderConsignment_Get", consignments) == []
            everything = [
                *consignments["shipping"], *consignments["pickups"], *consignments["downloads"],
                *consignments["email"]["gift_certificates"],
            ]  # fmt: skip
            for line in (line for consignment in everything for line in consignment["line_items"]):
                assert vendor.schema("orderProducts", line) == []
                lines += 1
    assert lines > 10


def test_the_description_is_able_to_complain(conversation: list[Entry]) -> None:
    own = Specification(OWN)
    entry = next(e for e in conversation if e.path.endswith("/v2/orders") and e.reply_body)
    orders_sent = msgspec.json.decode(entry.reply_body)
    orders_sent[0]["total_inc_tax"] = 12.5
    entry.reply_body = msgspec.json.encode(orders_sent)
    entry.query += "&modified_after=today"
    complaints = own.complaints(entry)
    assert any("modified_after is not known" in words for words in complaints)
    assert any("total_inc_tax" in words for words in complaints)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [("/payment_actions/refunds", "total_amount", "9.00"), ("/transactions", "amount", "24.50"),
     ("/transactions", "order_id", 101)],
)  # fmt: skip
def test_the_description_complains_of_money_as_text_and_of_a_number_that_is_told_as_text(
    conversation: list[Entry], path: str, field: str, value: object
) -> None:
    own = Specification(OWN)
    heard = (e for e in conversation if e.path.endswith(path) and e.method == "GET" and e.seen == 200)
    entry, reply = next((e, told) for e in heard if (told := msgspec.json.decode(e.reply_body))["data"])
    reply["data"][0][field] = value
    entry.reply_body = msgspec.json.encode(reply)
    assert any(f"$.data[0].{field}" in words for words in own.complaints(entry))
