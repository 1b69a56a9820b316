"""The scenario's data: real, whole, with the oddities that it is there for, and nobody's personal data."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from random import Random

import pytest

from clarus_bc_pipeline.flows.catalogue.rules import sku_fault
from clarus_bc_pipeline.flows.orders.addresses import clarus_address, normalise_postcode
from clarus_bc_pipeline.sandbox import retail
from clarus_bc_pipeline.sandbox.retail import RetailCancellation, RetailOrder, shop_order


@pytest.fixture(scope="module")
def orders() -> list[RetailOrder]:
    return retail.load_orders()


@pytest.fixture(scope="module")
def cancellations() -> list[RetailCancellation]:
    return retail.load_cancellations()


def test_the_package_stays_small() -> None:
    folder = files("clarus_bc_pipeline.sandbox").joinpath("data")
    assert sum(len(file.read_bytes()) for file in folder.iterdir() if file.is_file()) < 1_500_000
    assert "Open Government Licence v3.0" in folder.joinpath("NOTICE.md").read_text()


def test_there_are_two_thousand_orders_with_only_positive_lines(orders: list[RetailOrder]) -> None:
    assert len(orders) >= 2000
    assert all(line.quantity > 0 and line.unit_price >= 0 for order in orders for line in order.lines)
    assert len({order.invoice_no for order in orders}) == len(orders)
    assert orders == sorted(orders, key=lambda order: order.placed_at)


def test_an_invoice_is_whole_and_in_its_order(orders: list[RetailOrder]) -> None:
    first = orders[0]
    assert (first.invoice_no, first.customer, first.country) == ("536365", "17850", "United Kingdom")
    assert first.placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert [line.stock_code for line in first.lines] == [
        "85123A", "71053", "84406B", "84029G", "84029E", "22752", "21730",
    ]  # fmt: skip
    assert first.lines[0].unit_price == Decimal("2.55")


def test_the_oddities_are_there(orders: list[RetailOrder]) -> None:
    codes = {line.stock_code for order in orders for line in order.lines}
    assert {"POST", "DOT", "M", "m", "C2", "BANK CHARGES", "gift_0001_20", "DCGSSGIRL"} <= codes
    assert sum(n > 1 for n in Counter(code.casefold() for code in codes).values()) >= 50
    assert any(line.unit_price == 0 for order in orders for line in order.lines)
    assert any(len({x.stock_code for x in order.lines}) < len(order.lines) for order in orders)
    assert any(not order.customer for order in orders)
    assert {"EIRE", "Channel Islands", "Germany"} <= {order.country for order in orders}
    assert any(not any(line.is_physical for line in order.lines) for order in orders)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("85123A", "physical"), ("PADS", "physical"), ("DCGSSBOY", "physical"), ("POST", "digital"),
     ("m", "digital"), ("BANK CHARGES", "digital"), ("gift_0001_20", "giftcertificate")],
)  # fmt: skip
def test_service_codes_are_not_physical(code: str, kind: str) -> None:
    assert retail.RetailLine(code, "", 1, Decimal(1)).type == kind


def test_each_cancellation_takes_back_something_that_was_sold(
    orders: list[RetailOrder], cancellations: list[RetailCancellation]
) -> None:
    sold = {order.invoice_no: {line.stock_code.casefold() for line in order.lines} for order in orders}
    placed = {order.invoice_no: order.placed_at for order in orders}
    assert len(cancellations) > 400
    for cancellation in cancellations:
        linked = [line for line in cancellation.lines if line.sale_invoice]
        assert linked
        assert all(line.quantity > 0 for line in cancellation.lines)
        for line in linked:
            assert line.sale_invoice is not None
            assert line.stock_code.casefold() in sold[line.sale_invoice]
            assert placed[line.sale_invoice] <= cancellation.cancelled_at


def test_summer_time_is_taken_into_account(cancellations: list[RetailCancellation]) -> None:
    noon = retail._utc("2011-07-01 12:00")
    assert noon == datetime(2011, 7, 1, 11, 0, tzinfo=UTC)
    assert any(c.cancelled_at.month in range(4, 10) for c in cancellations)


def test_addresses_have_postcodes_of_every_form() -> None:
    addresses = retail.load_addresses()
    forms = {re.sub("[0-9]", "9", re.sub("[A-Z]", "A", a.zip)) for a in addresses}
    assert forms == {"A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA", ""}
    assert {a.country_iso2 for a in addresses} == {"GB", "IM", "JE", "GG"}
    assert any(a.city == "BFPO" for a in addresses)
    assert all(normalise_postcode(a.zip) == a.zip for a in addresses if a.zip)
    assert not any(re.search(r"\b(DR|MR|MRS|MS|MISS|PROF)\b", f"{a.street_1} {a.street_2}") for a in addresses)


def test_the_awkward_skus_have_what_the_invoices_lack() -> None:
    skus = dict(retail.load_awkward_skus())
    assert {"00045", "CABLE/USB/2M", " AB-12", "РОЅТ-1", "5.01E+12"} <= set(skus)
    codes = {fault.code for sku in skus if (fault := sku_fault(sku))}
    assert codes == {"sku_bad_characters", "sku_damaged_by_spreadsheet", "sku_too_long"}


def test_a_shop_order_is_the_same_for_the_same_seed(orders: list[RetailOrder]) -> None:
    one, two, other = (shop_order(orders[7], order_id=10432, rng=Random(seed)) for seed in (1, 1, 2))
    assert one == two
    assert one["id"] == 10432
    assert one["addresses"] != other["addresses"]


def test_a_customer_keeps_a_name_and_a_contact_over_all_orders(orders: list[RetailOrder]) -> None:
    theirs = [order for order in orders if order.customer == "17850"]
    people = [shop_order(o, order_id=n, rng=Random(n))["addresses"][0] for n, o in enumerate(theirs)]
    assert len(people) > 1
    assert len({(p["first_name"], p["last_name"], p["email"], p["phone"]) for p in people}) == 1


def test_customers_are_invented_and_can_be_delivered_to(orders: list[RetailOrder]) -> None:
    rng = Random(20101201)
    premises = [a for a in retail.load_addresses() if a.zip]
    for number, order in enumerate(orders):
        shop = shop_order(order, order_id=number, rng=rng, premises=premises)
        (address,) = shop["addresses"]
        assert re.fullmatch(r"07700 900\d{3}", address["phone"])
        assert re.fullmatch(r"[a-z.]+@example\.(com|org)", address["email"])
        assert clarus_address(address, require_contact=True)[1] == []
        assert [line["sku"] for line in shop["lines"]] == [line.stock_code for line in order.lines]
        assert {line["address"] for line in shop["lines"]} == {0}


def test_messages_come_by_seed_and_not_on_every_order(orders: list[RetailOrder]) -> None:
    rng = Random(5)
    messages = Counter(shop_order(o, order_id=1, rng=rng)["customer_message"] for o in orders[:300])
    assert 100 < messages[""] < 290
    assert set(messages) - {""} == set(retail.MESSAGES)


def test_an_order_of_no_known_country_lacks_one_in_its_address(orders: list[RetailOrder]) -> None:
    nowhere = RetailOrder("1", orders[0].placed_at, "Unspecified", "", orders[0].lines)
    (address,) = shop_order(nowhere, order_id=1, rng=Random(1))["addresses"]
    assert [p.field for p in clarus_address(address)[1]] == ["country_iso2"]


def test_an_order_can_be_moved_in_time_and_state(orders: list[RetailOrder]) -> None:
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    moved = shop_order(orders[0], order_id=1, rng=Random(1), created_at=now, status_id=7, payment_status="")
    assert (moved["created_at"], moved["status_id"], moved["payment_status"]) == (now, 7, "")
