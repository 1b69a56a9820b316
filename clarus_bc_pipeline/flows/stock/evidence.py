"""What the warehouse's own numbers say of the setting `available_excludes_allocated`.

What belongs here: pairs of readings of one balance around an allocation, kept and judged. What does not: believing a
reading (`rules.py`), and changing the setting: a person does that.

One balance by itself tells nothing: what is held, despatched or counted stands in none of Clarus's numbers in a way
that is documented, so no sum of them must close. What moves does tell: when more is allocated and nothing came in or
was picked, `available` fell by just as much, or it stayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor

PAIRS = "stock_allocations"  # the cursor that keeps the last pairs
MOST_KEPT = 50
FEWEST = 5  # pairs, before anything is said
AGREEING = 0.9  # of the pairs; stock that is held or sent at the same moment may make one look like the other


class Counted(NamedTuple):
    """The numbers of one balance that an allocation is told by, in units."""

    available: int | Decimal
    allocated: int | Decimal
    received: int | Decimal
    picked: int | Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """`excludes` is None where the data cannot tell. `pairs` were read; `agreeing` of them say what most say."""

    excludes: bool | None
    pairs: int
    agreeing: int
    examples: tuple[dict[str, Any], ...] = ()


def allocation_says(before: Counted, after: Counted) -> bool | None:
    """Whether two readings of one balance show that `available` excludes what is allocated; None: they show nothing."""
    more = after.allocated - before.allocated
    if more <= 0 or after.received != before.received or after.picked != before.picked:
        return None
    if before.available - after.available == more:
        return True
    return False if after.available == before.available else None


def judged(pairs: Sequence[dict[str, Any]]) -> Verdict:
    """What pairs (each with its `excludes`) say together; nothing where they are few or differ."""
    excluding = sum(bool(pair["excludes"]) for pair in pairs)
    agreeing = max(excluding, len(pairs) - excluding)
    is_told = len(pairs) >= FEWEST and agreeing >= AGREEING * len(pairs)
    said = excluding == agreeing if is_told else None
    examples = tuple(pair for pair in reversed(pairs) if said is None or pair["excludes"] == said)[:3]
    return Verdict(said, len(pairs), agreeing, examples)


def pair_of(product_code: str, warehouse: str, before: Counted, after: Counted, at: datetime) -> dict[str, Any] | None:
    """The pair as it is kept, or None where it tells nothing."""
    excludes = allocation_says(before, after)
    if excludes is None:
        return None
    moved = {"allocated": f"{before.allocated:g} -> {after.allocated:g}"}
    moved["available"] = f"{before.available:g} -> {after.available:g}"
    return {"product": product_code, "warehouse": warehouse, "read_at": at.isoformat(), **moved, "excludes": excludes}


def keep_pairs(connection: sa.Connection, *, store: str, pairs: Sequence[dict[str, Any]], now: datetime) -> None:
    """Add pairs to those kept, in the caller's transaction; the oldest go, for a tenant may be set up anew."""
    if pairs:
        kept = [*_kept(connection, store), *pairs][-MOST_KEPT:]
        write_cursor(connection, store=store, feed=PAIRS, position={"pairs": kept}, now=now, rewind=True)


def read_verdict(connection: sa.Connection, *, store: str) -> Verdict:
    """What the pairs read so far say."""
    return judged(_kept(connection, store))


def setting_differs(verdict: Verdict, *, setting: bool, store: str) -> Finding | None:
    """The finding that the setting is not what the data say; None where they agree or cannot tell."""
    if verdict.excludes is None or verdict.excludes == setting:
        return None
    what = "is already without what is allocated" if verdict.excludes else "still holds what is allocated"
    risk = "Too little is offered" if verdict.excludes else "Units that are set aside for orders are offered again"
    return Finding(
        "available_setting_differs",
        "available_excludes_allocated",
        f"Clarus's `available` {what}: {verdict.agreeing} of {verdict.pairs} allocations show it. {risk}. Set "
        f"available_excludes_allocated = {str(verdict.excludes).lower()} in [stores.{store}.stock].",
        evidence={"pairs": verdict.pairs, "agreeing": verdict.agreeing, "examples": list(verdict.examples)},
    )


def _kept(connection: sa.Connection, store: str) -> list[dict[str, Any]]:
    position = read_cursor(connection, store=store, feed=PAIRS)
    return list(position["pairs"]) if position else []
