"""How likely each SKU is to be oversold before the next sync, what that would cost, and the buffer that prevents it.

What belongs here: the estimate, its rows from the ledger and its picture. What does not: oversells that happened
(`exceptions.py`).

Orders of a SKU are taken to come at random at their recent rate, which is itself known only as well as so many orders
tell it (a Poisson count whose rate is a gamma: negative binomial). An order is for one unit or more, and goes on to the
next unit with a fixed chance (geometric), such that the mean is what was seen.

What is sold too much depends on who counts. A shop that takes units off when an order ships goes on offering what it
has sold, until the next sync. One that takes them off when an order is placed stops at nothing by itself; but a level
that is on its way to it overwrites what it took off meanwhile, so the orders of those seconds are `uncounted`.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

WINDOW = timedelta(days=28)
HOLDS = 0.999  # the chance that the smallest buffer is asked to hold


@dataclass(frozen=True, slots=True)
class Sales:
    """What sold of a SKU within the window, in `units` and `orders`, and the units on offer now."""

    sku: str
    offered: int
    units: int
    orders: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Exposure:
    """`chance` of an oversell before the next sync, its `expected_value`, and the units to hold back against it."""

    sku: str
    offered: int
    units_a_day: float
    chance: float
    expected_value: Decimal
    smallest_buffer: int


def read_sales(connection: sa.Connection, *, store: str, now: datetime) -> list[Sales]:
    """Sales of the last 28 days, of the SKUs on offer."""
    rows = connection.execute(SQL["sales"], {"store": store, "since": now - WINDOW})
    return [Sales(r.sku, int(r.offered), int(r.units), int(r.orders), r.price) for r in rows]


def exposure(
    sales: Iterable[Sales], *, until_next_sync: timedelta, uncounted: timedelta | None = None
) -> list[Exposure]:
    """The exposure of each SKU, the dearest first.

    `uncounted`: the first part of that time, whose orders the shop does not take off what it offers; None: all of it.
    """
    first = until_next_sync if uncounted is None else min(uncounted, until_next_sync)
    rows = [_exposure(each, first / WINDOW, (until_next_sync - first) / WINDOW) for each in sales]
    return sorted(rows, key=lambda row: (-row.expected_value, -row.chance, row.sku))


def _exposure(sale: Sales, uncounted: float, counted: float) -> Exposure:
    """The parts are of the window. While the shop counts it sells no more than it offers.

    So what it sells too much is what all orders pass the offer by, less what the counted ones alone would have.
    """
    chance, missing = _excess(sale, uncounted + counted, sale.offered)
    if counted > 0:
        _, refused = _excess(sale, counted, sale.offered)
        none_unseen = (1 + uncounted) ** -sale.orders
        alone, _ = _excess(sale, counted / (1 + uncounted), sale.offered)
        chance, missing = max(0.0, chance - none_unseen * alone), max(0.0, missing - refused)
    return Exposure(
        sku=sale.sku,
        offered=sale.offered,
        units_a_day=sale.units / WINDOW.days,
        chance=chance,
        expected_value=(sale.price * Decimal(missing)).quantize(Decimal("0.0001")),
        smallest_buffer=_holding(sale, uncounted),
    )


def _excess(sale: Sales, part: float, units: int) -> tuple[float, float]:
    """(chance, mean) of what the orders of so much of the window pass `units` by.

    n orders pass them when fewer than n of the orders end within the first `units`, which is a binomial; each order
    that does not end there is, by the geometric, as large beyond them as any.
    """
    size = sale.units / sale.orders
    chances = _orders(sale.orders, part)
    ends = _binomial(units, 1 / size, len(chances))
    below = beyond = chance = mean = 0.0
    for n, likely in enumerate(chances):
        chance += likely * below
        mean += likely * beyond
        below += ends[n]
        beyond += below
    return chance, mean * size


def _holding(sale: Sales, part: float) -> int:
    """The smallest buffer that the orders of so much of the window do not pass, but for one time in a thousand."""
    high = 1
    while _excess(sale, part, high)[0] > 1 - HOLDS:
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _excess(sale, part, middle)[0] > 1 - HOLDS else (low, middle)
    return high


def _orders(seen: int, part: float) -> list[float]:
    """Chances of 0, 1, 2, ... orders in so much of the window, after `seen` in one: until next to none is left out."""
    if part <= 0:
        return [1.0]
    most = int(seen * part + 8 * math.sqrt(seen * part * (1 + part)) + 12)
    return [
        math.exp(
            math.lgamma(n + seen) - math.lgamma(seen) - math.lgamma(n + 1)
            + n * math.log(part / (1 + part)) - seen * math.log1p(part)
        )
        for n in range(most)
    ]  # fmt: skip


def _binomial(trials: int, chance: float, most: int) -> list[float]:
    """Chances of 0, 1, 2, ... (`most` of them) successes."""
    if chance >= 1:
        return [float(n == trials) for n in range(most)]
    yes, no = math.log(chance), math.log1p(-chance)
    ways = math.lgamma(trials + 1)
    return [
        math.exp(ways - math.lgamma(n + 1) - math.lgamma(trials - n + 1) + n * yes + (trials - n) * no)
        if n <= trials
        else 0.0
        for n in range(most)
    ]


def exposure_plot(rows: Sequence[Exposure]) -> str:
    """Chance against units on offer, a dot a SKU, as a Markdown image."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.scatter([r.offered for r in rows], [max(r.chance, 1e-9) for r in rows], s=10, color="#c0392b", alpha=0.6)
    axes.set_xscale("symlog")
    axes.set_yscale("log")
    axes.set_ylim(1e-9, 2)
    axes.set_xlabel("units on offer")
    axes.set_ylabel("chance")
    axes.set_title("Oversell before the next sync", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return f"![Oversell exposure](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
