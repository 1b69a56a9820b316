"""Reading the warehouse's side for one store: which goods-outs moved, and what Clarus says of them now.

What belongs here: the despatch flow's pull, and the cheap question whether there is anything to pull. What does not:
what it means (`rules.py`) and the other verbs (`sync.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.goods_outs import GoodsOut, goods_outs_by_reference, goods_outs_with_status, lines_of
from clarus_bc_pipeline.clarus.shipments import packages_of, shipments_of
from clarus_bc_pipeline.clarus.transactions import transactions_since
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.despatch import facts
from clarus_bc_pipeline.flows.despatch.rules import ORDER_STATUS, SHIPMENT, SHIPMENT_TRACKING
from clarus_bc_pipeline.flows.orders.rules import FINISHED, parse_reference
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import due_mark
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

FEED = "clarus_transactions"
SWEPT = "clarus_sweep"
DECIDED = "despatch_decided"
KINDS = (SHIPMENT, SHIPMENT_TRACKING, ORDER_STATUS)
SWEEP_EVERY = timedelta(minutes=5)
OPEN_STATUSES = ("DRAFT", "PENDING", "ALLOCATED", "PART_ALLOCATED", "PICK", "PART")
RELABELLED_WITHIN = timedelta(hours=2)  # a label that is made anew is made soon; Clarus leaves no trace of it
READ_AT_ONCE = 200  # goods-outs a transaction

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read from Clarus: goods-outs looked at, rows that changed, goods-outs that are gone."""

    goods_outs: int
    changed: int
    missing: int
    unreadable: int


def news(store: Store) -> str | None:
    """What is new for this flow, in short, or None: one call to Clarus, and now and then a look at what is open."""
    moved = _moved_since(store).goods_outs
    now = store.now()
    with store.engine.connect() as connection:
        due = due_mark(connection, store=store.key, kinds=KINDS, now=now)
        decided = read_cursor(connection, store=store.key, feed=DECIDED) or {"waiting": []}
        swept = read_cursor(connection, store=store.key, feed=SWEPT)
        stale = stale_statuses(connection, store, now)
    if moved:
        return f"goods-out {max(moved)} and {len(moved) - 1} more moved, {now:%Y-%m-%dT%H:%M:%S}"
    if due:
        return due
    if stale:
        return f"{len(stale)} orders' status did not move, the newest after shipment {stale[-1]['last_shipment_id']}"
    if decided["waiting"]:
        return f"{len(decided['waiting'])} despatches wait, {now:%Y-%m-%dT%H:}{now.minute // 2 * 2:02}"
    if swept is None or now - datetime.fromisoformat(swept["at"]) >= SWEEP_EVERY:
        return _open_elsewhere(store)
    return None


def stale_statuses(connection: sa.Connection, store: Store, now: datetime) -> Sequence[sa.RowMapping]:
    """Orders whose status their shipments did not move, as a reading after the last shipment showed."""
    before = now - timedelta(minutes=store.settings.despatch.set_status_after_minutes)
    given = {"store": store.key, "since": now - timedelta(days=2), "before": before}
    return connection.execute(SQL["shipped_orders"], given).mappings().all()


def _open_elsewhere(store: Store) -> str | None:
    """Whether Clarus's open goods-outs differ from the ledger's: what is done by hand leaves no transaction."""
    page = goods_outs_with_status(store.warehouse, OPEN_STATUSES)
    theirs = {(g.reference, g.status) for g in page.records if parse_reference(g.reference, store.settings.orders)}
    table = tables.clarus_goods_out
    with store.engine.begin() as connection:
        ours = {
            (reference, status)
            for reference, status in connection.execute(
                sa.select(table.c.reference, table.c.status).where(
                    table.c.store == store.key,
                    table.c.order_id.is_not(None),
                    table.c.missing_since.is_(None),
                    table.c.status.not_in(FINISHED),
                )
            )
        }
        _swept(connection, store)
    different = theirs ^ ours
    return f"{len(different)} open goods-outs differ, {store.now():%Y-%m-%dT%H:%M}" if different else None


def _swept(connection: sa.Connection, store: Store) -> None:
    now = store.now()
    write_cursor(connection, store=store.key, feed=SWEPT, position={"at": now.isoformat()}, now=now)


