"""The despatch gap: both systems' books, line by line, and an honest word about what could not be checked.

What belongs here: measuring, keeping and summing the gap. What does not: deciding what to send (`rules.py`).
All counting is set-based SQL in the ledger. A tick measures only the orders that changed; a full measure, all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.orders import get_order
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.orders.pulling import FEED, keep_orders, pull
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Gone
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("gap.sql"))

MEASURED = "despatch_gap"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
READ_BACK_AFTER = timedelta(minutes=10)
COUNTERS = ("despatched_lines", "confirmed_lines", "gap_lines", "not_checked_lines")


@dataclass(frozen=True, slots=True)
class GapRow:
    """The gap in one category and currency. `age_buckets` counts lines by age of the event, youngest first."""

    category: str
    reason: str
    currency: str
    lines: int
    orders: int
    oldest_minutes: int
    value_at_risk: Decimal
    age_buckets: tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """The whole: `despatched_lines` = confirmed + in a gap + not checked, on the warehouse's side."""

    despatched_lines: int
    confirmed_lines: int
    gap_lines: int
    not_checked_lines: int
    orders_measured: int
    rows: tuple[GapRow, ...]

    @property
    def oldest_minutes(self) -> int:
        return max((row.oldest_minutes for row in self.rows if row.category != "not_checked"), default=0)

    @property
    def headline(self) -> str:
        said = f"{self.confirmed_lines:,} of {self.despatched_lines:,} despatched lines are visible in BigCommerce"
        return said + f"; {self.gap_lines:,} in a gap, {self.not_checked_lines:,} not checked"


def prove(store: Store, *, full: bool = False) -> Gap:
    """Measure the gap and record a finding for each order that is in it past the SLA.

    Reads the shop back first, so that nothing stays unchecked.
    """
    read_back(store)
    return measure(
        store.engine,
        store=store.key,
        now=store.now(),
        full=full,
        since_created=datetime.fromisoformat(store.settings.orders.since) if store.settings.orders.since else EPOCH,
        sla=timedelta(minutes=store.settings.despatch.sla_minutes),
    )


def read_back(store: Store) -> int:
    """Read the shop again after our own shipments: one list call, which shows up to 250 orders.

    Orders that it does not show (BigCommerce does not say whether a shipment moves `date_modified`) are read one by one
    after ten minutes, 50 at most. Returns how many.
    """
    with store.engine.connect() as connection:
        is_unread = connection.scalar(SQL["is_unread"], {"store": store.key, "feed": FEED})
    if is_unread:
        pull(store)
    with store.engine.connect() as connection:
        order_ids = connection.scalars(
            SQL["orders_to_read_back"],
            {"store": store.key, "before": store.now() - READ_BACK_AFTER, "most": 50},
        ).all()
    for order_id in order_ids:
        table = tables.bigcommerce_order
        this = (table.c.store == store.key) & (table.c.order_id == order_id)
        try:
            order = get_order(store.shop, order_id)
        except Gone:
            with store.engine.begin() as connection:
                connection.execute(
                    sa.update(table).where(this).values(is_deleted=True, read_at=store.now(), seen_at=store.now())
                )
            continue
        with store.engine.begin() as connection:
            keep_orders(connection, store, [order])
            connection.execute(sa.update(table).where(this).values(read_at=store.now()))
    return len(order_ids)


