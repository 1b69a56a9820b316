"""Reading stock for one store: the warehouse's balances whole or of what moved, and the shop's locations and rules.

What belongs here: the stock flow's pull, and which readings are believed (asked of `rules.py`). What does not: what is
published (`sync.py`) and how the shop's levels are kept (`published.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.inventory import inventory_settings, pull_locations
from clarus_bc_pipeline.clarus.balances import Balance, balances_of, pull_balances
from clarus_bc_pipeline.clarus.transactions import transactions_since
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.stock import evidence, exceptions, rules
from clarus_bc_pipeline.flows.stock.evidence import Counted
from clarus_bc_pipeline.flows.stock.published import SHOP_RULES, read_back
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

FEED = "stock_transactions"
SWEPT = "stock_swept"
SCOPE = "stock.pull"
COLUMNS = (
    "store", "product_id", "warehouse", "product_code", "available", "allocated", "received", "picked", "ordered",
    "as_of", "doubted", "doubted_at", "source", "seen_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read: balances, how many of them say something new, and why a whole reading was not believed."""

    balances: int = 0
    changed: int = 0
    doubted: int = 0
    unreadable: int = 0
    whole: bool = False
    fault: str | None = None


@dataclass(frozen=True)
class Moved:
    """Product codes that transactions not seen before name, and the cursor that covers them."""

    codes: set[str]
    position: dict[str, Any]
    unreadable: list[Unreadable] = field(default_factory=list)


def moved_since(store: Store) -> Moved:
    """What the stock transactions say has moved since the last pull: one call. The feed is read with an overlap."""
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=FEED)
    now = store.now()
    overlap = timedelta(seconds=store.settings.clarus.overlap_seconds)
    since = datetime.fromisoformat(position["created_from"]) if position else now - overlap
    seen = set(position["seen"]) if position else set()
    page = transactions_since(store.warehouse, since)
    newest = max((t.created_at for t in page.records), default=now)
    start = max(since, min(now, newest) - overlap)
    recent = sorted(t.id for t in page.records if t.created_at >= start)
    codes = {t.product_code for t in page.records if t.id not in seen}
    lines_until = now.isoformat()  # goods-outs that the ledger learns of from here on are for the next pull
    return Moved(codes, {"created_from": start.isoformat(), "seen": recent, "until": lines_until}, page.unreadable)


def is_sweep_due(store: Store) -> bool:
    """Whether the last whole reading is older than the store allows, or there was none."""
    with store.engine.connect() as connection:
        swept = read_cursor(connection, store=store.key, feed=SWEPT)
    every = timedelta(minutes=store.settings.stock.sweep_every_minutes)
    return swept is None or store.now() - datetime.fromisoformat(swept["at"]) >= every


def pull(store: Store, *, sweep: bool | None = None) -> Pulled:
    """Read the balances of what moved; with `sweep` (None: when it is due) all of them, and the shop's own side too.

    A sweep that is empty or much smaller than the last is not kept: a finding says so, and nothing is published of it.
    """
    if not store.settings.stock.enabled:
        return Pulled()
    moved = moved_since(store)
    if is_sweep_due(store) if sweep is None else sweep:
        return _sweep(store, moved)
    with store.engine.connect() as connection:
        held = read_cursor(connection, store=store.key, feed=FEED) or moved.position
        since = datetime.fromisoformat(held["until"]) - timedelta(seconds=store.settings.clarus.overlap_seconds)
        given = {"store": store.key, "moved": sorted(moved.codes), "since": since}
        touched = connection.execute(SQL["touched_products"], given).all()
    as_of = store.now()
    page = balances_of(store.warehouse, [row.product_id for row in touched])
    explained = {row.product_code for row in touched if row.moved}
    with store.engine.begin() as connection:
        kept = _keep(connection, store, page.records, as_of=as_of, explained=explained)
        _record(connection, store, kept, [*page.unreadable, *moved.unreadable], examined=kept.subjects)
        write_cursor(connection, store=store.key, feed=FEED, position=moved.position, now=store.now())
    return Pulled(len(page.records), kept.changed, kept.doubted, len(page.unreadable))


