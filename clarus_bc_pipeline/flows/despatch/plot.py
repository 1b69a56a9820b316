"""The despatch gap over time, as a picture for the asset's metadata."""

from __future__ import annotations

import base64
import io
from datetime import timedelta
from typing import Any

LEAST_SPAN = timedelta(minutes=10)


def gap_plot(history: list[dict[str, Any]]) -> str:
    """`history` rows (measured_at, category, lines) as a Markdown image, drawn to be read at the width of
    Dagster's pane.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    for category, colour, label in (
        ("all", "#c0392b", "in a gap"),
        ("not_checked", "#7f8c8d", "not checked"),
    ):
        points = [(row["measured_at"], row["lines"]) for row in history if row["category"] == category]
        if points:
            times, lines = zip(*points, strict=True)
            axes.step(times, lines, where="post", color=colour, label=label)
            axes.plot(times[-1], lines[-1], "o", color=colour, markersize=4)
            axes.annotate(
                f"{lines[-1]:,}",
                (times[-1], lines[-1]),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=colour,
            )
    axes.set_ylim(bottom=0)
    last = history[-1]["measured_at"]
    axes.set_xlim(left=min(history[0]["measured_at"], last - LEAST_SPAN))  # no ticks of milliseconds
    axes.set_ylabel("lines")
    axes.set_title("Despatch gap", loc="left", fontsize=10)
    axes.xaxis.set_major_locator(locator := AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return f"![Despatch gap over time](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
