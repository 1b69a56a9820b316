"""The despatch flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying facts and decisions between the systems, the ledger and `rules.py`. What does not: any `if`
about what a despatch means (`rules.py`), the gap's own measuring (`gap.py`), and Dagster (`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.goods_outs import (
    GoodsOut,
    goods_outs_by_reference,
    goods_outs_with_status,
    lines_of,
)
from clarus_bc_pipeline.clarus.shipments import packages_of, shipments_of
from clarus_bc_pipeline.clarus.transactions import transactions_since
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.despatch import facts, rules
from clarus_bc_pipeline.flows.despatch.deliveries import shipment_delivery, status_delivery, tracking_delivery
from clarus_bc_pipeline.flows.orders.rules import FINISHED, parse_reference
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, due_mark, enqueue
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

FEED = "clarus_transactions"
SWEPT = "clarus_sweep"
DECIDED = "despatch_decided"
KINDS = (rules.SHIPMENT, rules.SHIPMENT_TRACKING, rules.ORDER_STATUS)
SWEEP_EVERY = timedelta(minutes=5)
OPEN_STATUSES = ("DRAFT", "PENDING", "ALLOCATED", "PART_ALLOCATED", "PICK", "PART")
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DECISION_OVERLAP = timedelta(minutes=5)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read from Clarus: goods-outs looked at, rows that changed, goods-outs that are gone."""

    goods_outs: int
    changed: int
    missing: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. `waiting` goods-outs hold units that are not announced yet."""

    considered: int
    despatches: int
    enqueued: int
    waiting: int
    findings: int


def news(store: Store) -> str | None:
    """What is new for this flow, as a short text, or None: one call to Clarus, and now and then a look at what is open."""
    moved, _ = _moved_since(store)
    now = store.now()
    with store.engine.connect() as connection:
        due = due_mark(connection, store=store.key, kinds=KINDS, now=now)
        decided = read_cursor(connection, store=store.key, feed=DECIDED) or {"waiting": []}
        swept = read_cursor(connection, store=store.key, feed=SWEPT)
    if moved:
        return f"goods-out {max(moved)} and {len(moved) - 1} more moved, {now:%Y-%m-%dT%H:%M:%S}"
    if due:
        return due
    if decided["waiting"]:
        return f"{len(decided['waiting'])} despatches wait, {now:%Y-%m-%dT%H:}{now.minute // 2 * 2:02}"
    if swept is None or now - datetime.fromisoformat(swept["at"]) >= SWEEP_EVERY:
        return _open_elsewhere(store)
    return None


def _open_elsewhere(store: Store) -> str | None:
    """Whether Clarus's open goods-outs differ from the ledger's: made, cancelled or deleted by hand leave no transaction."""
    page = goods_outs_with_status(store.warehouse, OPEN_STATUSES)
    theirs = {
        (g.reference, g.status) for g in page.records if parse_reference(g.reference, store.settings.orders)
    }
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
    moved, position = _moved_since(store)
    references = _references(store, moved)
    found: list[GoodsOut] = []
    unreadable: list[Unreadable] = []
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
        write_cursor(connection, store=store.key, feed=FEED, position=position, now=store.now())
        if sweep:
            _swept(connection, store)
    return Pulled(len(ours), changed, gone, len(unreadable))


def _moved_since(store: Store) -> tuple[set[int], dict[str, object]]:
    """Goods-outs named by transactions not seen before, and the cursor that covers them.

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
    moved = {t.goods_out_id for t in page.records if t.goods_out_id is not None and t.id not in seen}
    newest = max((t.created_at for t in page.records), default=now)
    start = max(since, min(now, newest) - overlap)
    recent = sorted(t.id for t in page.records if t.created_at >= start)
    return moved, {"created_from": start.isoformat(), "seen": recent}


def _references(store: Store, goods_out_ids: Iterable[int]) -> set[str]:
    ids = list(goods_out_ids)
    if not ids:
        return set()
    table = tables.clarus_goods_out
    with store.engine.connect() as connection:
        return set(
            connection.scalars(
                sa.select(table.c.reference).where(
                    table.c.store == store.key,
                    table.c.goods_out_id == sa.any_(sa.literal(ids, sa.ARRAY(sa.BigInteger))),
                )
            )
        )


def _watched_references(store: Store) -> set[str]:
    """Goods-outs of ours to ask for by name: open as far as we know, or left with a parcel still to be tracked."""
    with store.engine.connect() as connection:
        return set(
            connection.scalars(
                SQL["watched_references"],
                {
                    "store": store.key,
                    "finished": list(FINISHED),
                    "tracked_since": store.now() - timedelta(days=7),
                },
            )
        )


def _read_and_keep(
    store: Store, goods_outs: Sequence[GoodsOut], unreadable: list[Unreadable], progress: Progress | None
) -> int:
    changed = 0
    sku_map = SkuMap(store.settings.skus)
    for start in range(0, len(goods_outs), 200):
        chunk = goods_outs[start : start + 200]
        ids = [g.id for g in chunk]
        lines = lines_of(store.warehouse, ids)
        shipments = shipments_of(store.warehouse, ids)
        packages = packages_of(store.warehouse, [s.id for s in shipments.records])
        unreadable += [*lines.unreadable, *shipments.unreadable, *packages.unreadable]
        now = store.now()
        with store.engine.begin() as connection:
            order_ids = {
                ref[0] for g in chunk if (ref := parse_reference(g.reference, store.settings.orders))
            }
            addresses, order_lines = _shop_side(connection, store.key, order_ids)
            changed += facts.keep_goods_outs(
                connection,
                store=store.key,
                goods_outs=chunk,
                addresses=addresses,
                settings=store.settings.orders,
                now=now,
            )
            order_of = {
                g.id: ref[0] for g in chunk if (ref := parse_reference(g.reference, store.settings.orders))
            }
            changed += facts.keep_lines(
                connection,
                store=store.key,
                lines=lines.records,
                order_of=order_of,
                order_lines=order_lines,
                sku_map=sku_map,
                now=now,
            )
            changed += facts.keep_parcels(
                connection, store=store.key, shipments=shipments.records, packages=packages.records, now=now
            )
            _mark_missing_packages(connection, store.key, ids, [p.id for p in packages.records], now)
        if progress:
            progress(len(chunk))
    with store.engine.begin() as connection:
        findings = [
            Finding(
                "unreadable_record", u.record, f"{u.system} gave a record that cannot be read: {u.reason}."
            )
            for u in unreadable
        ]
        record_findings(
            connection,
            store=store.key,
            scope="despatch.pull",
            findings=findings,
            now=store.now(),
            examined={f.subject for f in findings} | {g.reference for g in goods_outs},
        )
    return changed


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


