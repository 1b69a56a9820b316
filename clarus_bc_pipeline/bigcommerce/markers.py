"""The marker by which we know again what we wrote: "[clarus:GO-914/1/2]" at the end of a free text.

What belongs here: writing and reading it. What does not: which text carries it (`shipments.py`: comments,
`refunds.py`: reasons) or what a marker means (the flows).
"""

from __future__ import annotations

import re

_MARKER = re.compile(r"\[clarus:([^\[\]\s]+)\]\s*\Z")


def marker_of(text: str | None) -> str | None:
    """The marker that `text` ends in: "GO-914/1/2" of "Parcel 2 of 2 [clarus:GO-914/1/2]".

    None: not ours.
    """
    found = _MARKER.search(text or "")
    return found[1] if found else None


def with_marker(text: str, marker: str) -> str:
    """`text` ending in `marker`, which must hold no space or square bracket. Raises ValueError when it does."""
    marked = f"{text} [clarus:{marker}]".strip()
    if marker_of(marked) != marker:
        raise ValueError(f"marker {marker!r} cannot be read back: use no spaces or square brackets")
    return marked
