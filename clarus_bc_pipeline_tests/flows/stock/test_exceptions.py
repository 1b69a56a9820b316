"""Oversells and drift, in words and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.stock.exceptions import (
    Cause,
    OpenLine,
    Published,
    drift_cause,
    drifts_in_a_day,
    oversold,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=60)


def line(order_id: int, units: int, *, price: str = "2.50", code: str = "MUG") -> OpenLine:
    return OpenLine(order_id, code, code, units, Decimal(price), "GBP", NOON + timedelta(minutes=order_id))


def test_an_oversell_names_the_orders_that_will_wait_and_what_they_are_worth() -> None:
    [finding] = oversold({"MUG": 4}, [line(3, 2), line(1, 3), line(2, 1)])
    assert finding.code == "oversold"
    assert finding.evidence["orders"] == [3]
    assert finding.value_at_risk == Decimal("5.00")
    assert "2 units beyond its stock of 4: order 3 cannot be sent whole" in finding.message
    assert finding.order_id == 3


def test_an_order_that_can_be_sent_in_part_is_named_with_what_is_missing() -> None:
    [finding] = oversold({"MUG": 4}, [line(1, 3), line(2, 2), line(3, 1)])
    assert finding.evidence["orders"] == [2, 3]
    assert finding.evidence["units"] == 2


def test_demand_that_stock_covers_is_no_oversell_and_an_unread_product_is_not_judged() -> None:
    assert oversold({"MUG": 3}, [line(1, 3), line(2, 9, code="TIN")]) == []


@given(st.integers(0, 20), st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_what_is_missing_is_demand_less_stock_to_the_unit(free: int, wanted: list[int]) -> None:
    findings = oversold({"MUG": free}, [line(i, n) for i, n in enumerate(wanted)])
    missing = max(0, sum(wanted) - free)
    assert sum(f.evidence["units"] for f in findings) == missing
    assert sum((f.value_at_risk or 0) for f in findings) == missing * Decimal("2.50")


@pytest.mark.parametrize(
    ("level", "cause"),
    [
        (Published(5, NOON, 5, False, 0), None),
        (Published(5, NOON, 9, False, 0), Cause.LAG),
        (Published(5, NOON - SETTLE, 9, False, 0), Cause.NOT_APPLIED),
        (Published(5, NOON, 9, True, 0), Cause.CHANGED),
        (Published(5, NOON, 3, True, 2), Cause.SOLD),
        (Published(5, NOON, 2, True, 2), Cause.CHANGED),
        (Published(5, NOON, 6, True, 2), Cause.CHANGED),
    ],
)
def test_why_a_level_did_not_stick(level: Published, cause: Cause | None) -> None:
    assert drift_cause(level, now=NOON, settle=SETTLE) is cause


def test_drifts_are_counted_until_a_quiet_day_has_passed() -> None:
    assert drifts_in_a_day(2, NOON, now=NOON + timedelta(hours=23)) == 3
    assert drifts_in_a_day(2, NOON, now=NOON + timedelta(hours=25)) == 1
    assert drifts_in_a_day(0, None, now=NOON) == 1