def _sweep(store: Store, moved: Moved) -> Pulled:
    as_of = store.now()
    records: dict[tuple[int, str], Balance] = {}
    unreadable = list(moved.unreadable)
    for page in pull_balances(store.warehouse):
        unreadable += page.unreadable
        for balance in page.records:
            # A page that comes twice says the same; where it does not, stock moved meanwhile and the lesser is safe.
            twin = records.get(key := (balance.product_id, balance.warehouse))
            records[key] = min(balance, twin, key=lambda b: b.available) if twin else balance
    balances = list(records.values())
    fault = _snapshot_fault(store, balances, as_of)
    if fault:
        with store.engine.begin() as connection:
            finding = exceptions.refused_snapshot(fault)
            record_findings(
                connection, store=store.key, scope=SCOPE, findings=[finding], examined=[finding.subject],
                now=store.now(),
            )  # fmt: skip
            # What moves is read meanwhile, product by product; the whole is tried again when the next sweep is due.
            write_cursor(connection, store=store.key, feed=SWEPT, position={"at": as_of.isoformat()}, now=store.now())
        return Pulled(len(balances), 0, 0, len(unreadable), True, fault)
    locations = pull_locations(store.shop)
    shop_rules = inventory_settings(store.shop)
    with store.engine.begin() as connection:
        # What cannot be read is not gone.
        kept = _keep(connection, store, balances, as_of=as_of, explained=moved.codes, whole=not unreadable)
        _record(connection, store, kept, unreadable, examined=None)
        now = store.now()
        rows = [
            (store.key, each.id, each.code, each.label, each.enabled, "BigCommerce locations", now)
            for each in locations
        ]
        here = tables.stock_location
        connection.execute(
            sa.delete(here).where(here.c.store == store.key, here.c.location_id.not_in([r[1] for r in rows]))
        )
        upsert(connection, here, rows)
        write_cursor(
            connection, store=store.key, feed=SHOP_RULES, position=msgspec.to_builtins(shop_rules), now=now, rewind=True
        )
        write_cursor(connection, store=store.key, feed=FEED, position=moved.position, now=now)
    read_back(store, whole=True)
    with store.engine.begin() as connection:
        write_cursor(connection, store=store.key, feed=SWEPT, position={"at": as_of.isoformat()}, now=store.now())
    return Pulled(len(balances), kept.changed, kept.doubted, len(unreadable), whole=True)