def pull(store: Store, *, sweep: bool = True, progress: Progress | None = None) -> Pulled:
    """Read goods-outs that moved: those of new stock transactions, and with `sweep` every open one.

    A sweep costs calls in proportion to open goods-outs, never to history. It finds what leaves no transaction:
    orders made, cancelled or deleted by hand, and tracking that comes late.
    """
    moved = _moved_since(store)
    references = {ref for ref in moved.goods_outs.values() if ref and parse_reference(ref, store.settings.orders)}
    found: list[GoodsOut] = []
    unreadable = list(moved.unreadable)
    if sweep:
        page = goods_outs_with_status(store.warehouse, OPEN_STATUSES)
        found += page.records
        unreadable += page.unreadable
        known = {g.reference for g in found}
        references |= {ref for ref in _watched_references(store) if ref not in known}
    if references:
        page = goods_outs_by_reference(store.warehouse, sorted(references))
        found += page.records
        unreadable += page.unreadable
    ours = list({g.id: g for g in found if parse_reference(g.reference, store.settings.orders)}.values())
    missing = references - {g.reference for g in found} - {u.record for u in unreadable}
    changed = _read_and_keep(store, ours, unreadable, progress)
    gone = _mark_missing(store, missing)
    with store.engine.begin() as connection:
        write_cursor(connection, store=store.key, feed=FEED, position=moved.position, now=store.now())
        if sweep:
            _swept(connection, store)
    return Pulled(len(ours), changed, gone, len(unreadable))


@dataclass(frozen=True, slots=True)
class _Moved:
    """Goods-outs named by transactions not seen before (id -> reference), and the cursor that covers them."""

    goods_outs: dict[int, str | None]
    position: dict[str, object]
    unreadable: list[Unreadable]


def _moved_since(store: Store) -> _Moved:
    """What the stock transactions say has moved since the last pull.

    The feed is read from a little before the last one's end, because a transaction can appear late; the ids seen in
    that overlap are in the cursor, so that a quiet warehouse costs one call.
    """
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=FEED)
    now = store.now()
    overlap = timedelta(seconds=store.settings.clarus.overlap_seconds)
    since = datetime.fromisoformat(position["created_from"]) if position else now - timedelta(days=1)
    seen = set(position["seen"]) if position else set()
    page = transactions_since(store.warehouse, since)
    moved = {t.goods_out_id: t.reference for t in page.records if t.goods_out_id is not None and t.id not in seen}
    newest = max((t.created_at for t in page.records), default=now)
    start = max(since, min(now, newest) - overlap)
    recent = sorted(t.id for t in page.records if t.created_at >= start)
    return _Moved(moved, {"created_from": start.isoformat(), "seen": recent}, page.unreadable)


def _watched_references(store: Store) -> set[str]:
    """Goods-outs of ours to ask for by name: open as far as we know, or left and still to be mended in Clarus."""
    with store.engine.connect() as connection:
        decided = read_cursor(connection, store=store.key, feed=DECIDED) or {"waiting": []}
        return set(
            connection.scalars(
                SQL["watched_references"],
                {
                    "store": store.key,
                    "finished": list(FINISHED),
                    "tracked_since": store.now() - timedelta(days=7),
                    "relabelled_since": store.now() - RELABELLED_WITHIN,
                    "waiting": decided["waiting"],
                },
            )
        )


def _read_and_keep(
    store: Store, goods_outs: Sequence[GoodsOut], unreadable: list[Unreadable], progress: Progress | None
) -> int:
    """Keep what Clarus says of `goods_outs`; one of which a part cannot be read stays as it was last read, whole."""
    changed = 0
    sku_map = SkuMap(store.settings.skus)
    held: dict[Unreadable, list[GoodsOut]] = {}
    kept: list[GoodsOut] = []
    for start in range(0, len(goods_outs), READ_AT_ONCE):
        chunk = goods_outs[start : start + READ_AT_ONCE]
        ids = [g.id for g in chunk]
        lines = lines_of(store.warehouse, ids)
        shipments = shipments_of(store.warehouse, ids)
        packages = packages_of(store.warehouse, [s.id for s in shipments.records])
        goods_out_of = {s.id: s.goods_out_id for s in shipments.records}
        for part in (*lines.unreadable, *shipments.unreadable):
            held[part] = [g for g in chunk if part.part_of in (None, g.id)]
        for part in packages.unreadable:
            held[part] = [g for g in chunk if goods_out_of.get(part.part_of or 0) in (None, g.id)]
        unreadable += [*lines.unreadable, *shipments.unreadable, *packages.unreadable]
        stays = {g.id for part in held for g in held[part]}
        chunk = [g for g in chunk if g.id not in stays]
        kept += chunk
        now = store.now()
        with store.engine.begin() as connection:
            bound_for, order_lines = _bound_for(connection, store, chunk)
            changed += facts.keep_goods_outs(
                connection, store=store.key, goods_outs=chunk, bound_for=bound_for, now=now
            )
            changed += facts.keep_lines(
                connection,
                store=store.key,
                lines=[line for line in lines.records if line.goods_out_id not in stays],
                bound_for=bound_for,
                order_lines=order_lines,
                sku_map=sku_map,
                now=now,
            )
            changed += facts.keep_parcels(
                connection,
                store=store.key,
                shipments=[s for s in shipments.records if s.goods_out_id not in stays],
                packages=packages.records,
                now=now,
            )
            _mark_missing_packages(connection, store.key, [g.id for g in chunk], [p.id for p in packages.records], now)
        if progress:
            progress(len(chunk))
    with store.engine.begin() as connection:
        read = json.dumps([g.reference for g in kept])
        whole_again = set(connection.scalars(SQL["whole_again"], {"store": store.key, "read": read}))
        findings = [_unreadable_finding(store, part, held.get(part, [])) for part in unreadable]
        record_findings(
            connection,
            store=store.key,
            scope="despatch.pull",
            findings=findings,
            now=store.now(),
            examined={f.subject for f in findings} | {g.reference for g in goods_outs} | whole_again,
        )
    return changed


