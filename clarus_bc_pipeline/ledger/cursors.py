"""How far each feed has been read.

What belongs here: reading and moving a cursor, in the transaction of the rows that it covers. What does not:
how far a pull reaches back over it (the store's `overlap_seconds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clarus_bc_pipeline.ledger.tables import cursor


def read_cursor(connection: sa.Connection, *, store: str, feed: str) -> dict[str, Any] | None:
    """The feed's position, or None when it has never been read."""
    return connection.scalar(sa.select(cursor.c.position).where(cursor.c.store == store, cursor.c.feed == feed))


def write_cursor(
    connection: sa.Connection,
    *,
    store: str,
    feed: str,
    position: Mapping[str, Any],
    now: datetime,
    rewind: bool = False,
) -> bool:
    """Move the cursor to `position` (JSON-ready) and say whether it moved; call it where the rows are
    written.

    A cursor never moves back: a slower worker's older position is left out (False), for the newer one covers
    it. `rewind` moves it anyway. Earlier and later are told by the marks that both positions have, in the
    order of their keys' names: ISO 8601 times, or where there are none, numbers. Other values (page tokens)
    have no order.
    """
    row = {"store": store, "feed": feed, "position": dict(position), "updated_at": now}
    fresh = insert(cursor).values(row).on_conflict_do_nothing().returning(cursor.c.feed)
    if connection.execute(fresh).one_or_none():
        return True
    here = (cursor.c.store == store) & (cursor.c.feed == feed)
    held = connection.scalar(sa.select(cursor.c.position).where(here).with_for_update())
    if not rewind and _is_back(held or {}, position):
        return False
    connection.execute(sa.update(cursor).where(here).values(position=dict(position), updated_at=now))
    return True


def _is_back(held: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    for mark_of in (_time, _number):
        old_marks = {key: mark_of(value) for key, value in held.items()}
        new_marks = {key: mark_of(value) for key, value in new.items()}
        both = sorted(key for key in old_marks.keys() & new_marks if None not in (old_marks[key], new_marks[key]))
        if both:
            return bool([new_marks[key] for key in both] < [old_marks[key] for key in both])
    return False


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
