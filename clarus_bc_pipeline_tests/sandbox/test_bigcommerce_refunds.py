"""Refunds in the shop's double, without our client's manners: made, refused, one beside another, and listed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule
from clarus_bc_pipeline_tests.sandbox.shop_money import (
    Clock,
    line_of,
    placed,
    quote,
    refund,
    tender,
    units,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> ShopWorld:
    return ShopWorld(quota=10_000, clock=clock)


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def http(world: ShopWorld, plan: FaultPlan) -> Iterator[httpx.Client]:
    with (
        served(bigcommerce_app(world, plan=plan)) as url,
        httpx.Client(base_url=f"{url}/stores/sandbox", headers={"X-Auth-Token": "sandbox"}) as http,
    ):
        yield http


# --- refunds ---


def test_a_refund_moves_line_status_payment_status_and_date_modified(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    order_id = placed(world)
    clock.at += 60
    made = refund(http, order_id, units(world, order_id, 2)).json()["data"]
    order = http.get(f"/v2/orders/{order_id}").json()
    assert (order["status_id"], order["payment_status"]) == (14, "partially refunded")
    assert order["date_modified"].endswith("00:17:40 +0000")
    assert (line_of(world, order_id)["quantity_refunded"], line_of(world, order_id)["return_id"]) == (2, made["id"])
    rest = [*units(world, order_id, 1), *units(world, order_id, 1, "TIN")]
    refund(http, order_id, rest)
    order = http.get(f"/v2/orders/{order_id}").json()
    assert (order["status_id"], order["payment_status"]) == (4, "refunded")


def test_the_truth_has_a_row_for_each_item_with_its_reason(world: ShopWorld, clock: Clock, http: httpx.Client) -> None:
    order_id = placed(world, shipping_cost_inc_tax="5.0000")
    address = next(iter(world.orders[order_id].addresses))
    items = [
        {**units(world, order_id, 2)[0], "reason": "RMA-1 [clarus:RMA-1]"},
        {"item_type": "SHIPPING", "item_id": address, "amount": 5},
    ]
    made = refund(http, order_id, items).json()["data"]
    rows = [
        (row.refund_id, row.order_id, row.line, row.units, row.amount, row.reason) for row in world.payments.refunded
    ]
    line = line_of(world, order_id)["id"]
    assert rows == [
        (made["id"], order_id, line, 2, Decimal("9.00"), "RMA-1 [clarus:RMA-1]"),
        (made["id"], order_id, address, 0, Decimal(5), ""),
    ]
    assert {row.at.timestamp() for row in world.payments.refunded} == {clock.at}


def test_an_override_says_what_a_refund_comes_to(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    override = {"total_amount": 4.25, "total_tax": 0.7}
    made = refund(
        http, order_id, units(world, order_id, 1), tender("stripe", 4.25), merchant_calculated_override=override
    ).json()["data"]
    assert (made["total_amount"], made["total_tax"], made["uses_merchant_override_values"]) == (4.25, 0.7, True)
    assert [row.amount for row in world.payments.refunded] == [Decimal("4.25")]


def test_a_person_refunds_all_that_is_left_and_leaves_no_marker(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    refund(http, order_id, units(world, order_id, 1))
    world.payments.refund_by_hand(order_id, reason="Customer rang")
    _, by_hand = http.get(f"/v3/orders/{order_id}/payment_actions/refunds").json()["data"]
    assert [(item["quantity"], item["reason"]) for item in by_hand["items"]] == [
        (2, "Customer rang"), (1, "Customer rang"),
    ]  # fmt: skip
    assert http.get(f"/v2/orders/{order_id}").json()["status_id"] == 4


def test_a_price_edited_after_payment_is_quoted_anew_and_is_more_than_came_in(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    order_id = placed(world)
    clock.at += 60
    world.edit_line_price(order_id, line_of(world, order_id)["id"], "10.00")
    order = http.get(f"/v2/orders/{order_id}").json()
    assert (order["total_inc_tax"], order["date_modified"][-14:]) == ("41.0000", "00:17:40 +0000")
    given = quote(http, order_id, units(world, order_id, 3))
    assert (given["total_refund_amount"], given["total_refund_tax_amount"]) == (30, 5)
    assert "stripe" not in {option["provider_id"] for method in given["refund_methods"] for option in method}


# --- refusals ---


def test_each_request_that_cannot_be_right_is_a_422_that_says_why(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    line = line_of(world, order_id)["id"]
    path = f"/v3/orders/{order_id}/payment_actions/refund_quotes"
    product = {"item_type": "PRODUCT", "item_id": line}
    wrong: list[tuple[Any, str]] = [
        ([], "items"), ("all", "items"), ([{"item_type": "PRODUCT"}], "items[0].item_id"),
        ([{**product, "quantity": 0}], "items[0].quantity"), ([{**product, "quantity": 1.5}], "items[0].quantity"),
        ([{"item_type": "MUG", "item_id": line}], "items[0].item_type"),
        ([{**product, "quantity": 1, "reason": "x" * 1001}], "items[0].reason"),
        ([{"item_type": "ORDER", "item_id": order_id, "amount": -1}], "items[0].amount"),
        ([{"item_type": "PRODUCT", "item_id": 9, "quantity": 1}], "Order product 9 is not part of order"),
        ([{**product, "quantity": 4}], "exceeds the 3 that can be refunded"),
        ([{**product, "quantity": 2}] * 2, "exceeds the 1 that can be refunded"),
        ([{"item_type": "SHIPPING", "item_id": order_id, "amount": 1}], "SHIPPING"),
        ([{"item_type": "ORDER", "item_id": order_id, "amount": 25}], "exceeds the 24.5"),
    ]  # fmt: skip
    for items, words in wrong:
        reply = http.post(path, json={"items": items})
        assert (reply.status_code, words in reply.text) == (422, True), (items, reply.text)
    assert http.post("/v3/orders/1/payment_actions/refund_quotes", json={"items": []}).status_code == 404


def test_units_already_refunded_cannot_be_refunded_again(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world)
    assert refund(http, order_id, units(world, order_id, 2)).status_code == 201
    again = refund(http, order_id, units(world, order_id, 2), tender("custom", 9, offline=True))
    assert (again.status_code, "exceeds the 1" in again.text) == (422, True)
    assert [row.units for row in world.payments.refunded] == [2]


@pytest.mark.parametrize(
    "payments",
    [
        [tender("stripe", 8.99)], [tender("stripe", 9.01)], [tender("square", 9)], [tender("custom", 9)],
        [tender("stripe", 4), tender("storecredit", 5)], [],
    ],
    ids=["a penny short", "a penny over", "another gateway", "by hand as if online", "a mix of two methods", "none"],
)  # fmt: skip
def test_payments_that_are_no_method_of_the_quote_are_refused(
    world: ShopWorld, http: httpx.Client, payments: list[Any]
) -> None:
    order_id = placed(world)
    body = {"items": units(world, order_id, 2), "payments": payments}
    assert http.post(f"/v3/orders/{order_id}/payment_actions/refunds", json=body).status_code == 422
    assert (world.payments.refunds, line_of(world, order_id)["quantity_refunded"]) == ({}, 0)


@pytest.mark.parametrize(
    "payments",
    [
        [tender("cheque", 10.5, offline=True), tender("storecredit", 14)],
        [tender("cheque", 20.5), tender("storecredit", 4)],
        [tender("cheque", 20.5, offline=True)],
    ],
    ids=["split otherwise", "a cheque as if online", "one of the two alone"],
)
def test_a_method_of_two_tenders_is_taken_whole_or_not_at_all(
    world: ShopWorld, http: httpx.Client, payments: list[Any]
) -> None:
    order_id = placed(world, payment_provider_id="cheque", store_credit_amount="4.0000")
    everything = [*units(world, order_id, 3), *units(world, order_id, 1, "TIN")]
    assert refund(http, order_id, everything, *payments).status_code == 422
    assert refund(http, order_id, everything).status_code == 201


def test_store_credit_for_a_guest_is_refused_in_the_words_of_the_reference(
    world: ShopWorld, http: httpx.Client
) -> None:
    order_id = placed(world, customer_id=0)
    reply = refund(http, order_id, units(world, order_id, 2), tender("storecredit", 9))
    (problem,) = reply.json()["data"]
    assert reply.status_code == problem["status"] == 422
    assert problem["title"] == "Unable to provide store credit for a guest customer."


def test_a_payment_that_has_not_settled_is_refunded_by_hand_alone(world: ShopWorld, http: httpx.Client) -> None:
    order_id = placed(world, payment_status="authorized")
    online = refund(http, order_id, units(world, order_id, 2), tender("stripe", 9))
    assert (online.status_code, "not been settled" in online.text) == (422, True)
    assert refund(http, order_id, units(world, order_id, 2), tender("custom", 9, offline=True)).status_code == 201


def test_refunds_need_the_token_of_their_own_where_the_shop_has_one() -> None:
    world = ShopWorld(refund_token="refunds", quota=100)
    order_id = placed(world)
    with served(bigcommerce_app(world)) as url, httpx.Client(base_url=f"{url}/stores/sandbox") as http:
        path = f"/v3/orders/{order_id}/payment_actions/refund"
        for token, status in (("sandbox", 403), ("refunds", 201), ("guess", 401)):
            http.headers["X-Auth-Token"] = token
            body = {"items": units(world, order_id, 1), "payments": [tender("stripe", 4.5)]}
            assert http.post(f"{path}_quotes", json=body).status_code == status
            assert http.post(f"{path}s", json=body).status_code == status
        http.headers["X-Auth-Token"] = "sandbox"
        assert len(http.get(f"{path}s").json()["data"]) == 1
        assert http.get(f"/v3/orders/{order_id}/transactions").status_code == 200


# --- one beside another, and faults ---


def test_two_refunds_of_an_order_at_once_give_back_a_unit_twice_and_the_truth_counts_it(
    world: ShopWorld, http: httpx.Client
) -> None:
    world.payments.refund_takes = 0.5
    order_id, other = placed(world), placed(world)
    with ThreadPoolExecutor(3) as threads:
        replies = [
            threads.submit(refund, http, each, units(world, each, 3), tender("stripe", 13.5))
            for each in (order_id, order_id, other)
        ]
    assert [reply.result().status_code for reply in replies] == [201, 201, 201]
    assert world.payments.concurrent_refunds == 1
    assert line_of(world, order_id)["quantity_refunded"] == 6
    assert line_of(world, other)["quantity_refunded"] == 3


@pytest.mark.parametrize(
    ("fault", "refunds"),
    [(Fault.RESET_AFTER, 1), (Fault.ERROR_AFTER, 1), (Fault.RESET_BEFORE, 0), (Fault.UNAVAILABLE, 0)],
)
def test_faults_befall_refunds_as_they_do_other_writes(
    world: ShopWorld, plan: FaultPlan, http: httpx.Client, fault: Fault, refunds: int
) -> None:
    order_id = placed(world)
    plan.rules = [FaultRule(fault, 1.0, path="/refunds")]
    try:
        assert refund(http, order_id, units(world, order_id, 2), tender("stripe", 9)).is_server_error
    except httpx.TransportError:
        assert fault in (Fault.RESET_AFTER, Fault.RESET_BEFORE)
    assert len(http.get(f"/v3/orders/{order_id}/payment_actions/refunds").json()["data"]) == refunds


# --- lists ---


def test_the_shops_refunds_are_listed_by_id_filtered_and_a_page_at_a_time(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    made = []
    for _ in range(3):
        order_id = placed(world)
        made.append((refund(http, order_id, units(world, order_id, 1)).json()["data"]["id"], order_id))
        clock.at += 60

    def listed(**params: Any) -> list[int]:
        reply = http.get("/v3/orders/payment_actions/refunds", params=params)
        return [each["id"] for each in reply.json()["data"]]

    ids = [number for number, _ in made]
    assert listed() == ids == sorted(ids)
    assert listed(**{"created:min": "1970-01-01T00:17:40Z"}) == ids[1:]
    assert listed(**{"created:max": "1970-01-01T00:17:40Z"}) == ids[:2]
    assert listed(**{"order_id:in": f"{made[0][1]},{made[2][1]}"}) == [ids[0], ids[2]]
    assert listed(**{"id:in": str(ids[1])}) == [ids[1]]
    assert (listed(limit=2), listed(limit=2, page=2), listed(limit=2, page=3)) == (ids[:2], ids[2:], [])