def measure(
    engine: sa.Engine,
    *,
    store: str,
    now: datetime,
    full: bool,
    since_created: datetime = EPOCH,
    sla: timedelta = timedelta(minutes=15),
) -> Gap:
    """Measure the touched orders (all of them with `full`) in one transaction and return the store's whole gap."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext('despatch gap'), hashtext(:store))"),
            {"store": store},
        )
        position: dict[str, Any] = read_cursor(connection, store=store, feed=MEASURED) or {}
        full = full or not position
        since = EPOCH if full else datetime.fromisoformat(position["until"]) - OVERLAP
        given = {"store": store, "since": since, "since_created": since_created, "now": now}
        # The default of 4 MB would sort and hash a large store on disk.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'" if full else "SET LOCAL work_mem = '32MB'"))
        connection.execute(SQL["name_store"], given)
        if not full:
            _make(connection, "gap_touched", given)
        connection.execute(SQL["see_all" if full else "see_touched"])
        for step in ("gap_orders", "gap_suspects", "gap_lines"):
            _make(connection, step, given)
        connection.execute(SQL["gap_count"], given)
        before = dict.fromkeys(COUNTERS, 0) if full else connection.execute(SQL["gap_before"], given).mappings().one()
        after = connection.execute(SQL["gap_after"], given).mappings().one()
        totals = {c: (0 if full else int(position[c])) - int(before[c]) + int(after[c]) for c in COUNTERS}
        for step in ("forget_proof", "keep_proof", "forget_lines", "keep_lines"):
            connection.execute(SQL[step], given)
        measured = connection.scalar(sa.text("SELECT count(*) FROM gap_touched")) or 0
        if full:  # else the next tick, on the statistics of an empty table, would walk over all of it
            connection.execute(sa.text("ANALYZE despatch_proof, despatch_gap_line"))
        connection.execute(sa.text(f"DROP VIEW gap_order, gap_goods_out{', gap_touched' if full else ''}"))
        rows = _summary(connection, store, now)
        _keep_history(connection, store, now, rows)
        _record_findings(connection, store, now, sla)
        write_cursor(
            connection, store=store, feed=MEASURED, position={"until": now.isoformat(), **totals}, now=now, rewind=True
        )
    return Gap(**totals, orders_measured=measured, rows=rows)


def _make(connection: sa.Connection, table: str, given: dict[str, Any]) -> None:
    connection.execute(SQL[table], given)
    connection.execute(sa.text(f"ANALYZE {table}"))


def last_measured(connection: sa.Connection, *, store: str, now: datetime) -> Gap | None:
    """The gap as of the last measure, without measuring again; None before the first."""
    position = read_cursor(connection, store=store, feed=MEASURED)
    if position is None:
        return None
    return Gap(**{c: int(position[c]) for c in COUNTERS}, orders_measured=0, rows=_summary(connection, store, now))


def gap_lines(connection: sa.Connection, *, store: str, most: int = 50) -> list[dict[str, Any]]:
    """The oldest lines that are not confirmed, with what both sides say."""
    line = tables.despatch_gap_line
    rows = connection.execute(
        sa.select(line).where(line.c.store == store).order_by(line.c.since).limit(most)
    ).mappings()
    return [dict(row) for row in rows]


def history(connection: sa.Connection, *, store: str, since: datetime) -> list[dict[str, Any]]:
    """The gap over time: measured_at, category, lines."""
    table = tables.despatch_gap_history
    rows = connection.execute(
        sa.select(table)
        .where(table.c.store == store, table.c.measured_at >= since)
        .order_by(table.c.measured_at, table.c.category)
    ).mappings()
    return [dict(row) for row in rows]


def _summary(connection: sa.Connection, store: str, now: datetime) -> tuple[GapRow, ...]:
    rows = connection.execute(SQL["gap_summary"], {"store": store, "now": now}).mappings()
    return tuple(
        GapRow(
            category=r["category"],
            reason=r["reason"],
            currency=r["currency"],
            lines=r["lines"],
            orders=r["orders"],
            oldest_minutes=max(0, r["oldest_minutes"]),
            value_at_risk=r["value_at_risk"],
            age_buckets=(r["under_4h"], r["under_24h"], r["days_1_2"], r["days_3_7"], r["over_7_days"]),
        )
        for r in rows
    )


def _keep_history(connection: sa.Connection, store: str, now: datetime, rows: tuple[GapRow, ...]) -> None:
    """One row a category; `all` is the gap as a whole, kept even when it is zero, so that the plot shows health too."""
    by_category: dict[str, tuple[int, int, Decimal]] = {"all": (0, 0, Decimal(0))}
    for row in rows:
        for category in (row.category,) if row.category == "not_checked" else (row.category, "all"):
            lines, oldest, value = by_category.get(category, (0, 0, Decimal(0)))
            by_category[category] = (
                lines + row.lines,
                max(oldest, row.oldest_minutes),
                value + row.value_at_risk,
            )
    upsert(
        connection,
        tables.despatch_gap_history,
        [(store, now, category, lines, oldest, value) for category, (lines, oldest, value) in by_category.items()],
    )


def _record_findings(connection: sa.Connection, store: str, now: datetime, sla: timedelta) -> None:
    """A finding for each order and category past the SLA; within it, a despatch is simply on its way."""
    line = tables.despatch_gap_line
    rows = connection.execute(
        sa.select(
            line.c.order_id,
            line.c.category,
            sa.func.count().label("lines"),
            sa.func.sum(line.c.value_at_risk).label("value"),
            sa.func.min(line.c.currency).label("currency"),
            sa.func.min(line.c.since).label("since"),
            sa.func.array_agg(
                sa.func.format(
                    "%s: despatched %s, shipped %s",
                    line.c.sku,
                    sa.func.trim_scale(line.c.despatched),
                    sa.func.trim_scale(line.c.shipped),
                )
            ).label("what"),
        )
        .where(line.c.store == store, line.c.category != "not_checked", line.c.since <= now - sla)
        .group_by(line.c.order_id, line.c.category)
    ).mappings()
    findings = [
        Finding(
            row["category"],
            f"order {row['order_id']}",
            f"Order {row['order_id']}: {row['lines']} line(s) differ between Clarus and BigCommerce since "
            f"{row['since']:%d %b %Y %H:%M} UTC ({'; '.join(row['what'][:3])}{' …' if len(row['what']) > 3 else ''}).",
            order_id=row["order_id"],
            evidence={"lines": row["what"][:20]},
            value_at_risk=row["value"],
            currency=row["currency"] or None,
        )
        for row in rows
    ]
    record_findings(connection, store=store, scope="despatch.gap", findings=findings, examined=None, now=now)
