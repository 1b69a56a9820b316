"""What a person must know about stock, in words: oversells, levels that were refused or did not stick, doubts.

What belongs here: findings, as pure functions. What does not: which units are published (`rules.py`).
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from clarus_bc_pipeline.decisions import Finding

ORDERS_NAMED = 10
DAY = timedelta(days=1)


class OpenLine(NamedTuple):
    """Units of a paid order's line that Clarus has set nothing aside for. `price` is of one unit, tax included."""

    order_id: int
    sku: str
    product_code: str
    units: int
    price: Decimal
    currency: str
    created_at: datetime


def oversold(free: Mapping[str, int], lines: Iterable[OpenLine]) -> list[Finding]:
    """Paid demand above stock, a finding a product: which orders will wait, for how many units, worth what.

    Stock goes to the oldest order first. `free` is by product code; one that is not in it was never read, and is left
    to the finding about its SKU.
    """
    by_code: dict[str, list[OpenLine]] = defaultdict(list)
    for line in lines:
        by_code[line.product_code].append(line)
    return [
        _oversell(code, free[code], waiting)
        for code, waiting in sorted(by_code.items())
        if code in free and sum(line.units for line in waiting) > free[code]
    ]


def _oversell(code: str, free: int, lines: list[OpenLine]) -> Finding:
    short: list[tuple[OpenLine, int]] = []
    left = free
    for line in sorted(lines, key=lambda each: (each.created_at, each.order_id)):
        served = min(left, line.units)
        left -= served
        if line.units > served:
            short.append((line, line.units - served))
    missing = sum(units for _, units in short)
    value = sum((line.price * units for line, units in short), Decimal(0))
    orders = sorted({line.order_id for line, _ in short})
    named = ", ".join(map(str, orders[:ORDERS_NAMED])) + (" and more" if len(orders) > ORDERS_NAMED else "")
    currency = short[0][0].currency
    return Finding(
        "oversold",
        f"product {code}",
        f"Product {code} is sold {missing} unit{'s' * (missing > 1)} beyond its stock of {free}: "
        f"order{'s' * (len(orders) > 1)} {named} cannot be sent whole.",
        order_id=orders[0] if len(orders) == 1 else None,
        evidence={"orders": orders, "units": missing, "free": free, "skus": sorted({line.sku for line, _ in short})},
        value_at_risk=value,
        currency=currency,
    )


class Cause(enum.StrEnum):
    """Why the shop shows another level than we sent, where it can be told."""

    LAG = "the shop has not applied it yet"
    SOLD = "sold or shipped since"
    NOT_APPLIED = "accepted, and never shown"
    CHANGED = "changed by hand or by another app"


class Published(NamedTuple):
    """A level as it was last sent, and as the shop shows it now.

    `took_away`: units that the shop itself took off since (orders placed, or shipped, by its own setting).
    `was_shown`: whether a reading since it was sent has shown it.
    """

    sent: int
    sent_at: datetime
    shown: int
    was_shown: bool
    took_away: int


def drift_cause(level: Published, *, now: datetime, settle: timedelta) -> Cause | None:
    """Why `shown` is not `sent`, or None when it is."""
    if level.shown == level.sent:
        return None
    if level.took_away and level.sent - level.took_away <= level.shown < level.sent:
        return Cause.SOLD
    if not level.was_shown:
        return Cause.LAG if now - level.sent_at < settle else Cause.NOT_APPLIED
    return Cause.CHANGED


def drifts_in_a_day(before: int, last_at: datetime | None, *, now: datetime) -> int:
    """How often a level has drifted, one more time now: a quiet day begins the count anew."""
    return 1 if last_at is None or now - last_at > DAY else before + 1


def repeated_drift(sku: str, location_id: int, *, drifts: int, cause: str, target: int | None, shown: int) -> Finding:
    """Something keeps changing a level, faster than we correct it."""
    return Finding(
        "stock_drift",
        f"SKU {sku} at location {location_id}",
        f"SKU {sku} at location {location_id} keeps losing the level that we set: {cause}.",
        evidence={"drifts": drifts, "target": target, "shown": shown},
    )


def refused_level(sku: str, location_id: int, words: str) -> Finding:
    """The shop will not take this level; the others go."""
    return Finding(
        "stock_level_refused",
        f"SKU {sku} at location {location_id}",
        f"BigCommerce refuses a stock level for SKU {sku} at location {location_id}: {words.rstrip('.')}.",
    )


def refused_snapshot(why: str) -> Finding:
    """A whole reading was not believed: nothing is published from it."""
    return Finding(
        "stock_snapshot_refused",
        "stock balances",
        f"A whole reading of Clarus's stock was not used, because {why}. The shop keeps what it shows.",
    )


def doubted_drop(product_code: str, warehouse: str, kept: Decimal | int, read: Decimal | int) -> Finding:
    """A product lost nearly all its units at once, without a transaction that tells why."""
    return Finding(
        "stock_drop_doubted",
        f"product {product_code} in {warehouse}",
        f"Product {product_code} fell from {kept:g} to {read:g} units in {warehouse} and no transaction says why; "
        "the shop keeps the old level until a later reading says the same.",
        evidence={"kept": str(kept), "read": str(read)},
    )


def arithmetic_problem(available: Decimal, *others: Decimal) -> str | None:
    """What cannot be true of a balance's numbers (available, allocated, received, picked, ordered), in words."""
    names = ("available", "allocated", "received", "picked", "ordered")
    for name, value in zip(names, (available, *others), strict=True):
        if value < 0:
            return f"{name} is {value:g}, which is less than nothing"
        if value != value.to_integral_value():
            return f"{name} is {value:f}, which is not a whole number"
    return None


def broken_arithmetic(product_code: str, warehouse: str, problem: str) -> Finding:
    """Clarus's own numbers of a product cannot be true."""
    return Finding(
        "stock_arithmetic_broken",
        f"product {product_code} in {warehouse}",
        f"Product {product_code} in {warehouse}: {problem}. Only whole units that are there are offered.",
    )


def unmapped_warehouse(warehouse: str, products: int, store: str) -> Finding:
    """A warehouse holds stock that no location shows."""
    return Finding(
        "warehouse_unmapped",
        f"warehouse {warehouse}",
        f"Warehouse {warehouse} holds stock of this account that no location of the shop shows. Map it in "
        f"[stores.{store}.stock.locations], or leave it closed.",
        evidence={"products": products},
    )


def restocked_twice() -> Finding:
    """The shop puts refunded units back by itself, and the warehouse's stock will hold them too."""
    return Finding(
        "restocked_twice",
        "refund_order_stock_adjustment",
        "BigCommerce puts units of refunded and cancelled orders back into its stock by itself, whether or not they "
        "came back. The next sync sets each level right; until then the shop may offer units that are not there.",
    )
