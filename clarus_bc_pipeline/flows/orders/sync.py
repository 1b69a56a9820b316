"""The orders flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying facts and decisions between the systems, the ledger and `rules.py`. What does not: any `if`
about what an order deserves (`rules.py`), and Dagster (`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.metafields import pull_order_metafields
from clarus_bc_pipeline.bigcommerce.orders import Order, newest_change, pull_orders
from clarus_bc_pipeline.clarus.products import products_by_code
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.catalogue.closest import CodeIndex
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap, resolve_sku
from clarus_bc_pipeline.flows.catalogue.sync import keep_products, product_codes
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.orders import facts, rules
from clarus_bc_pipeline.flows.orders.deliveries import cancel_delivery, goods_out_delivery
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, due_mark, enqueue, supersede
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

FEED = "bigcommerce_orders"
METAFIELDS_FEED = "bigcommerce_order_metafields"
DECIDED = "orders_decided"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# How far each decision looks back over the last one, so that a transaction that committed late is not missed.
DECISION_OVERLAP = timedelta(minutes=5)
DECIDE_AT_ONCE = 1000  # orders a transaction

Progress = Callable[[int], None]
KINDS = (rules.GOODS_OUT, rules.GOODS_OUT_CANCEL)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read: `changed` orders are new or differ from what the ledger held."""

    read: int
    changed: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. `waiting` orders are held by a finding; `enqueued` pushes are new."""

    considered: int
    enqueued: int
    waiting: int
    findings: int


def news(store: Store) -> str | None:
    """What is new for this flow, as a short text, or None: one call to the shop, one to Clarus while SKUs are missing."""
    newest = newest_change(store.shop)
    with store.engine.connect() as connection:
        order = tables.bigcommerce_order
        known = (
            newest is None
            or connection.scalar(
                sa.select(order.c.order_id).where(
                    order.c.store == store.key,
                    order.c.order_id == newest[0],
                    order.c.modified_at == newest[1],
                )
            )
            is not None
        )
        due = due_mark(connection, store=store.key, kinds=KINDS, now=store.now())
        finding = tables.finding
        missing = connection.scalars(
            sa.select(finding.c.evidence["sku"].astext).where(
                finding.c.store == store.key,
                finding.c.scope == "orders.release",
                finding.c.state == "open",
                finding.c.evidence.has_key("sku"),
            )
        ).all()
    if not known and newest is not None:
        return f"order {newest[0]} changed {newest[1].isoformat()}"
    if missing:
        sku_map = SkuMap(store.settings.skus)
        found = products_by_code(store.warehouse, sorted({sku_map.to_clarus(sku) for sku in missing})).records
        if found:
            return f"Clarus has {', '.join(sorted(product.code for product in found)[:5])}"
    return due


def pull(store: Store, *, progress: Progress | None = None) -> Pulled:
    """Read what changed in the shop since the last pull. Rows and the cursor that covers them commit together."""
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=FEED)
    since = datetime.fromisoformat(position["modified_since"]) if position else _first_moment(store)
    overlap = timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    read = changed = unreadable = 0
    for page in pull_orders(store.shop, modified_since=since - overlap):
        newest = max((order.modified_at for order in page.orders), default=since)
        since = max(since, newest)
        with store.engine.begin() as connection:
            changed += keep_orders(connection, store, page.orders)
            _record_unreadable(connection, store, page.unreadable)
            write_cursor(
                connection,
                store=store.key,
                feed=FEED,
                position={"modified_since": since.isoformat()},
                now=store.now(),
            )
        read += len(page.orders)
        unreadable += len(page.unreadable)
        if progress:
            progress(len(page.orders))
    if changed:
        _pull_metafields(store)
    return Pulled(read, changed, unreadable)


def keep_orders(connection: sa.Connection, store: Store, orders: list[Order]) -> int:
    """Store `orders` in the caller's transaction; returns how many were new or different."""
    rows = facts.order_rows(store.key, orders, seen_at=store.now())
    kept = upsert(connection, tables.bigcommerce_order, rows.orders, columns=facts.ORDER_COLUMNS)
    upsert(connection, tables.bigcommerce_order_line, rows.lines, columns=facts.LINE_COLUMNS)
    upsert(connection, tables.bigcommerce_order_address, rows.addresses, columns=facts.ADDRESS_COLUMNS)
    upsert(connection, tables.order_personal, rows.personal, columns=facts.PERSONAL_COLUMNS)
    return kept.inserted + kept.changed


