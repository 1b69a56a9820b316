"""The chance of an oversell before the next sync."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.stock.exposure import WINDOW, Sales, exposure, exposure_plot

DAY = timedelta(days=1)


def of(offered: int, orders: int, *, size: int = 1, until: timedelta = DAY) -> float:
    sale = Sales("MUG", offered, orders * size, orders, Decimal("2.00"))
    return exposure([sale], until_next_sync=until)[0].chance


def test_what_never_sells_is_not_exposed_for_long() -> None:
    assert of(1000, 28) < 1e-6


@pytest.mark.parametrize(("offered", "size"), [(3, 1), (6, 1), (9, 2)])
def test_the_chance_is_what_a_thousand_days_of_random_orders_show(offered: int, size: int) -> None:
    rng = random.Random(7)
    orders = 4 * WINDOW.days
    sold = [sum(_units(rng, size) for _ in range(400) if rng.random() < 4 / 400) for _ in range(4000)]
    simulated = sum(units > offered for units in sold) / len(sold)
    assert of(offered, orders, size=size) == pytest.approx(simulated, abs=0.03)


def _units(rng: random.Random, mean: int) -> int:
    """An order's units: one or more."""
    units = 1
    while rng.random() < 1 - 1 / mean:
        units += 1
    return units


@given(st.integers(1, 50), st.integers(1, 500), st.floats(1, 4), st.integers(0, 86_400))
def test_a_shop_that_counts_its_orders_is_less_exposed_and_not_at_all_when_none_is_overwritten(
    offered: int, orders: int, size: float, seconds: int
) -> None:
    sale = Sales("MUG", offered, round(orders * size), orders, Decimal(3))
    [counts] = exposure([sale], until_next_sync=DAY, uncounted=timedelta(seconds=seconds))
    [later] = exposure([sale], until_next_sync=DAY)
    assert counts.chance <= later.chance + 1e-9
    assert counts.expected_value <= later.expected_value + Decimal("0.0001")
    assert counts.smallest_buffer <= later.smallest_buffer
    if seconds == 0:
        assert counts.chance == pytest.approx(0, abs=1e-9)
        assert counts.expected_value == 0


@given(st.integers(1, 50), st.integers(1, 2000), st.integers(1, 86_400))
def test_more_on_offer_or_a_sooner_sync_is_never_more_exposed(offered: int, orders: int, seconds: int) -> None:
    here = of(offered, orders, until=timedelta(seconds=seconds))
    assert 0 <= here <= 1 + 1e-9
    assert of(offered + 1, orders, until=timedelta(seconds=seconds)) <= here + 1e-12
    assert of(offered, orders, until=timedelta(seconds=seconds / 2)) <= here + 1e-12


def test_holding_back_the_smallest_buffer_leaves_one_chance_in_a_thousand() -> None:
    sale = Sales("MUG", 5, 4 * WINDOW.days, 4 * WINDOW.days, Decimal(1))
    buffer = exposure([sale], until_next_sync=DAY)[0].smallest_buffer
    assert of(buffer, 4 * WINDOW.days) <= 0.001 < of(buffer - 1, 4 * WINDOW.days)


def test_the_picture_is_an_image() -> None:
    rows = exposure([Sales("MUG", 5, 10, 10, Decimal(1))], until_next_sync=DAY)
    assert exposure_plot(rows).startswith("![Oversell exposure](data:image/png;base64,")
