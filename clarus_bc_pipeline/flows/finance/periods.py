"""Accounting periods: which month a fact is of, where it is posted when that is closed, and closing one for good.

What belongs here: months and the lock. What does not: what is posted (`posting.py`). The database itself refuses a line
in a closed period and any change of a line (triggers, migration 0003); the hash proves it from outside.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

HASHED = (
    "journal_line_id", "period", "journal", "posting_date", "account", "nominal", "debit", "credit", "currency",
    "event", "order_id", "narrative", "belongs_to",
)  # fmt: skip


class NotClosable(ValueError):
    """The period cannot be closed now. The message says why, and what to do first."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed period: how many journal lines it holds, and the SHA-256 of them."""

    period: str
    closed_at: datetime
    closed_by: str
    journal_lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fact is posted. `belongs_to` is the closed period that it is of, else None."""

    period: str
    on: date
    belongs_to: str | None


def period_of(day: date) -> str:
    """The period of a day: 2026-11."""
    return f"{day:%Y-%m}"


def next_period(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{year + month // 12}-{month % 12 + 1:02d}"


def place_of(day: date, closed: Collection[str]) -> Place:
    """The period of `day` while it is open; else the first open one after it, at its first day."""
    own = period = period_of(day)
    while period in closed:
        period = next_period(period)
    return Place(own, day, None) if period == own else Place(period, date.fromisoformat(f"{period}-01"), own)


def closed_periods(connection: sa.Connection, *, store: str) -> list[Closed]:
    """The store's closed periods, oldest first."""
    return [Closed(*row) for row in connection.execute(SQL["closed_periods"], {"store": store})]


def hash_of(rows: Iterable[Any]) -> tuple[int, str]:
    """How many journal lines, and the SHA-256 of them: a line of text each, fields apart by U+001F, in UTF-8."""
    digest = hashlib.sha256()
    count = 0
    for row in rows:
        fields = ("" if (value := getattr(row, name)) is None else str(value) for name in HASHED)
        digest.update(("\x1f".join(fields) + "\n").encode())
        count += 1
    return count, digest.hexdigest()


def hash_of_period(connection: sa.Connection, *, store: str, period: str) -> tuple[int, str]:
    """As the ledger holds the period now; read in pieces, so that a year's lines need no memory."""
    query = SQL["period_lines"].execution_options(yield_per=5000)
    rows = connection.execute(query, {"store": store, "period": period})
    return hash_of(rows)


def close_period(
    connection: sa.Connection, *, store: str, period: str, by: str, now: datetime, zone: ZoneInfo
) -> Closed:
    """Close a month for good: what comes later is posted in the next open one, with a reference.

    Raises `NotClosable` when it is not a month, is not over, is closed already, or one before it is open.
    """
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise NotClosable(f"{period!r} is not a period; write it as 2026-11")
    if not by.strip():
        raise NotClosable(f"period {period} was not closed: say who closes it")
    lock_books(connection, store=store)
    held = {each.period: each for each in closed_periods(connection, store=store)}
    if period in held:
        was = held[period]
        raise NotClosable(f"period {period} was closed by {was.closed_by} on {was.closed_at:%d %b %Y}")
    if period >= period_of(now.astimezone(zone).date()):
        raise NotClosable(f"period {period} is not over; a month can be closed from the first day of the next")
    given = {"store": store, "period": period}
    if (earlier := connection.scalar(SQL["earliest_open"], given)) is not None:
        raise NotClosable(f"period {earlier} is open and has journal lines; close it first")
    lines, digest = hash_of_period(connection, store=store, period=period)
    closed = Closed(period, now, by.strip(), lines, digest)
    connection.execute(
        sa.insert(tables.accounting_period).values(
            store=store, period=period, closed_at=now, closed_by=closed.closed_by, journal_lines=lines, sha256=digest
        )
    )
    return closed


def changed_since_closing(connection: sa.Connection, *, store: str) -> list[str]:
    """Closed periods whose lines are not what they were: somebody went round the database's own lock."""
    return [
        each.period
        for each in closed_periods(connection, store=store)
        if hash_of_period(connection, store=store, period=each.period) != (each.journal_lines, each.sha256)
    ]


def lock_books(connection: sa.Connection, *, store: str) -> None:
    """One at a time posts or closes in a store; held until the transaction ends."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtext('finance books'), hashtext(:store))"), {"store": store}
    )
