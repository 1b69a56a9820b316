"""Amounts in whole minor units, and parts of a line that sum to the whole."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.returns.currency import decimals, part, rounded, shown


@pytest.mark.parametrize(("currency", "expected"), [("GBP", 2), ("JPY", 0), ("BHD", 3), ("XYZ", 2)])
def test_a_currency_has_its_own_decimals(currency: str, expected: int) -> None:
    assert decimals(currency) == expected


def test_three_mugs_for_ten_pounds_come_back_for_ten_pounds() -> None:
    each = [part(Decimal("10.00"), of=3, before=n, units=1, currency="GBP") for n in range(3)]
    assert each == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]


@given(
    total=st.decimals(0, 100_000, places=4),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    currency=st.sampled_from(["GBP", "JPY", "BHD"]),
)
def test_parts_sum_to_the_whole_in_any_currency_and_none_is_negative(
    total: Decimal, cuts: list[int], currency: str
) -> None:
    units = sum(cuts)
    parts = [part(total, of=units, before=sum(cuts[:i]), units=cut, currency=currency) for i, cut in enumerate(cuts)]
    assert sum(parts) == rounded(total, currency)
    assert min(parts) >= 0
    assert all(each == rounded(each, currency) for each in parts)


def test_more_units_than_the_line_has_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the line's 3"):
        part(Decimal(10), of=3, before=2, units=2, currency="GBP")


def test_an_amount_is_written_in_its_currencys_decimals() -> None:
    assert [shown(Decimal("12.5"), c) for c in ("GBP", "JPY", "BHD")] == ["12.50 GBP", "13 JPY", "12.500 BHD"]