def _unreadable_finding(store: Store, part: Unreadable, held: Sequence[GoodsOut]) -> Finding:
    """That a record cannot be read, and which goods-outs stay as they were last read because of it."""
    references = sorted(g.reference for g in held)
    stays = f" What is known of {', '.join(references[:5])} stays as it was last read." if references else ""
    if len(references) > 5:
        stays = (
            f" What is known of {len(references)} goods-outs stays as it was last read: it does not say whose it is."
        )
    order = parse_reference(references[0], store.settings.orders) if len(references) == 1 else None
    return Finding(
        "unreadable_record",
        part.record,
        f"{part.system} gave a record that cannot be read: {part.record}, {part.reason}.{stays}",
        order_id=order[0] if order else None,
        evidence={"references": references} if references else {},
    )


def _bound_for(
    connection: sa.Connection, store: Store, goods_outs: Sequence[GoodsOut]
) -> tuple[dict[int, facts.Bound], dict[int, list[tuple[int, str, int]]]]:
    """Where each goods-out goes, as the ledger knows from its release, else by its reference; and the orders' lines."""
    named = {g.id: ref for g in goods_outs if (ref := parse_reference(g.reference, store.settings.orders))}
    addresses, order_lines = _shop_side(connection, store.key, {order_id for order_id, _ in named.values()})
    table = tables.clarus_goods_out
    released = {
        goods_out_id: facts.Bound(order_id, address_id)
        for goods_out_id, order_id, address_id in connection.execute(
            sa.select(table.c.goods_out_id, table.c.order_id, table.c.order_address_id).where(
                table.c.store == store.key,
                table.c.goods_out_id.in_(list(named)),
                table.c.order_address_id.is_not(None),
            )
        )
    }
    by_name = {
        goods_out_id: facts.Bound(order_id, ids[position - 1] if position <= len(ids) else None)
        for goods_out_id, (order_id, position) in named.items()
        if (ids := addresses.get(order_id)) is not None
    }
    return by_name | released, order_lines


def _shop_side(
    connection: sa.Connection, store: str, order_ids: set[int]
) -> tuple[dict[int, list[int]], dict[int, list[tuple[int, str, int]]]]:
    """Address ids and physical lines of orders that the ledger holds, by order id."""
    addresses: dict[int, list[int]] = {}
    lines: dict[int, list[tuple[int, str, int]]] = {}
    line = tables.bigcommerce_order_line
    ids = sa.literal(sorted(order_ids), sa.ARRAY(sa.BigInteger))
    rows = connection.execute(
        sa.select(line.c.order_id, line.c.order_product_id, line.c.sku, line.c.order_address_id)
        .where(line.c.store == store, line.c.order_id == sa.any_(ids), line.c.type == "physical")
        .order_by(line.c.order_product_id)
    )
    for order_id, order_product_id, sku, address_id in rows:
        lines.setdefault(order_id, []).append((order_product_id, sku, address_id))
        known = addresses.setdefault(order_id, [])
        if address_id and address_id not in known:
            known.append(address_id)
    return addresses, lines


def _mark_missing(store: Store, references: set[str]) -> int:
    """Goods-outs asked for by reference and not returned: deleted by hand. They are kept, and marked."""
    if not references:
        return 0
    table = tables.clarus_goods_out
    now = store.now()
    with store.engine.begin() as connection:
        return connection.execute(
            sa.update(table)
            .where(
                table.c.store == store.key,
                table.c.reference.in_(references),
                table.c.missing_since.is_(None),
            )
            .values(missing_since=now, seen_at=now)
        ).rowcount


def _mark_missing_packages(
    connection: sa.Connection, store: str, goods_out_ids: list[int], present: list[int], now: datetime
) -> None:
    table = tables.clarus_package
    connection.execute(
        sa.update(table)
        .where(
            table.c.store == store,
            table.c.goods_out_id.in_(goods_out_ids),
            table.c.package_id.not_in(present),
            table.c.missing_since.is_(None),
        )
        .values(missing_since=now, seen_at=now)
    )
