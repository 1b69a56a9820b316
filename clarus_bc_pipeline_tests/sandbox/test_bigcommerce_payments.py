"""Money in the shop's double: what came in, what a refund would come to, when it moves, and what is kept beside it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline_tests.sandbox.shop_money import (
    Clock,
    line_of,
    placed,
    quote,
    refund,
    transactions,
    units,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> ShopWorld:
    return ShopWorld(quota=10_000, clock=clock)


@pytest.fixture
def http(world: ShopWorld) -> Iterator[httpx.Client]:
    with (
        served(bigcommerce_app(world)) as url,
        httpx.Client(base_url=f"{url}/stores/sandbox", headers={"X-Auth-Token": "sandbox"}) as http,
    ):
        yield http


# --- what came in ---


def test_an_order_created_paid_has_a_purchase_of_its_total(world: ShopWorld, http: httpx.Client) -> None:
    assert transactions(http, placed(world)) == [("purchase", "stripe", 24.5, "ok")]


def test_store_credit_and_a_gift_certificate_are_purchases_of_their_own(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, store_credit_amount="4.0000", gift_certificate_amount="10.0000")
    assert transactions(http, order_id) == [
        ("purchase", "storecredit", 4, "ok"), ("purchase", "giftcertificate", 10, "ok"),
        ("purchase", "stripe", 10.5, "ok"),
    ]  # fmt: skip


def test_an_order_without_payment_has_no_transactions_and_that_is_a_204(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, payment_status="pending")
    reply = http.get(f"/v3/orders/{order_id}/transactions")
    assert (reply.status_code, reply.content) == (204, b"")
    assert http.get("/v3/orders/1/transactions").status_code == 404


def test_money_that_is_held_is_taken_in_parts_and_each_part_names_what_held_it(
    world: ShopWorld, http: httpx.Client
) -> None:
    order_id = placed(world, payment_status="authorized")
    world.payments.capture(order_id, "20.00")
    assert transactions(http, order_id) == [
        ("authorization", "stripe", 24.5, "ok"), ("capture", "stripe", 20, "ok"),
    ]  # fmt: skip
    held, taken = http.get(f"/v3/orders/{order_id}/transactions").json()["data"]
    assert taken["reference_transaction_id"] == held["id"]
    assert http.get(f"/v2/orders/{order_id}").json()["payment_status"] == "captured"


# --- quotes ---


def test_a_quote_offers_store_credit_by_hand_and_the_way_it_was_paid(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, store_credit_amount="4.0000", payment_provider_id="bankdeposit")
    given = quote(http, order_id, [*units(world, order_id, 3), *units(world, order_id, 1, "TIN")])
    assert (given["total_refund_amount"], given["total_refund_tax_amount"], given["tax_inclusive"]) == (
        24.5,
        2.25,
        True,
    )
    assert [[(o["provider_id"], o["amount"], o["offline"]) for o in method] for method in given["refund_methods"]] == [
        [("storecredit", 24.5, False)],
        [("custom", 24.5, True)],
        [("bankdeposit", 20.5, True), ("storecredit", 4, False)],
    ]


def test_money_goes_back_to_its_gateway_before_credit_does(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, store_credit_amount="4.0000")
    best = quote(http, order_id, units(world, order_id, 2))["refund_methods"][-1]
    assert [(option["provider_id"], option["amount"]) for option in best] == [("stripe", 9)]


def test_a_guest_is_not_offered_store_credit(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, customer_id=0)
    methods = quote(http, order_id, units(world, order_id, 1))["refund_methods"]
    assert [[option["provider_id"] for option in method] for method in methods] == [["custom"], ["stripe"]]


def test_a_quote_changes_nothing(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    before = http.get(f"/v2/orders/{order_id}").content
    quote(http, order_id, units(world, order_id, 2))
    assert http.get(f"/v2/orders/{order_id}").content == before
    assert world.payments.refunded == []


def test_what_is_not_left_of_the_order_is_told_as_an_adjustment(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    refund(http, order_id, [{"item_type": "ORDER", "item_id": order_id, "amount": 20}])
    given = quote(http, order_id, units(world, order_id, 3))
    assert (given["total_refund_amount"], given["adjustment"]) == (4.5, -9)


@pytest.mark.parametrize(("currency", "price", "amount"), [("JPY", "1250", 1250), ("KWD", "2.375", 2.375)])
def test_money_keeps_the_decimals_of_its_currency(
    world: ShopWorld, http: httpx.Client, currency: str, price: str, amount: float
) -> None:
    lines = [{"sku": "MUG", "quantity": 3, "price_inc_tax": price}]
    order_id = placed(world, currency_code=currency, lines=lines)
    made = refund(http, order_id, units(world, order_id, 1)).json()["data"]
    assert (made["total_amount"], made["payments"][0]["amount"]) == (amount, amount)


def test_units_refunded_in_turn_add_up_to_what_the_line_cost(world: ShopWorld, http: httpx.Client) -> None:
    lines = [{"sku": "MUG", "quantity": 3, "price_inc_tax": "4.50", "discounted_total_inc_tax": "10.0000"}]
    order_id = placed(world, lines=lines, total_inc_tax="10.0000")
    amounts = [refund(http, order_id, units(world, order_id, 1)).json()["data"]["total_amount"] for _ in range(3)]
    assert [Decimal(str(amount)) for amount in amounts] == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]


# --- the money follows ---


def test_money_moves_after_the_201_by_the_shops_own_clock(world: ShopWorld, clock: Clock, http: httpx.Client) -> None:
    world.payments.refund_settles_after = 300
    order_id = placed(world)
    assert refund(http, order_id, units(world, order_id, 2)).status_code == 201
    clock.at += 299
    assert transactions(http, order_id) == [("purchase", "stripe", 24.5, "ok")]
    clock.at += 1
    assert transactions(http, order_id)[1:] == [("refund", "stripe", 9, "ok")]
    (made,) = http.get(f"/v3/orders/{order_id}/payment_actions/refunds").json()["data"]
    (payment,) = made["payments"]
    listed = http.get("/v3/orders/payment_actions/refunds", params={"transaction_id": payment["transaction_id"]})
    assert [each["id"] for each in listed.json()["data"]] == [made["id"]]


def test_a_refund_that_the_gateway_declines_says_so_later_and_keeps_its_units(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    world.payments.refund_settles_after = 300
    order_id = placed(world)
    world.payments.declines_refunds_of.add(order_id)
    made = refund(http, order_id, units(world, order_id, 2)).json()["data"]
    assert [payment["is_declined"] for payment in made["payments"]] == [False]
    clock.at += 300
    (later,) = http.get(f"/v3/orders/{order_id}/payment_actions/refunds").json()["data"]
    assert [(p["is_declined"], bool(p["declined_message"])) for p in later["payments"]] == [(True, True)]
    assert transactions(http, order_id)[1:] == [("refund", "stripe", 9, "error")]
    assert line_of(world, order_id)["quantity_refunded"] == 2


def test_a_refund_by_hand_moves_no_money_in_the_shop(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, payment_provider_id="cheque")
    assert refund(http, order_id, units(world, order_id, 2)).json()["data"]["payments"][0]["offline"] is True
    assert transactions(http, order_id) == [("purchase", "cheque", 24.5, "ok")]


@pytest.mark.parametrize(("modifies", "moved"), [(True, True), (False, False)])
def test_whether_settling_moves_date_modified_is_a_setting(
    world: ShopWorld, clock: Clock, http: httpx.Client, modifies: bool, moved: bool
) -> None:
    world.payments.refund_settles_after, world.payments.settling_modifies_order = 300, modifies
    order_id = placed(world)
    clock.at += 60
    refund(http, order_id, units(world, order_id, 2))
    before = world.orders[order_id].modified
    assert before == clock.at
    clock.at += 300
    assert len(transactions(http, order_id)) == 2
    assert (world.orders[order_id].modified != before) == moved


# --- metafields ---


def test_a_metafield_is_made_once_for_a_client_and_order_and_key(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    order_id, other = placed(world), placed(world)
    body = {"namespace": "returns", "key": "rma:1", "value": "{}", "permission_set": "read"}
    path = f"/v3/orders/{order_id}/metafields"
    made = http.post(path, json=body)
    assert made.status_code == 200
    assert http.post(path, json=body).status_code == 409
    assert http.post(path, json={**body, "key": "rma:2"}).status_code == 200
    assert http.post(f"/v3/orders/{other}/metafields", json=body).status_code == 200
    world.add_metafield(order_id, "returns", "rma:1", "{}", owner="another app")
    assert http.post(path, json={**body, "value": ""}).status_code == 422
    clock.at += 60
    number = made.json()["data"]["id"]
    assert http.put(f"{path}/{number}", json={**body, "value": "[1]"}).json()["data"]["value"] == "[1]"
    assert http.put(f"{path}/{number}", json={**body, "key": "rma:2"}).status_code == 409
    newest = http.get("/v3/orders/metafields", params={"date_modified:min": "1970-01-01T00:17:40+00:00"})
    assert [(each["id"], each["value"]) for each in newest.json()["data"]] == [(number, "[1]")]