def _pull_metafields(store: Store) -> None:
    """Read order metafields that a note mapping asks for; one list call for all orders that changed."""
    wanted = sorted(
        {
            m.source.removeprefix("metafield:").partition("/")[0]
            for m in store.settings.orders.notes
            if m.source.startswith("metafield:")
        }
    )
    if not wanted:
        return
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=METAFIELDS_FEED)
    since = datetime.fromisoformat(position["modified_since"]) if position else _first_moment(store)
    started = store.now()
    columns = ("store", "metafield_id", "order_id", "namespace", "key", "value", "source", "seen_at")
    for page in pull_order_metafields(store.shop, modified_since=since, namespaces=wanted):
        rows = [
            (store.key, m.id, m.order_id, m.namespace, m.key, m.value, "BigCommerce metafields", started)
            for m in page
        ]
        with store.engine.begin() as connection:
            upsert(connection, tables.order_metafield, rows, columns=columns)
    overlap = timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    with store.engine.begin() as connection:
        write_cursor(
            connection,
            store=store.key,
            feed=METAFIELDS_FEED,
            position={"modified_since": (started - overlap).isoformat()},
            now=started,
        )


def _first_moment(store: Store) -> datetime:
    since = store.settings.orders.since
    return datetime.fromisoformat(since) if since else EPOCH


def _record_unreadable(connection: sa.Connection, store: Store, unreadable: list[Unreadable]) -> None:
    findings = [
        Finding("unreadable_record", u.record, f"{u.system} gave a record that cannot be read: {u.reason}.")
        for u in unreadable
    ]
    # Only what this page held was examined: a record is readable again when it comes back whole.
    record_findings(
        connection,
        store=store.key,
        scope="orders.pull",
        findings=findings,
        examined={f.subject for f in findings},
        now=store.now(),
    )


def decide(store: Store) -> Decided:
    """Release what is paid and can be packed, and act on what changed after release."""
    released = _decide_releases(store)
    changed = _decide_after_release(store)
    return Decided(
        released.considered + changed.considered,
        released.enqueued + changed.enqueued,
        released.waiting,
        released.findings + changed.findings,
    )


def _decide_releases(store: Store) -> Decided:
    settings = store.settings.orders
    with store.engine.connect() as connection:
        rows = (
            connection.execute(
                SQL["orders_to_release"],
                {
                    "store": store.key,
                    "status_ids": list(settings.release_status_ids),
                    "payment_statuses": list(settings.paid_payment_statuses),
                    "since": _first_moment(store),
                    "most": 100_000,
                },
            )
            .mappings()
            .all()
        )
    orders = [_paid_order(row) for row in rows]
    sku_map = SkuMap(store.settings.skus)
    codes = _known_codes(store, orders, sku_map)
    account = (
        rules.Account(store.warehouse.account_id, store.warehouse.warehouse_id)
        if orders
        else rules.Account(0, 0)
    )
    decisions = [
        rules.release(
            order,
            resolve=partial(resolve_sku, sku_map=sku_map, product_codes=codes, store=store.key),
            account=account,
            settings=settings,
        )
        for order in orders
    ]
    findings = [finding for decision in decisions for finding in decision.findings]
    notes = [note for decision in decisions for note in decision.notes]
    now = store.now()
    with store.engine.begin() as connection:
        enqueued = enqueue(
            connection,
            store=store.key,
            now=now,
            pushes=[push for decision in decisions for push in decision.pushes],
        )
        record_findings(
            connection, store=store.key, scope="orders.release", findings=findings, examined=None, now=now
        )
        record_findings(
            connection,
            store=store.key,
            scope="orders.notes",
            findings=notes,
            now=now,
            examined={order.subject for order in orders},
        )
    return Decided(
        len(orders), enqueued, sum(1 for d in decisions if not d.pushes), len(findings) + len(notes)
    )


def _known_codes(store: Store, orders: list[rules.PaidOrder], sku_map: SkuMap) -> CodeIndex:
    """Clarus product ids by code. Codes that the ledger lacks are asked for by name; all are loaded to explain a miss."""
    wanted = {
        sku_map.to_clarus(line.sku)
        for order in orders
        for line in order.lines
        if line.is_physical and line.sku
    }
    with store.engine.connect() as connection:
        known = product_codes(connection, store=store.key)
    missing = sorted(wanted - known.keys())
    if missing:
        page = products_by_code(store.warehouse, missing)
        with store.engine.begin() as connection:
            keep_products(connection, store, page.records)
        known |= {product.code: product.id for product in page.records}
    return CodeIndex.of(known)


