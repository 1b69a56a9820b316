"""How a quote is paid: which of its methods, how much of it, and when a person must look first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.refunds import Quote, Tender
from clarus_bc_pipeline.flows.returns.refunding import (
    NO_METHOD,
    NOTHING_LEFT,
    QUOTE_ABOVE,
    Payment,
    choose,
    payment,
)
from clarus_bc_pipeline.settings import ReturnsSettings


def tender(provider: str, amount: str | Decimal, *, offline: bool = False) -> Tender:
    return Tender(provider, Decimal(amount), offline, provider)


CARD, CREDIT, CASH = (
    (tender("braintree", "10"),),
    (tender("storecredit", "10"),),
    (tender("custom", "10", offline=True),),
)
SPLIT = (tender("giftcertificate", "4"), tender("braintree", "6"))


def quote(*methods: tuple[Tender, ...], total: str = "10", tax: str = "1.67", inclusive: bool = True) -> Quote:
    return Quote(7, Decimal(total), Decimal(tax), inclusive, methods or (CARD,))


def paid(
    asked: Quote, *, approved: str = "10", fee: str = "0", left: str = "100", tenders: str = "original"
) -> Payment | str:
    settings = ReturnsSettings.model_validate({"tenders": tenders})
    return payment(
        asked,
        approved=Decimal(approved),
        fee=Decimal(fee),
        left=Decimal(left),
        currency="GBP",
        settings=settings,
    )


@pytest.mark.parametrize(("tenders", "chosen"), [("original", CARD), ("store_credit", CREDIT), ("offline", CASH)])
def test_the_method_is_the_one_that_the_setting_names(tenders: str, chosen: tuple[Tender, ...]) -> None:
    settings = ReturnsSettings.model_validate({"tenders": tenders})
    assert choose([CREDIT, CASH, CARD], settings) == chosen


def test_an_order_paid_in_several_ways_is_paid_back_in_them() -> None:
    found = paid(quote(SPLIT))
    assert isinstance(found, Payment)
    assert (found.tenders, found.is_override) == (SPLIT, False)


@pytest.mark.parametrize("method", [CREDIT, CASH, ()])
def test_whoever_paid_with_money_is_not_given_credit_or_nothing(method: tuple[Tender, ...]) -> None:
    found = paid(quote(method))
    assert isinstance(found, str)
    assert found.startswith(NO_METHOD)


def test_a_quote_above_the_approval_or_above_what_is_left_is_not_paid() -> None:
    assert str(paid(quote(), approved="9.99")).startswith(f"{QUOTE_ABOVE}: 10.00 GBP for 9.99 GBP")
    assert str(paid(quote(), left="9.99")).startswith(NOTHING_LEFT)


def test_a_method_whose_parts_are_not_the_quote_is_not_paid() -> None:
    assert str(paid(quote((tender("braintree", "9"),)))).startswith(NO_METHOD)


def test_a_total_that_leaves_tax_out_is_paid_with_its_tax() -> None:
    found = paid(quote((tender("braintree", "12"),), total="10", tax="2", inclusive=False), approved="12")
    assert isinstance(found, Payment)
    assert found.total == Decimal(12)
    assert (
        str(paid(quote((tender("braintree", "12"),), total="10", tax="2", inclusive=True), approved="12"))[:3] == "the"
    )


def test_a_fee_is_taken_off_the_last_tender_first_and_the_tax_follows() -> None:
    found = paid(quote(SPLIT), fee="7")
    assert isinstance(found, Payment)
    assert [(t.provider_id, t.amount) for t in found.tenders] == [("giftcertificate", Decimal(3))]
    assert (found.total, found.tax, found.is_override) == (Decimal(3), Decimal("0.50"), True)


@given(
    parts=st.lists(st.decimals("0.01", 50, places=2), min_size=1, max_size=3),
    fee=st.decimals(0, 60, places=2),
    approved=st.decimals("0.01", 150, places=2),
    left=st.decimals(0, 150, places=2),
)
def test_what_is_paid_is_what_its_tenders_come_to_and_never_above_approval_or_rest(
    parts: list[Decimal], fee: Decimal, approved: Decimal, left: Decimal
) -> None:
    total = sum(parts, Decimal(0))
    asked = quote(tuple(tender("braintree", part) for part in parts), total=str(total))
    found = paid(asked, approved=str(approved), fee=str(fee), left=str(left))
    if isinstance(found, Payment):
        assert found.total == sum(t.amount for t in found.tenders) == total - fee
        assert 0 < found.total <= min(approved, left)
        assert all(t.amount > 0 for t in found.tenders)
    else:
        assert total - fee > min(approved, left) or total <= fee
