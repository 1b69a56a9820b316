"""The finance pack: one workbook that a controller can sign, each figure traceable to the rows behind it.

What belongs here: what is in the pack, and writing it. What does not: how cells are written (`sheets.py`), the
schedules (`schedules.py`), the first page (`control_sheet.py`), and what is posted or matched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import schedules
from clarus_bc_pipeline.flows.finance.control import Control
from clarus_bc_pipeline.flows.finance.control_sheet import ControlSheet
from clarus_bc_pipeline.flows.finance.exports import day_sums, write_exports
from clarus_bc_pipeline.flows.finance.schedules import SQL
from clarus_bc_pipeline.flows.finance.sheets import Workbook
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class Pack:
    """What was written: the workbook, the exports, rows by schedule, and the SHA-256 of all those rows in order."""

    file: Path
    exports: tuple[Path, ...]
    sha256: str
    rows: Mapping[str, int]
    control: Control


def write_pack(
    connection: sa.Connection,
    settings: StoreSettings,
    folder: Path,
    *,
    first: date,
    last: date,
    now: datetime,
    control: Control,
) -> Pack:
    """Write the workbook and the exports of the store's days from `first` to `last`, both included, into `folder`.

    The ledger is read in the caller's transaction: give one that sees one state (repeatable read), and the `control`
    that was made in it. Raises `ValueError` when the days are the wrong way round, `OSError` when a file cannot be
    written.
    """
    if last < first:
        raise ValueError(f"{first} is after {last}; give the earlier day first")
    given = given_days(settings, first=first, last=last)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"finance-pack-{settings.key}-{first}-{last}"
    file = folder / f"{stem}.xlsx"
    seen = _Seen()

    def rows(name: str) -> Iterator[sa.Row[Any]]:
        return seen.passing(name, connection.execute(SQL[name], given))

    with Workbook(file, zone=ZoneInfo(settings.timezone)) as book:
        first_page = ControlSheet(book, book.sheet("Control", colour="#C58B00"))
        ageing = book.sheet("Ageing", colour="#C58B00")
        schedules.differences(book, control)
        late_after = timedelta(hours=settings.finance.paid_not_despatched_after_hours)
        until = min(given["stop"], now)  # ages are told at the end of the days, or now where that is to come
        breaks = schedules.breaks(book, rows("breaks"), until=until, late_after=late_after)
        schedules.orders(book, rows("schedule"))
        schedules.returns(book, rows("returns"))
        schedules.refunds_by_hand(book, rows("refunds_by_hand"))
        journal = schedules.journal(book, rows("journal"))
        schedules.findings(book, [f for f in open_findings(connection, store=settings.key) if schedules.is_ours(f)])
        schedules.sign_off(book)
        sums = day_sums(connection, store=settings.key, first=first, last=last)
        schedules.ageing(book, ageing, breaks, sums)
        first_page.write(
            connection, settings, given, now=now, sha256=seen.sha256, control=control, journal=journal
        )  # fmt: skip
    exports = write_exports(sums, folder, store=settings.key, stem=stem, vat_code=settings.finance.vat_code)
    return Pack(file, tuple(exports), seen.sha256, dict(seen.counts), control)


def given_days(settings: StoreSettings, *, first: date, last: date) -> dict[str, Any]:
    """The days as the queries of pack.sql take them: days of the store, and the moments at which they begin and end."""
    zone = ZoneInfo(settings.timezone)
    start = datetime.combine(first, time(), zone)
    stop = datetime.combine(last + timedelta(days=1), time(), zone)
    return {"store": settings.key, "first": first, "last": last, "start": start, "stop": stop}


@dataclass
class _Seen:
    """Counts and hashes rows on their way into the workbook."""

    counts: dict[str, int] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    def passing(self, name: str, rows: Iterable[sa.Row[Any]]) -> Iterator[sa.Row[Any]]:
        self.counts[name] = 0
        self.digest.update(f"{name}\n".encode())
        for row in rows:
            self.counts[name] += 1
            self.digest.update(("\x1f".join("" if value is None else str(value) for value in row) + "\n").encode())
            yield row

    @property
    def sha256(self) -> str:
        return str(self.digest.hexdigest())
