"""What differs between the catalogues over time, by type, as a picture for the asset's metadata."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

MOST_TYPES = 6
LEAST_SPAN = timedelta(minutes=10)


def trend_plot(history: Sequence[dict[str, Any]], *, now: datetime) -> str | None:
    """`history` rows (at, code, skus) as a Markdown image, up to `now`; None where nothing ever differed."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    if not history:
        return None
    figure = Figure(figsize=(7, 2.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    peaks = {row["code"]: 0 for row in history}
    for row in history:
        peaks[row["code"]] = max(peaks[row["code"]], row["skus"])
    for code in sorted(peaks, key=lambda code: -peaks[code])[:MOST_TYPES]:
        points = [(row["at"], row["skus"]) for row in history if row["code"] == code]
        times, counts = zip(*points, strict=True)
        line = (*times, now), (*counts, counts[-1])
        axes.step(*line, where="post", label=f"{code.replace('_', ' ')}: {counts[-1]:,}")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=min(history[0]["at"], now - LEAST_SPAN))
    axes.set_ylabel("SKUs")
    axes.set_title("What differs between the catalogues", loc="left", fontsize=10)
    axes.xaxis.set_major_locator(locator := AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return f"![Catalogue differences over time](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
