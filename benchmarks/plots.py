"""Pictures of what is seen sooner than read: a backlog against the quota's floor, latencies, and what others need.

What belongs here: drawing. What does not: measuring. Each picture is small and needs only its own measure's result.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

OURS, OTHERS = "#1f6f8b", "#b8b8b8"


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw what the results have; returns the files."""
    import matplotlib as mpl

    mpl.use("Agg")
    drawn = []
    if "makespan" in results:
        drawn.append(_makespan(results["makespan"], folder / "makespan.png"))
    if "latency" in results:
        drawn.append(_latency(results["latency"], folder / "latency.png"))
    if "calls" in results and results.get("pull", {}).get("dlt_per_second"):
        drawn.append(_others(results["calls"], results["pull"], folder / "others.png"))
    if "exposure" in results:
        drawn.append(_reliability(results["exposure"], folder / "exposure.png"))
    if "stock" in results:
        drawn.append(
            _latency(results["stock"]["latency"], folder / "stock.png", "moved in Clarus to set in BigCommerce")
        )
    return drawn


def _makespan(result: dict[str, Any], path: Path) -> Path:
    """Calls over time; the grey steps are all that the quota allows."""
    figure, axes = _figure(f"{result['shipments']:,} shipments at {result['quota']} calls a window", "seconds", "calls")
    quota, window = result["quota"], result["window_seconds"]
    windows = math.ceil(result["calls"] / quota)
    starts = [n * window for n in range(windows + 1)]
    allowed = [min((n + 1) * quota, result["calls"]) for n in range(windows + 1)]
    axes.step(starts, allowed, where="post", color=OTHERS, linewidth=3, label="all that the quota allows")
    made = sorted(result["arrivals"])
    counts = [1 + n * result["arrivals_every"] for n in range(len(made))]
    axes.plot(made, counts, color=OURS, label=f"ours: {result['ratio']:.2f} times the floor")
    axes.legend(frameon=False)
    return _saved(figure, path)


def _latency(result: dict[str, Any], path: Path, title: str = "despatched in Clarus to shown in BigCommerce") -> Path:
    """Share of events that show in the shop after so many seconds."""
    figure, axes = _figure(title, "seconds", "share of events")
    for (lane, each), colour in zip(result.items(), (OURS, "#d07c2f"), strict=False):
        shares = [(n + 1) / len(each["seconds"]) for n in range(len(each["seconds"]))]
        axes.step(each["seconds"], shares, where="post", color=colour, label=f"{lane}: p95 {each['p95']:.0f} s")
    axes.set_xlim(left=0)
    axes.legend(frameon=False)
    return _saved(figure, path)


def _reliability(result: dict[str, Any], path: Path) -> Path:
    """How often a foretold oversell came true, by how likely it was called; a dot's size by how often it was."""
    figure, axes = _figure("oversell before the next sync: foretold and come true", "foretold", "came true")
    axes.plot([1e-5, 1], [1e-5, 1], color=OTHERS, linewidth=1)
    for (shop, each), colour in zip(result.items(), (OURS, "#d07c2f"), strict=False):
        bins = [b for b in each["bins"] if b["observed"] > 0]
        sizes = [6 + 60 * b["count"] / each["trials"] for b in bins]
        x, y = [b["foretold"] for b in bins], [b["observed"] for b in bins]
        label = f"shop {shop}: Brier {each['brier_ratio']:.2f} of climatology's"
        axes.scatter(x, y, s=sizes, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)
    return _saved(figure, path)


def _others(calls: dict[str, Any], pull: dict[str, Any], path: Path) -> Path:
    """Ours beside a naive connector and dlt."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.0), dpi=100)
    pairs = (
        (left, "calls per shipment", "naive", calls["naive_calls_per_shipment"], calls["calls_per_shipment"]),
        (right, "orders pulled a second", "dlt", pull["dlt_per_second"], pull["ours_per_second"]),
    )
    for axes, title, other, theirs, ours in pairs:
        bars = axes.bar([other, "ours"], [theirs, ours], color=[OTHERS, OURS])
        axes.bar_label(bars, fmt="{:,.6g}")
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    return _saved(figure, path)


def _figure(title: str, x: str, y: str) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), dpi=100)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _saved(figure: Any, path: Path) -> Path:
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path