def _paid_order(row: sa.RowMapping) -> rules.PaidOrder:
    lines = tuple(
        rules.Line(**{**line, "price_inc_tax": Decimal(line["price_inc_tax"])}) for line in row["lines"] or ()
    )
    return rules.PaidOrder(
        order_id=row["order_id"],
        created_at=row["created_at"],
        currency=row["currency"],
        total_inc_tax=row["total_inc_tax"],
        release_hash=row["release_hash"],
        lines=lines,
        personal=row["personal"],
        metafields={(namespace, key): value for namespace, key, value in row["metafields"] or ()},
    )


def _decide_after_release(store: Store) -> Decided:
    now = store.now()
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=DECIDED)
        since = datetime.fromisoformat(position["until"]) - DECISION_OVERLAP if position else EPOCH
        rows = (
            connection.execute(SQL["released_orders"], {"store": store.key, "since": since}).mappings().all()
        )
    enqueued = 0
    findings: list[Finding] = []
    with store.engine.begin() as connection:
        for row in rows:
            order = _released_order(row)
            if row["push_state"] == "pending" and row["goods_out_id"] is None and _is_cancelled(order, store):
                supersede(connection, store=store.key, kind=rules.GOODS_OUT, business_keys=[order.reference])
                continue
            decision = rules.after_release(order, store.settings.orders)
            enqueued += enqueue(connection, store=store.key, pushes=decision.pushes, now=now)
            findings += decision.findings
        record_findings(
            connection,
            store=store.key,
            scope="orders.after_release",
            findings=findings,
            examined={f"order {row['order_id']}" for row in rows},
            now=now,
        )
        # A note for the packer has had its time once the order has left.
        record_findings(
            connection,
            store=store.key,
            scope="orders.notes",
            findings=[],
            now=now,
            examined={f"order {r['order_id']}" for r in rows if r["goods_out_status"] in rules.FINISHED},
        )
        write_cursor(connection, store=store.key, feed=DECIDED, position={"until": now.isoformat()}, now=now)
    return Decided(len(rows), enqueued, 0, len(findings))


def _is_cancelled(order: rules.ReleasedOrder, store: Store) -> bool:
    return order.is_deleted or order.order_status_id in store.settings.orders.cancelled_status_ids


def _released_order(row: sa.RowMapping) -> rules.ReleasedOrder:
    changes: tuple[str, ...] = ()
    if row["current_lines"] is not None or row["release_hash"] != row["released_hash"]:
        released = {line: quantity for line, _, quantity in row["released_lines"]}
        current = {line: quantity for line, _, quantity in row["current_lines"] or ()}
        names = {line: sku for line, sku, _ in row["current_lines"] or ()} | {
            line: code for line, code, _ in row["released_lines"]
        }
        changes = tuple(
            f"{names[line]}: {released.get(line, 0)} -> {current.get(line, 0)}"
            for line in sorted(released.keys() | current.keys())
            if released.get(line, 0) != current.get(line, 0)
        ) or ("address or message",)
    return rules.ReleasedOrder(
        order_id=row["order_id"],
        reference=row["reference"],
        order_status_id=row["order_status_id"],
        is_deleted=row["is_deleted"],
        release_hash=row["release_hash"],
        value=row["value"],
        currency=row["currency"],
        goods_out_id=row["goods_out_id"],
        goods_out_status=row["goods_out_status"],
        released_hash=row["released_hash"],
        missing=row["missing"],
        cancel_state=row["cancel_state"],
        changes=changes,
    )


def deliver(
    store: Store, *, progress: Progress | None = None, until: datetime | None = None
) -> DeliveryReport:
    """Send what is due to Clarus: goods-outs and cancellations."""
    deliveries = [goods_out_delivery(store), cancel_delivery(store)]
    return deliver_now(store, deliveries, system="Clarus", until=until, progress=progress)


def prove(store: Store) -> list[dict[str, Any]]:
    """Where every paid order of the last 30 days stands: rows of stage, orders, oldest minutes, value and currency."""
    with store.engine.connect() as connection:
        rows = connection.execute(
            SQL["order_progress"],
            {
                "store": store.key,
                "now": store.now(),
                "since": store.now() - timedelta(days=30),
                "paid": list(store.settings.orders.paid_payment_statuses),
                "release_status_ids": list(store.settings.orders.release_status_ids),
            },
        ).mappings()
        return [dict(row) for row in rows]
