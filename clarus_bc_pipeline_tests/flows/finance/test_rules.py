"""What an order's parts come to: they sum to the whole, and a refund is told apart by what had left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import assume, given

from clarus_bc_pipeline.flows.finance import rules
from clarus_bc_pipeline.flows.finance.rules import OrderFacts, SplitRefund
from clarus_bc_pipeline.flows.returns.currency import rounded
from clarus_bc_pipeline_tests.flows.finance.examples import NOON, D, any_order, line, order, paid, refund, sent


def test_three_units_of_ten_pounds_earn_333_334_and_333() -> None:
    facts = replace(order(), sent=(sent(1, key="1/1", days=1), sent(1, key="2/1", days=2), sent(1, key="3/1", days=3)))
    earned = rules.earned_by_despatch(facts)
    assert [each.goods for each in earned.values()] == [D("3.33"), D("3.34"), D("3.33")]


def test_charges_are_earned_with_the_first_despatch_only() -> None:
    facts = replace(order(), sent=(sent(1, key="1/1", days=2), sent(2, key="2/1", days=1)))
    earned = rules.earned_by_despatch(facts)
    assert {key: (each.charges, each.charges_tax) for key, each in earned.items()} == {
        "2/1": (D("3.50"), D("0.58")),
        "1/1": (D(0), D(0)),
    }


def test_a_discount_on_no_line_is_a_charge_below_nothing() -> None:
    assert rules.charges(order(total="8.00", tax="1.33")) == (D("-2.00"), D("-0.34"))


def test_units_beyond_the_lines_quantity_earn_nothing() -> None:
    facts = replace(order(), sent=(sent(5),))
    assert rules.earned_by_despatch(facts)["914/1"].goods == D("10.00")


def test_digital_goods_are_earned_when_paid_and_not_before() -> None:
    facts = order(line(kind="digital", quantity=1))
    assert rules.earned_when_paid(facts) is None
    earned = rules.earned_when_paid(replace(facts, payments=(paid("13.50"),)))
    assert earned is not None
    assert earned.gross == D("13.50")


def test_a_gift_certificate_stays_deferred() -> None:
    facts = replace(order(line(kind="giftcertificate", quantity=1)), payments=(paid("13.50"),))
    assert rules.earned_when_paid(facts) is None


def test_a_refund_by_hand_is_of_units_that_never_left_first() -> None:
    facts = replace(order(), payments=(paid("13.50"),), sent=(sent(2),), refunds=(refund("6.66", tax="1.11", units=2),))
    assert rules.split_refunds(facts)[1] == SplitRefund(D("3.33"), D("2.77"), D("0.56"))


def test_a_refund_by_an_rma_takes_back_what_was_earned() -> None:
    facts = replace(order(), payments=(paid("13.50"),), sent=(sent(2),))
    facts = replace(facts, refunds=(refund("3.33", tax="0.56", units=1, rma="RMA-1"),))
    assert rules.split_refunds(facts)[1] == SplitRefund(D(0), D("2.77"), D("0.56"))


def test_an_amount_paid_back_before_anything_left_was_never_earned() -> None:
    facts = replace(order(), payments=(paid("13.50"),), refunds=(refund("13.50", tax="2.25"),))
    assert rules.split_refunds(facts)[1] == SplitRefund(D("13.50"), D(0), D(0))


def test_goodwill_on_an_order_that_left_whole_takes_back_income() -> None:
    facts = replace(order(), payments=(paid("13.50"),), sent=(sent(3),), refunds=(refund("2.00", tax="0.33"),))
    assert rules.split_refunds(facts)[1] == SplitRefund(D("0.00"), D("1.67"), D("0.33"))


@given(any_order())
def test_the_parts_of_an_order_sum_to_the_whole(facts: OrderFacts) -> None:
    assume(any(each.is_sent or each.kind == "digital" for each in facts.lines))
    left = {each.order_product_id: each.quantity for each in facts.lines if each.is_sent}
    for each in facts.sent:
        left |= {i: left[i] - k for i, k in each.units}
    rest = rules.Sent("999/1", NOON + timedelta(days=99), tuple(left.items()))
    whole = replace(facts, sent=(*facts.sent, rest), cancelled_at=None, payments=(paid("1"),))
    paid_part = rules.earned_when_paid(whole)
    by_despatch = rules.earned_by_despatch(whole)
    gross = sum((e.gross for e in by_despatch.values()), paid_part.gross if paid_part else D(0))
    tax = sum((e.tax for e in by_despatch.values()), paid_part.tax if paid_part else D(0))
    held = [each for each in facts.lines if each.kind == "physical" and each.quantity == 0]
    kept = sum((rounded(each.total, facts.currency) for each in held), D(0))
    kept_tax = sum((rounded(each.tax, facts.currency) for each in held), D(0))
    assert gross == rounded(facts.total, facts.currency) - kept
    assert tax == rounded(facts.tax, facts.currency) - kept_tax


def test_an_order_of_which_nothing_can_be_sent_stays_deferred() -> None:
    facts = replace(order(line(quantity=0)), payments=(paid("13.50"),), sent=(sent(1, of=99),))
    assert [each.gross for each in rules.earned_by_despatch(facts).values()] == [D(0)]


@given(any_order())
def test_a_refund_is_never_negative_and_its_parts_are_what_was_paid_back(facts: OrderFacts) -> None:
    split = rules.split_refunds(facts)
    for each in facts.refunds:
        parts = split[each.refund_id]
        assert min(parts.deferred, parts.earned, parts.tax) >= 0
        assert parts.deferred + parts.earned + parts.tax == rounded(each.paid, facts.currency)


@given(any_order())
def test_what_was_never_earned_is_paid_back_once(facts: OrderFacts) -> None:
    earned = sum((e.gross for e in rules.earned_by_despatch(facts).values()), Decimal(0))
    deferred = sum((e.deferred for e in rules.split_refunds(facts).values()), Decimal(0))
    digital = rules.earned_when_paid(facts)
    held = max(facts.paid, rounded(facts.total, facts.currency)) - earned - (digital.gross if digital else 0)
    assert deferred <= max(Decimal(0), held)
