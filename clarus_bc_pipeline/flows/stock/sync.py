"""The stock flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying decisions between the ledger, `rules.py` and the outbox. What does not: reading
(`pulling.py`, `published.py`), any `if` about units (`rules.py`), and Dagster (`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.stock import rules
from clarus_bc_pipeline.flows.stock.deliveries import stock_delivery
from clarus_bc_pipeline.flows.stock.evidence import read_verdict, setting_differs
from clarus_bc_pipeline.flows.stock.exceptions import oversold, restocked_twice
from clarus_bc_pipeline.flows.stock.published import (
    ReadBack,
    known_levels,
    read_back,
    record_level_findings,
    shop_rules,
)
from clarus_bc_pipeline.flows.stock.pulling import Pulled, is_sweep_due, moved_since, pull
from clarus_bc_pipeline.flows.stock.rules import STOCK_LEVELS, At
from clarus_bc_pipeline.flows.stock.targets import read_targets
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, due_mark, enqueue, supersede
from clarus_bc_pipeline.ledger.queries import read_queries

__all__ = ["Decided", "Pulled", "ReadBack", "decide", "deliver", "news", "prove", "pull"]

SQL = read_queries(Path(__file__).with_name("queries.sql"))

DECIDED = "stock_decided"
SCOPE = "stock"
OVERLAP = timedelta(minutes=1)  # what another process committed late is still seen

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. `levels` have a target; `changed` of them are not what the shop shows."""

    levels: int = 0
    changed: int = 0
    enqueued: int = 0
    superseded: int = 0
    oversold_units: int = 0
    findings: int = 0


def decide(store: Store, *, whole: bool = False) -> Decided:
    """Queue the levels that differ from what the shop shows. One decider a store at a time.

    A newer decision takes the place of those that wait, so an older level is never sent after a newer one. Nothing is
    decided before a whole reading of stock was believed, nor when nothing changed since the last time (unless `whole`).
    """
    settings = store.settings.stock
    if not settings.enabled:
        return Decided()
    now = store.now()
    with store.engine.begin() as connection:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext('stock decide'), hashtext(:store))"), {"store": store.key}
        )
        if connection.execute(SQL["last_believed"], {"store": store.key}).one_or_none() is None:
            return Decided()
        if not whole and not _has_changed(connection, store):
            return Decided()
        targets = read_targets(connection, store)
        known, decided = known_levels(connection, store)
        changed = rules.changes(targets.units, known)
        pushes = rules.pushes(changed, known, settings=settings, decided_at=now)
        _keep_targets(connection, store, targets.units, decided, now)
        enqueued, superseded = _queue(connection, store, pushes, now)
        findings = [*targets.findings, *oversold(targets.free, targets.demand), *_doubtful_settings(connection, store)]
        record_findings(connection, store=store.key, scope=SCOPE, findings=findings, now=now)
        record_level_findings(connection, store)
        write_cursor(connection, store=store.key, feed=DECIDED, position={"until": now.isoformat()}, now=now)
    return Decided(
        levels=len(targets.units),
        changed=len(changed),
        enqueued=enqueued,
        superseded=superseded,
        oversold_units=sum(f.evidence["units"] for f in findings if f.code == "oversold"),
        findings=len(findings),
    )


def _doubtful_settings(connection: sa.Connection, store: Store) -> list[Finding]:
    """Settings of the shop, or of ours, that what was read speaks against."""
    found = [restocked_twice()] if shop_rules(connection, store).refund_order_stock_adjustment else []
    ours = store.settings.stock.available_excludes_allocated
    differs = setting_differs(read_verdict(connection, store=store.key), setting=ours, store=store.key)
    return [*found, *([differs] if differs else [])]


def _has_changed(connection: sa.Connection, store: Store) -> bool:
    position = read_cursor(connection, store=store.key, feed=DECIDED)
    if position is None:
        return True
    since = datetime.fromisoformat(position["until"]) - OVERLAP
    return bool(connection.scalar(SQL["changed_since"], {"store": store.key, "since": since}))


def _keep_targets(
    connection: sa.Connection, store: Store, wanted: Mapping[At, int], decided: Mapping[At, int | None], now: datetime
) -> None:
    news = [(at, units) for at, units in wanted.items() if at not in decided or decided[at] != units]
    gone = [at for at, units in decided.items() if units is not None and at not in wanted]
    rows = [(store.key, at.sku, at.location_id, units, now) for at, units in [*news, *((at, None) for at in gone)]]
    columns = ("store", "sku", "location_id", "target", "decided_at")
    upsert(connection, tables.stock_level, rows, columns=columns)


def _queue(connection: sa.Connection, store: Store, pushes: Sequence[Push], now: datetime) -> tuple[int, int]:
    """Queue `pushes` in the place of those that wait; one that waits and says the same is left where it is."""
    given = {"store": store.key, "kind": STOCK_LEVELS}
    waiting = connection.execute(SQL["waiting_pushes"], given).all()
    pending = {row.request_hash for row in waiting if row.state == "pending"}
    wanted = {push.request_hash for push in pushes}
    old = [row.business_key for row in waiting if row.state != "pending" or row.request_hash not in wanted]
    superseded = supersede(connection, store=store.key, kind=STOCK_LEVELS, business_keys=old) if old else 0
    fresh = [push for push in pushes if push.request_hash not in pending]
    return enqueue(connection, store=store.key, pushes=fresh, now=now), superseded


def deliver(store: Store, *, progress: Progress | None = None, until: datetime | None = None) -> DeliveryReport:
    """Send the levels that are due to BigCommerce, one call at a time."""
    return deliver_now(store, [stock_delivery(store)], system="BigCommerce", until=until, progress=progress)


def prove(store: Store, *, whole: bool = False) -> ReadBack:
    """Read back what was sent (`whole`: all), and keep what the shop shows; the next decision corrects it."""
    return read_back(store, whole=whole) if store.settings.stock.enabled else ReadBack()


def news(store: Store) -> str | None:
    """What is new for this flow, in short, or None: one call to Clarus at most."""
    if not store.settings.stock.enabled:
        return None
    now = store.now()
    if is_sweep_due(store):
        return f"a sweep of all stock is due, {now:%Y-%m-%dT%H:%M}"
    with store.engine.connect() as connection:
        due = due_mark(connection, store=store.key, kinds=[STOCK_LEVELS], now=now)
        unproven = len(connection.execute(SQL["unproven"], {"store": store.key}).all())
        is_undecided = _has_news(connection, store)
    if due:
        return due
    if is_undecided:
        return f"orders or goods-outs changed, {now:%Y-%m-%dT%H:%M}"
    if moved := moved_since(store).codes:
        return f"{len(moved)} products moved, {now:%Y-%m-%dT%H:%M:%S}"
    return f"{unproven} levels are to be read back, {now:%Y-%m-%dT%H:%M}" if unproven else None


def _has_news(connection: sa.Connection, store: Store) -> bool:
    """Whether the ledger learned anything after the last decision; no overlap, for a sensor must fall silent."""
    position = read_cursor(connection, store=store.key, feed=DECIDED)
    if position is None:
        return True
    since = datetime.fromisoformat(position["until"]) + timedelta(microseconds=1)
    return bool(connection.scalar(SQL["changed_since"], {"store": store.key, "since": since}))