def decide(store: Store) -> Decided:
    """Announce what has newly left. One decider a store at a time; the despatch and its pushes commit together."""
    now = store.now()
    despatches = enqueued = 0
    findings: list[Finding] = []
    waiting: list[int] = []
    with store.engine.begin() as connection:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext('despatch decide'), hashtext(:store))"),
            {"store": store.key},
        )
        position = read_cursor(connection, store=store.key, feed=DECIDED) or {
            "until": EPOCH.isoformat(),
            "waiting": [],
        }
        since = datetime.fromisoformat(position["until"]) - DECISION_OVERLAP
        rows = (
            connection.execute(
                SQL["goods_outs_to_decide"],
                {"store": store.key, "since": since, "watched": position["waiting"]},
            )
            .mappings()
            .all()
        )
        for row in rows:
            goods_out = facts.goods_out({**row, "despatched_at": row["despatched_at"] or now})
            decision = rules.decide(goods_out, settings=store.settings.despatch, now=now)
            findings += decision.findings
            enqueued += enqueue(connection, store=store.key, pushes=decision.pushes, now=now)
            _keep_retracked(connection, store.key, goods_out, decision)
            if decision.despatch:
                _keep_despatch(connection, store.key, goods_out, decision.despatch, now)
                despatches += 1
            if decision.is_waiting:
                waiting.append(goods_out.goods_out_id)
        pushes = _status_pushes(connection, store, since, now)
        enqueued += enqueue(connection, store=store.key, pushes=pushes, now=now)
        record_findings(
            connection,
            store=store.key,
            scope="despatch",
            findings=findings,
            now=now,
            examined_orders={row["order_id"] for row in rows},
        )
        write_cursor(
            connection,
            store=store.key,
            feed=DECIDED,
            now=now,
            position={"until": now.isoformat(), "waiting": waiting},
        )
    return Decided(len(rows), despatches, enqueued, len(waiting), len(findings))


def _status_pushes(
    connection: sa.Connection, store: Store, since: datetime, now: datetime
) -> list[rules.Push]:
    """A status PUT for orders whose shipments did not move it, seen on a reading after the last shipment."""
    before = now - timedelta(minutes=store.settings.despatch.set_status_after_minutes)
    rows = connection.execute(
        SQL["shipped_orders"], {"store": store.key, "since": now - timedelta(days=2), "before": before}
    ).mappings()
    pushes = [
        rules.status_push(
            rules.ShippedOrder(
                order_id=row["order_id"],
                status_id=row["status_id"],
                to_ship=int(row["to_ship"]),
                shipped=int(row["shipped"]),
                last_shipment_id=row["last_shipment_id"],
            )
        )
        for row in rows
    ]
    return [push for push in pushes if push]


def _keep_despatch(
    connection: sa.Connection, store: str, goods_out: rules.GoodsOut, despatch: rules.Despatch, now: datetime
) -> None:
    key = {"store": store, "goods_out_id": goods_out.goods_out_id, "sequence": despatch.sequence}
    connection.execute(
        sa.insert(tables.despatch).values(
            **key,
            order_id=goods_out.order_id,
            order_address_id=goods_out.order_address_id,
            despatched_at=goods_out.despatched_at,
            decided_at=now,
        )
    )
    connection.execute(
        sa.insert(tables.despatch_line),
        [
            {**key, "goods_out_line_id": line, "order_product_id": order_line, "quantity": quantity}
            for line, order_line, quantity in despatch.lines
        ],
    )
    connection.execute(
        sa.insert(tables.despatch_parcel),
        [
            {
                **key,
                "parcel": p.parcel,
                "package_id": p.package_id,
                "carrier_code": p.carrier_code,
                "tracking_number": p.tracking_number,
            }
            for p in despatch.parcels
        ],
    )


def _keep_retracked(
    connection: sa.Connection, store: str, goods_out: rules.GoodsOut, decision: rules.Decision
) -> None:
    table = tables.despatch_parcel
    for (sequence, parcel), now_is in decision.retracked.items():
        connection.execute(
            sa.update(table)
            .where(
                table.c.store == store,
                table.c.goods_out_id == goods_out.goods_out_id,
                table.c.sequence == sequence,
                table.c.parcel == parcel,
            )
            .values(
                package_id=now_is.package_id,
                carrier_code=now_is.carrier_code,
                tracking_number=now_is.tracking_number,
            )
        )


def deliver(
    store: Store, *, progress: Progress | None = None, until: datetime | None = None
) -> DeliveryReport:
    """Send what is due to BigCommerce: shipments, their tracking, and a status that did not move by itself."""
    deliveries = [shipment_delivery(store), tracking_delivery(store), status_delivery(store)]
    return deliver_now(store, deliveries, system="BigCommerce", until=until, progress=progress)
