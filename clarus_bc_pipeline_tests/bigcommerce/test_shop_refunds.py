"""Refunds and transactions, by the client over HTTP: quoted, made, declined, lost, and found again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.bigcommerce.orders import get_order
from clarus_bc_pipeline.bigcommerce.refunds import (
    Quote,
    Refund,
    RefundItem,
    Tender,
    create_refund,
    pull_refunds,
    quote_refund,
    refunds_of,
)
from clarus_bc_pipeline.bigcommerce.transactions import transactions_of
from clarus_bc_pipeline.http import Ambiguous, AuthFailed, Gone, NotApplied, Refused
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld
from clarus_bc_pipeline.sandbox.faults import Fault, FaultRule

MakeOrder = Callable[..., dict[str, Any]]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REASON = "Return RMA-7 [clarus:RMA-7]"


def lines_of(world: ShopWorld, order_id: int) -> list[int]:
    return list(world.orders[order_id].lines)


def mugs(world: ShopWorld, order_id: int, units: int = 1) -> list[RefundItem]:
    return [RefundItem("PRODUCT", lines_of(world, order_id)[0], units, reason=REASON)]


def original(quote: Quote) -> tuple[Tender, ...]:
    return quote.methods[-1]


def refunded(api: BigCommerce, world: ShopWorld, order_id: int, units: int = 1) -> Refund:
    items = mugs(world, order_id, units)
    return create_refund(api, order_id, items, original(quote_refund(api, order_id, items)))


# --- quoting and refunding ---


def test_a_quote_says_what_it_comes_to_and_how_it_can_be_paid(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    order_id = world.add_order(order(customer_id=3))
    quote = quote_refund(api, order_id, mugs(world, order_id))
    assert (quote.order_id, quote.total, quote.tax, quote.tax_inclusive) == (
        order_id,
        Decimal("4.50"),
        Decimal(0),
        True,
    )
    assert [[(t.provider_id, t.amount, t.offline) for t in method] for method in quote.methods] == [
        [("storecredit", Decimal("4.50"), False)],
        [("custom", Decimal("4.50"), True)],
        [("stripe", Decimal("4.50"), False)],
    ]
    assert world.payments.refunds == {}


def test_a_refund_is_made_once_and_known_again_by_its_marker(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    order_id = world.add_order(order())
    made = refunded(api, world, order_id)
    assert (made.total, made.marker, made.reason) == (Decimal("4.50"), "RMA-7", "")
    assert [(i.item_type, i.quantity, i.amount) for i in made.items] == [("PRODUCT", 1, None)]
    assert [(p.provider_id, p.amount, p.is_declined) for p in made.payments] == [("stripe", Decimal("4.50"), False)]
    assert refunds_of(api, order_id) == [made]
    assert [page.refunds for page in pull_refunds(api, created_since=LONG_AGO)] == [[made]]
    assert get_order(api, order_id).lines[0].quantity_refunded == 1


def test_a_refund_survives_the_outbox_as_plain_json(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    made = refunded(api, world, world.add_order(order()))
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(made)), Refund) == made


def test_shipping_and_money_of_an_order_are_refunded_by_amount(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    given = order(shipping_cost_inc_tax="6.0000", shipping_cost_ex_tax="5.0000", shipping_cost_tax="1.0000")
    order_id = world.add_order(given)
    address = next(iter(world.orders[order_id].addresses))
    items = [
        RefundItem("SHIPPING", address, amount=Decimal("3.00")),
        RefundItem("ORDER", order_id, amount=Decimal("1.10")),
    ]
    quote = quote_refund(api, order_id, items)
    assert (quote.total, quote.tax) == (Decimal("4.10"), Decimal("0.50"))
    made = create_refund(api, order_id, items, original(quote))
    assert [(i.item_type, i.item_id, i.quantity, i.amount) for i in made.items] == [
        ("SHIPPING", address, 0, Decimal("3.00")),
        ("ORDER", order_id, 0, Decimal("1.10")),
    ]


def test_an_override_pays_less_than_the_shop_works_out(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    order_id = world.add_order(order())
    items = mugs(world, order_id, 2)
    tenders = [Tender("stripe", Decimal("8.10"), False)]
    with pytest.raises(Refused, match="do not come to the refund's amount"):
        create_refund(api, order_id, items, tenders)
    made = create_refund(api, order_id, items, tenders, total=Decimal("8.10"), tax=Decimal("1.35"))
    assert (made.total, made.tax) == (Decimal("8.10"), Decimal("1.35"))
    assert sum(row.amount for row in world.payments.refunded) == Decimal("8.10")


@pytest.mark.parametrize(
    ("currency", "price", "units", "total"), [("JPY", "350", 1, "350"), ("KWD", "1.235", 2, "2.47")]
)
def test_money_without_hundredths_or_with_thousandths_is_exact(
    api: BigCommerce, world: ShopWorld, order: MakeOrder, currency: str, price: str, units: int, total: str
) -> None:
    lines = [{"sku": "MUG", "name": "Mug", "quantity": 3, "price_inc_tax": price}]
    order_id = world.add_order(order(currency_code=currency, lines=lines))
    made = refunded(api, world, order_id, units)
    assert (made.total, made.payments[0].amount) == (Decimal(total), Decimal(total))
    assert [(t.event, t.amount, t.currency) for t in transactions_of(api, order_id)] == [
        ("purchase", Decimal(price) * 3, currency),
        ("refund", Decimal(total), currency),
    ]


@given(st.decimals(min_value=0, max_value=10**12, places=3))
def test_any_amount_is_sent_as_the_number_that_it_is(amount: Decimal) -> None:
    from clarus_bc_pipeline.bigcommerce.refunds import _NUMBERS

    sent = _NUMBERS.encode(RefundItem("ORDER", 1, amount=amount).payload())
    text = re.search(rb'"amount":([^,}]+)', sent)
    assert text is not None
    assert Decimal(text[1].decode()) == amount


def test_more_units_than_are_left_are_refused_with_the_shops_reason(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    order_id = world.add_order(order())
    refunded(api, world, order_id)
    with pytest.raises(Refused, match="exceeds the 1 that can be refunded"):
        quote_refund(api, order_id, mugs(world, order_id, 2))


def test_store_credit_for_a_guest_is_refused_with_the_shops_reason(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    order_id = world.add_order(order())
    with pytest.raises(Refused, match="store credit for a guest") as refusal:
        create_refund(api, order_id, mugs(world, order_id), [Tender("storecredit", Decimal("4.50"), False)])
    assert refusal.value.status == 422


def test_an_order_that_is_not_there_is_gone(api: BigCommerce) -> None:
    for ask in (lambda: quote_refund(api, 1, [RefundItem("ORDER", 1, amount=Decimal(1))]), lambda: refunds_of(api, 1)):
        with pytest.raises(Gone):
            ask()
    with pytest.raises(Gone):
        transactions_of(api, 1)


def test_a_token_that_may_not_refund_is_told_so_and_may_read(shop: Any, world: ShopWorld, order: MakeOrder) -> None:
    world.tokens["reads"] = world.tokens["sandbox"] - {"store_v2_transactions"}
    order_id = world.add_order(order())
    reads = shop.client("reads")
    with pytest.raises(AuthFailed, match="required scope"):
        quote_refund(reads, order_id, mugs(world, order_id))
    assert refunds_of(reads, order_id) == []
    assert [t.event for t in transactions_of(reads, order_id)] == ["purchase"]


def test_a_declined_payment_shows_when_the_list_is_read_again(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    now = [1_800_000_000.0]
    world.clock = lambda: now[0]
    order_id = world.add_order(order())
    world.payments.refund_settles_after = 60.0
    world.payments.declines_refunds_of = {order_id}
    made = refunded(api, world, order_id)
    assert not made.payments[0].is_declined
    now[0] += 61
    [[again]] = [page.refunds for page in pull_refunds(api, created_since=LONG_AGO)]
    assert (again.payments[0].is_declined, again.payments[0].declined_message) == (True, "The card has been closed.")
    assert [(t.event, t.status) for t in transactions_of(api, order_id)] == [("purchase", "ok"), ("refund", "error")]


# --- what cannot be right is not sent ---


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (RefundItem("PRODUCT", 1), "quantity of 1 or more"),
        (RefundItem("PRODUCT", 1, 1, Decimal(1)), "no amount"),
        (RefundItem("SHIPPING", 1), "amount of 0 or more"),
        (RefundItem("SHIPPING", 1, 1, Decimal(1)), "no quantity"),
        (RefundItem("ORDER", 1, amount=Decimal("-0.01")), "amount of 0 or more"),
        (RefundItem("ORDER", 1, amount=Decimal("NaN")), "amount of 0 or more"),
        (RefundItem("PRODUCT", 1, 1, reason="x" * 1001), "1001 characters"),
    ],
)
def test_an_item_that_the_shop_would_refuse_is_not_sent(item: RefundItem, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        item.payload()


def test_an_override_names_total_and_tax_together(api: BigCommerce) -> None:
    item, tender = RefundItem("ORDER", 1, amount=Decimal(1)), Tender("stripe", Decimal(1), False)
    with pytest.raises(ValueError, match="total and tax stand together"):
        create_refund(api, 1, [item], [tender], total=Decimal(1))
    with pytest.raises(ValueError, match="0 tenders"):
        create_refund(api, 1, [item], [])
    assert api.total_calls == 0


# --- faults ---


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.TRUNCATED])
def test_a_refund_whose_reply_is_lost_is_in_doubt_and_found(
    shop: Any, api: BigCommerce, world: ShopWorld, order: MakeOrder, fault: Fault
) -> None:
    order_id = world.add_order(order())
    items = mugs(world, order_id)
    quote = quote_refund(api, order_id, items)
    shop.plan.rules = [FaultRule(fault, 1.0, ("POST",), path="/refunds$")]
    with pytest.raises(Ambiguous):
        create_refund(api, order_id, items, original(quote))
    assert [refund.marker for refund in refunds_of(api, order_id)] == ["RMA-7"]


def test_a_refund_that_was_lost_on_its_way_is_in_doubt_and_not_found(
    shop: Any, api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    order_id = world.add_order(order())
    items = mugs(world, order_id)
    quote = quote_refund(api, order_id, items)
    shop.fail(Fault.RESET_BEFORE, "POST")
    with pytest.raises(Ambiguous):
        create_refund(api, order_id, items, original(quote))
    assert (refunds_of(api, order_id), world.payments.refunded) == ([], [])


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.TRUNCATED, Fault.UNAVAILABLE])
def test_a_quote_is_never_in_doubt(
    shop: Any, api: BigCommerce, world: ShopWorld, order: MakeOrder, fault: Fault
) -> None:
    order_id = world.add_order(order())
    shop.fail(fault, "POST")
    with pytest.raises(NotApplied) as failure:
        quote_refund(api, order_id, mugs(world, order_id))
    assert (failure.value.system, failure.value.operation) == (
        "BigCommerce", "POST orders/payment_actions/refund_quotes",
    )  # fmt: skip


# --- lists ---


def test_all_refunds_come_over_many_pages_whatever_the_shop_gives_at_once(
    api: BigCommerce, world: ShopWorld, order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarus_bc_pipeline.bigcommerce.refunds.PAGE_SIZE", 2)
    made = [world.payments.refund_by_hand(world.add_order(order())).id for _ in range(5)]
    pages = list(pull_refunds(api, created_since=LONG_AGO))
    assert [[refund.id for refund in page.refunds] for page in pages] == [made[:2], made[2:4], made[4:]]


def test_only_refunds_since_then_are_asked_for_and_none_costs_one_call(
    api: BigCommerce, world: ShopWorld, order: MakeOrder
) -> None:
    now = [1_800_000_000.0]
    world.clock = lambda: now[0]
    world.payments.refund_by_hand(world.add_order(order()))
    now[0] += 10
    later = world.payments.refund_by_hand(world.add_order(order()))
    [page] = pull_refunds(api, created_since=datetime.fromtimestamp(now[0], UTC))
    assert [refund.id for refund in page.refunds] == [later.id]
    before = api.total_calls
    assert list(pull_refunds(api, created_since=datetime.fromtimestamp(now[0] + 1, UTC))) == []
    assert api.total_calls == before + 1


# --- transactions ---


def test_an_order_without_payment_has_no_transactions(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    assert transactions_of(api, world.add_order(order(payment_status="pending"))) == []


def test_transactions_tell_what_the_money_did(api: BigCommerce, world: ShopWorld, order: MakeOrder) -> None:
    order_id = world.add_order(order(payment_status="authorized", created_at=datetime(2026, 11, 1, 9, tzinfo=UTC)))
    world.payments.capture(order_id, "5.00")
    world.payments.add_transaction(order_id, "capture", "1.00", status="error", test=True, gateway="adyen")
    found = transactions_of(api, order_id)
    assert [(t.event, t.amount, t.status, t.is_test, t.gateway) for t in found] == [
        ("authorization", Decimal("20.00"), "ok", False, "stripe"),
        ("capture", Decimal("5.00"), "ok", False, "stripe"),
        ("capture", Decimal("1.00"), "error", True, "adyen"),
    ]
    assert (found[0].order_id, found[0].currency, found[0].method) == (order_id, "GBP", "credit_card")
    assert found[0].created_at == datetime(2026, 11, 1, 9, tzinfo=UTC)
