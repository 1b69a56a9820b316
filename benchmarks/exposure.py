"""Whether a chance of an oversell comes true as often as it says: the exposure's estimate against simulated shops.

What belongs here: simulating and judging. The estimate itself is `flows/stock/exposure.py`, called as the asset calls
it. Every SKU has a rate of its own (log-normal over SKUs) and its own kind of order: always one unit, one or a pack of
six, one to four, or one more with a fixed chance, which alone is what the estimate takes for granted. It sees only what
28 simulated days sold. Then the time until the next sync is simulated order by order: the shop sells, counts or does
not, and either has sold more than there was, or has not.

The climatology says the same chance for every SKU: the share of all of them that were oversold. A Brier score (mean
squared difference of chance and outcome) that is no smaller than its own has told nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.figures import Figure
from clarus_bc_pipeline.flows.stock.exposure import WINDOW, Sales, exposure

SECONDS = (60.0, 86_400.0)  # until the next sync, log-uniform: by the worker's rhythm, or after a day without one
UNCOUNTED_SECONDS = 60.0  # a level on its way, in a shop that counts orders as they are placed
EDGES = (0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
SHOPS = {"counts when shipped": None, "counts when placed": timedelta(seconds=UNCOUNTED_SECONDS)}

Sizes = Callable[[np.random.Generator, int], "np.ndarray[Any, Any]"]
_SIZES: tuple[Sizes, ...] = (
    lambda _, n: np.ones(n, int),
    lambda dice, n: np.where(dice.random(n) < 0.15, 6, 1),
    lambda dice, n: dice.integers(1, 5, n),
    lambda dice, n: dice.geometric(1 / 1.6, n),
)


class _Trial(NamedTuple):
    chance: float
    is_oversold: bool


def run(*, trials: int = 100_000, seed: int = 4) -> dict[str, Any]:
    """Chances and outcomes by the way in which a shop counts."""
    return {
        shop: _judged(list(_trials(np.random.default_rng([seed, n]), trials, uncounted)))
        for n, (shop, uncounted) in enumerate(SHOPS.items())
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    found = []
    for shop, judged in result.items():
        of = f"oversell chances, shop {shop}, {judged['trials']:,} SKUs and intervals"
        beside = {"beside": "climatology", "beside_value": judged["climatology_brier"]}
        found += [
            Figure(f"{of}: Brier score", judged["brier"], "", **beside),
            Figure(f"{of}: Brier score, times climatology's", judged["brier_ratio"], "times", at_most=1.0),
            Figure(f"{of}: foretold", judged["foretold"], "%", beside="came true, %", beside_value=judged["observed"]),
            Figure(f"{of}: mean distance from the diagonal", judged["calibration_error"], "", at_most=0.02),
        ]
    return found


def _trials(dice: np.random.Generator, trials: int, uncounted: timedelta | None) -> Iterator[_Trial]:
    made = 0
    while made < trials:
        a_day = float(dice.lognormal(math.log(1.5), 1.6))
        sizes = _SIZES[int(dice.integers(len(_SIZES)))]
        orders = int(dice.poisson(a_day * WINDOW.days))
        if orders == 0:
            continue  # the estimate is asked for what sold
        units = int(sizes(dice, orders).sum())
        seconds = float(np.exp(dice.uniform(*np.log(SECONDS))))
        offered = 1 + int(dice.geometric(1 / (1 + units / WINDOW.days * seconds / 86_400 * 1.5)) - 1)
        first = seconds if uncounted is None else min(seconds, uncounted.total_seconds())
        sale = Sales("SKU", offered, units, orders, Decimal(1))
        [row] = exposure([sale], until_next_sync=timedelta(seconds=seconds), uncounted=uncounted)
        yield _Trial(min(1.0, row.chance), _is_oversold(dice, a_day, sizes, offered, first, seconds))
        made += 1


def _is_oversold(
    dice: np.random.Generator, a_day: float, sizes: Sizes, offered: int, uncounted: float, seconds: float
) -> bool:
    """One interval, order by order: the shop shows `offered` anew when the uncounted seconds are over."""
    there = shown = offered
    is_overwritten = False
    at = 0.0
    while True:
        at += float(dice.exponential(86_400 / a_day))
        if at > seconds:
            return there < 0
        size = int(sizes(dice, 1)[0])
        if at <= uncounted:
            there -= size
        else:
            if not is_overwritten:
                shown, is_overwritten = offered, True
            sold = min(size, shown)
            shown -= sold
            there -= sold


def _judged(trials: list[_Trial]) -> dict[str, Any]:
    chances = np.array([trial.chance for trial in trials])
    outcomes = np.array([trial.is_oversold for trial in trials], dtype=float)
    base = float(outcomes.mean())
    brier = float(((chances - outcomes) ** 2).mean())
    climatology = base * (1 - base)
    bins = []
    for low, high in pairwise(EDGES):
        here = (chances >= low) & ((chances < high) | (high == EDGES[-1]))
        if here.any():
            bins.append({
                "count": int(here.sum()),
                "foretold": round(float(chances[here].mean()), 6),
                "observed": round(float(outcomes[here].mean()), 6),
            })  # fmt: skip
    error = sum(each["count"] * abs(each["foretold"] - each["observed"]) for each in bins) / len(trials)
    return {
        "trials": len(trials),
        "brier": round(brier, 5),
        "climatology_brier": round(climatology, 5),
        "brier_ratio": round(brier / climatology, 3) if climatology else None,
        "foretold": round(100 * float(chances.mean()), 3),
        "observed": round(100 * base, 3),
        "calibration_error": round(error, 5),
        "bins": bins,
    }
