"""How likely each SKU is to be oversold before the next sync, what that would cost, and the buffer that prevents it.

What belongs here: the estimate, its rows from the ledger and its picture. What does not: oversells that happened
(`exceptions.py`).

Orders of a SKU are taken to come at random at their recent rate (Poisson), each for the mean units of an order: the
units sold until the next sync pass what is offered with the chance of more orders than it can fill.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
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


def exposure(sales: Iterable[Sales], *, until_next_sync: timedelta) -> list[Exposure]:
    """The exposure of each SKU, the dearest first."""
    part = until_next_sync / WINDOW
    rows = [_exposure(each, part) for each in sales]
    return sorted(rows, key=lambda row: (-row.expected_value, -row.chance, row.sku))


def _exposure(sale: Sales, part: float) -> Exposure:
    rate = sale.orders * part
    size = sale.units / sale.orders
    chances = _poisson(rate)
    missing = [max(0.0, n * size - sale.offered) for n in range(len(chances))]
    expected = sum(chance * units for chance, units in zip(chances, missing, strict=True))
    within = list(accumulate(chances))
    sold = next((n for n, chance in enumerate(within) if chance >= HOLDS), len(within))
    return Exposure(
        sku=sale.sku,
        offered=sale.offered,
        units_a_day=sale.units / WINDOW.days,
        chance=sum(chance for chance, units in zip(chances, missing, strict=True) if units > 0),
        expected_value=(sale.price * Decimal(expected)).quantize(Decimal("0.0001")),
        smallest_buffer=math.ceil(sold * size),
    )


def _poisson(rate: float) -> list[float]:
    """Chances of 0, 1, 2, ... orders, until what is left out is less than one in 10^9."""
    most = int(rate + 8 * math.sqrt(rate) + 12)
    return [math.exp(n * math.log(rate) - rate - math.lgamma(n + 1)) if rate else float(n == 0) for n in range(most)]


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