def _snapshot_fault(store: Store, balances: Sequence[Balance], as_of: datetime) -> str | None:
    """Whether a whole reading is believed, held against the last one that was; and note down that it was made."""
    products = len({b.product_id for b in balances})
    units = sum(max(0, int(b.available // 1)) for b in balances)
    with store.engine.begin() as connection:
        last = connection.execute(SQL["last_believed"], {"store": store.key}).one_or_none()
        fault = rules.snapshot_fault(
            products=products,
            units=units,
            products_before=last.products if last else None,
            units_before=last.units if last else None,
            settings=store.settings.stock,
        )
        row = (store.key, as_of, products, units, fault)
        upsert(connection, tables.stock_snapshot, [row])
    return fault


@dataclass(frozen=True)
class _Kept:
    changed: int
    doubted: int
    findings: list[Finding]
    subjects: set[str]


def _keep(
    connection: sa.Connection,
    store: Store,
    balances: Sequence[Balance],
    *,
    as_of: datetime,
    explained: Collection[str],
    whole: bool = False,
) -> _Kept:
    """Keep what is believed of `balances`. With `whole`, a balance that we know and that is not among them is gone."""
    settings, now = store.settings.stock, store.now()
    held = _held(connection, store, None if whole else [b.product_id for b in balances])
    rows, findings, subjects = [], [], set()
    same: list[int] = []
    pairs: list[dict[str, Any]] = []
    doubts = 0
    read = {(b.product_id, b.warehouse) for b in balances}
    gone = [row for key, row in held.items() if key not in read] if whole else []
    readings = [(b.product_id, b.warehouse, b.product_code, _numbers(b), False) for b in balances]
    readings += [(row.product_id, row.warehouse, row.product_code, (Decimal(0),) * 5, True) for row in gone]
    for product_id, warehouse, code, (available, *others), is_gone in readings:
        before = held.get((product_id, warehouse))
        if before is not None and before.as_of > as_of:
            continue  # another worker has read it since
        known = rules.Kept(before.available, before.doubted, before.doubted_at) if before else None
        kept = rules.believe(
            known, available, explained=code in explained, at=as_of, settings=settings, gone=is_gone
        )  # fmt: skip
        subjects.add(f"product {code} in {warehouse}")
        if kept.doubted is not None:
            doubts += 1
            others = [before.allocated, before.received, before.picked, before.ordered] if before else others
            findings.append(exceptions.doubted_drop(code, warehouse, Decimal(kept.available), Decimal(kept.doubted)))
        elif problem := exceptions.arithmetic_problem(available, *others):
            findings.append(exceptions.broken_arithmetic(code, warehouse, problem))
        elif before is not None and before.doubted is None and not is_gone:
            was = Counted(before.available, before.allocated, before.received, before.picked)
            if pair := evidence.pair_of(code, warehouse, was, Counted(available, *others[:3]), as_of):
                pairs.append(pair)
        row = (code, Decimal(kept.available), *map(Decimal, others), kept.doubted, kept.doubted_at)
        if before is not None and row == _facts(before):
            same.append(product_id)
        else:
            facts, doubt = row[:6], row[6:]
            said = "no balance in Clarus any more" if is_gone else "Clarus stock balances"
            rows.append((store.key, product_id, warehouse, *facts, as_of, *doubt, said, now))
    upsert(connection, tables.stock_balance, rows, columns=COLUMNS, unless_older="as_of")
    evidence.keep_pairs(connection, store=store.key, pairs=pairs, now=now)
    balance = tables.stock_balance
    still = sa.literal(same, sa.ARRAY(sa.BigInteger))
    connection.execute(
        sa.update(balance)
        .where(balance.c.store == store.key, balance.c.as_of < as_of, balance.c.product_id == sa.any_(still))
        .values(as_of=as_of)
    )
    return _Kept(len(rows), doubts, findings, subjects)


def _held(connection: sa.Connection, store: Store, product_ids: Collection[int] | None) -> dict[tuple[int, str], Any]:
    balance = tables.stock_balance
    query = sa.select(balance).where(balance.c.store == store.key)
    if product_ids is not None:
        query = query.where(balance.c.product_id == sa.any_(sa.literal(list(product_ids), sa.ARRAY(sa.BigInteger))))
    return {(row.product_id, row.warehouse): row for row in connection.execute(query)}


def _numbers(balance: Balance) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    return (
        Decimal(balance.available),
        Decimal(balance.allocated),
        Decimal(balance.received),
        Decimal(balance.picked),
        Decimal(balance.ordered),
    )


def _facts(row: Any) -> tuple[Any, ...]:
    return (
        row.product_code, row.available, row.allocated, row.received, row.picked, row.ordered, row.doubted,
        row.doubted_at,
    )  # fmt: skip


def _record(
    connection: sa.Connection,
    store: Store,
    kept: _Kept,
    unreadable: Sequence[Unreadable],
    *,
    examined: Collection[str] | None,
) -> None:
    findings = [
        *kept.findings,
        *(
            Finding("unreadable_record", u.record, f"{u.system} gave a record that cannot be read: {u.reason}.")
            for u in unreadable
        ),
    ]
    record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=examined, now=store.now())
