"""What an RMA may be refunded: examples of price, shipping, fee and payments, and what holds for all of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.returns.refunding import Before, Decision, approve, refund_push
from clarus_bc_pipeline.settings import ReturnsSettings
from clarus_bc_pipeline_tests.flows.returns.rma_examples import MUG, TIN, order, refunded, rma

PLENTY = Decimal(1000)
NONE = Before({})


def approved(
    passed: dict[int, int], *, captured: Decimal = PLENTY, before: Before = NONE, money_back: str = "0", **given: Any
) -> Decision:
    whole = given.pop("whole", order())
    asked = given.pop("asked", rma((MUG, 3), (TIN, 2)))
    settings = ReturnsSettings(**given)
    return approve(
        asked, whole, passed, captured=captured, refunded=Decimal(money_back), before=before, settings=settings
    )


def code(decision: Decision) -> str:
    assert decision.approval is None
    [finding] = decision.findings
    return finding.code


def test_units_that_passed_come_to_their_part_of_the_line() -> None:
    decision = approved({MUG: 2, TIN: 1})
    assert decision.approval is not None
    assert [(line.units, line.amount) for line in decision.approval.lines] == [
        (2, Decimal("6.67")),
        (1, Decimal("5.00")),
    ]
    assert decision.approval.amount == Decimal("11.67")


def test_what_is_left_of_a_line_comes_to_what_is_left_of_its_price() -> None:
    decision = approved({MUG: 1}, whole=refunded(order(), MUG, 2), before=Before({MUG: 2}))
    assert decision.approval is not None
    assert decision.approval.amount == Decimal("3.33")  # 10.00 - 6.67


@pytest.mark.parametrize(
    ("setting", "by_rma", "passed", "shipping"),
    [
        ("never", True, {MUG: 3, TIN: 2}, "0"),
        ("by_rma", True, {MUG: 1}, "3.95"),
        ("by_rma", False, {MUG: 3, TIN: 2}, "0"),
        ("whole_order", False, {MUG: 3, TIN: 2}, "3.95"),
        ("whole_order", True, {MUG: 3, TIN: 1}, "0"),
    ],
)
def test_shipping_is_refunded_by_the_setting(setting: str, by_rma: bool, passed: dict[int, int], shipping: str) -> None:
    asked = rma((MUG, 3), (TIN, 2), refund_shipping=by_rma)
    decision = approved(passed, asked=asked, refund_shipping=setting)
    assert decision.approval is not None
    assert decision.approval.shipping == Decimal(shipping)


def test_shipping_is_refunded_once() -> None:
    asked = rma((MUG, 3), refund_shipping=True)
    decision = approved({MUG: 1}, asked=asked, before=Before({}, shipping=Decimal("3.95")))
    assert decision.approval is not None
    assert decision.approval.shipping == 0


def test_shipping_of_an_order_to_several_addresses_is_for_a_person_and_the_goods_are_refunded() -> None:
    decision = approved({MUG: 1}, asked=rma((MUG, 3), refund_shipping=True), whole=order(addresses=(900, 901)))
    assert decision.approval is not None
    assert decision.approval.shipping == 0
    assert [finding.code for finding in decision.findings] == ["refund_not_possible"]
    assert decision.findings[0].value_at_risk == Decimal("3.95")


def test_a_restocking_fee_is_kept_back_but_not_of_the_merchants_own_fault() -> None:
    asked = rma((MUG, 3), (TIN, 2, "faulty"))
    decision = approved({MUG: 3, TIN: 2}, asked=asked, restocking_fee_percent="12.5")
    assert decision.approval is not None
    assert decision.approval.restocking_fee == Decimal("1.25")  # of the mugs' 10.00
    assert decision.approval.amount == Decimal("18.75")


def test_of_a_payment_captured_in_part_nothing_is_refunded_that_is_not_there() -> None:
    decision = approved({MUG: 2}, captured=Decimal("6.00"))
    assert code(decision) == "refund_not_possible"
    assert "6.67 GBP, and 6.00 GBP is left" in decision.findings[0].message
    assert code(approved({MUG: 2}, captured=Decimal("10.00"), money_back="5.00")) == "refund_not_possible"


def test_nothing_captured_is_nothing_to_refund() -> None:
    assert code(approved({MUG: 1}, captured=Decimal(0))) == "refund_not_possible"


def test_a_refund_above_the_largest_waits_for_a_person() -> None:
    assert code(approved({MUG: 2}, largest_refund="6.66")) == "refund_not_possible"
    assert approved({MUG: 2}, largest_refund="6.67").approval is not None


def test_a_refund_made_by_hand_stops_ours() -> None:
    decision = approved({MUG: 2}, before=Before({}, by_hand=(66,)))
    assert code(decision) == "refund_by_hand"
    assert decision.findings[0].evidence["refund_ids"] == [66]


def test_units_that_the_order_no_longer_has_stop_ours_even_before_their_refund_is_read() -> None:
    assert code(approved({MUG: 2}, whole=refunded(order(), MUG, 2))) == "refund_by_hand"


def test_nothing_passed_is_nothing_said() -> None:
    assert approved({MUG: 0}) == Decision()


def test_where_refunds_are_never_automatic_none_is_approved() -> None:
    assert approved({MUG: 2}, refund="never") == Decision()


def test_a_gift_comes_to_nothing_and_a_person_closes_it() -> None:
    whole = order(tins=2)
    free = {**whole.lines, TIN: whole.lines[TIN].__class__(TIN, "TIN", 2, 2, 0, Decimal(0))}
    decision = approved({TIN: 1}, whole=order(lines=free))
    assert code(decision) == "refund_not_possible"
    assert "comes to 0.00 GBP" in decision.findings[0].message


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "7"), ("BHD", "6.667")])
def test_currencies_without_or_with_three_decimals_are_refunded_in_whole_minor_units(
    currency: str, amount: str
) -> None:
    decision = approved({MUG: 2}, whole=order(currency=currency))
    assert decision.approval is not None
    assert decision.approval.amount == Decimal(amount)


def test_the_push_names_units_not_amounts_and_goes_alone_in_its_order() -> None:
    decision = approved({MUG: 2}, asked=rma((MUG, 3), refund_shipping=True))
    assert decision.approval is not None
    push = refund_push(decision.approval)
    assert (push.kind, push.business_key, push.lane, push.priority) == ("refund", "RMA-7-1", "order:7", Priority.REFUND)
    assert push.payload["items"] == [
        {"item_type": "PRODUCT", "item_id": MUG, "quantity": 2},
        {"item_type": "SHIPPING", "item_id": 900, "amount": "3.95"},
    ]


@given(
    passed=st.fixed_dictionaries({MUG: st.integers(0, 4), TIN: st.integers(0, 3)}),
    gone=st.integers(0, 3),
    captured=st.decimals(0, 40, places=2),
    money_back=st.decimals(0, 40, places=2),
    percent=st.decimals(0, 100, places=2),
    shipping=st.sampled_from(["never", "by_rma", "whole_order"]),
)
def test_no_approval_is_above_the_price_of_its_units_or_what_is_left(
    passed: dict[int, int], gone: int, captured: Decimal, money_back: Decimal, percent: Decimal, shipping: str
) -> None:
    whole = refunded(order(), MUG, gone)
    decision = approved(
        passed, whole=whole, captured=captured, money_back=str(money_back), before=Before({MUG: gone}),
        asked=rma((MUG, 3), (TIN, 2), refund_shipping=True), refund_shipping=shipping,
        restocking_fee_percent=percent,
    )  # fmt: skip
    if (approval := decision.approval) is not None:
        assert 0 < approval.amount <= captured - money_back
        assert approval.amount <= whole.total
        for line in approval.lines:
            assert (
                line.units <= whole.lines[line.order_product_id].quantity - whole.lines[line.order_product_id].refunded
            )
