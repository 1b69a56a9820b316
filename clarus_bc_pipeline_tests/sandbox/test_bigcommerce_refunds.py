"""Money in the shop's double, without our client's manners: what is paid, quoted, refunded, settled and refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule

ADDRESS = {"first_name": "Ada", "last_name": "Byron", "street_1": "12 St James's Square", "zip": "SW1Y 4JH"}
LINES = (
    {"sku": "MUG", "quantity": 3, "price_inc_tax": "4.50", "price_ex_tax": "3.75"},
    {"sku": "TIN", "quantity": 1, "price_inc_tax": "11.00"},
)


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


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


def placed(world: ShopWorld, **fields: Any) -> int:
    return world.add_order({"addresses": [ADDRESS], "lines": LINES, "customer_id": 7, **fields})


def line_of(world: ShopWorld, order_id: int, sku: str = "MUG") -> dict[str, Any]:
    return next(line for line in world.orders[order_id].lines.values() if line["sku"] == sku)


def units(world: ShopWorld, order_id: int, quantity: int, sku: str = "MUG") -> list[dict[str, Any]]:
    return [{"item_type": "PRODUCT", "item_id": line_of(world, order_id, sku)["id"], "quantity": quantity}]


def quote(http: httpx.Client, order_id: int, items: list[dict[str, Any]]) -> Any:
    reply = http.post(f"/v3/orders/{order_id}/payment_actions/refund_quotes", json={"items": items})
    assert reply.status_code == 201, reply.text
    return reply.json()["data"]


def tender(provider_id: str, amount: float, *, offline: bool = False) -> dict[str, Any]:
    return {"provider_id": provider_id, "amount": amount, "offline": offline}


def refund(http: httpx.Client, order_id: int, items: list[dict[str, Any]], *payments: Any, **more: Any) -> Any:
    """Paid back the way it was paid, unless told otherwise."""
    wanted = payments or quote(http, order_id, items)["refund_methods"][-1]
    given = [tender(each["provider_id"], each["amount"], offline=each["offline"]) for each in wanted]
    body = {"items": items, "payments": given, **more}
    return http.post(f"/v3/orders/{order_id}/payment_actions/refunds", json=body)


def transactions(http: httpx.Client, order_id: int) -> list[tuple[str, str, float, str]]:
    reply = http.get(f"/v3/orders/{order_id}/transactions")
    rows = reply.json()["data"] if reply.status_code == 200 else []
    return [(row["event"], row["gateway"], row["amount"], row["status"]) for row in rows]


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


# --- refunds ---


def test_a_refund_moves_line_status_payment_status_and_date_modified(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    order_id = placed(world)
    clock.at += 60
    made = refund(http, order_id, units(world, order_id, 2), reason="").json()["data"]
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
    refund(http, order_id, units(world, order_id, 2))
    before = world.orders[order_id].modified
    clock.at += 300
    assert len(transactions(http, order_id)) == 2
    assert (world.orders[order_id].modified != before) == moved


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
