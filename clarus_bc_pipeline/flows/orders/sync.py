"""The orders flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying facts and decisions between the systems, the ledger and the rules. What does not: any `if`
about what an order deserves (`rules.py`, `after_release.py`), reading the shop (`pulling.py`), Dagster (`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.orders import newest_change
from clarus_bc_pipeline.clarus.products import products_by_code
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.closest import CodeIndex
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap, resolve_sku
from clarus_bc_pipeline.flows.catalogue.sync import keep_products, product_codes, proven_map
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.orders import rules
from clarus_bc_pipeline.flows.orders.after_release import (
    AfterRelease,
    ReleasedOrder,
    after_release,
    what_changed,
)
from clarus_bc_pipeline.flows.orders.deliveries import cancel_delivery, goods_out_delivery
from clarus_bc_pipeline.flows.orders.pulling import EPOCH, Pulled, first_moment, keep_orders, pull
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, due_mark, enqueue, supersede
from clarus_bc_pipeline.ledger.queries import read_queries

__all__ = ["Decided", "Pulled", "decide", "deliver", "keep_orders", "news", "prove", "pull"]

SQL = read_queries(Path(__file__).with_name("queries.sql"))

DECIDED = "orders_decided"
# Which decision looks after a finding, and so may resolve it.
RELEASE, AFTER_RELEASE, NOTES = "orders.release", "orders.after_release", "orders.notes"
RELEASE_AT_MOST = 100_000  # orders a decision
# How far each decision looks back over the last one, so that a transaction that committed late is not missed.
DECISION_OVERLAP = timedelta(minutes=5)

Progress = Callable[[int], None]
KINDS = (rules.GOODS_OUT, rules.GOODS_OUT_CANCEL)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. `waiting` orders are held by a finding; `enqueued` pushes are new."""

    considered: int
    enqueued: int
    waiting: int
    findings: int


def news(store: Store) -> str | None:
    """What is new for this flow, as a short text, or None.

    Costs one call to the shop, and one to Clarus while an order waits for a SKU.
    """
    newest = newest_change(store.shop)
    with store.engine.connect() as connection:
        known = newest is None or _is_kept(connection, store, *newest)
        given = {
            "store": store.key,
            "until": _decided_until(connection, store),
            "cancelled_status_ids": list(store.settings.orders.cancelled_status_ids),
        }
        undecided = connection.scalar(SQL["undecided"], given)
        due = due_mark(connection, store=store.key, kinds=KINDS, now=store.now())
        missing = _missing_skus(connection, store)
    if newest is not None and not known:
        return f"order {newest[0]} changed {newest[1].isoformat()}"
    if undecided is not None:
        return f"changes kept {undecided.isoformat()} are not decided"
    if missing:
        sku_map = proven_map(store)
        wanted = sorted({sku_map.to_clarus(sku) for sku in missing if not sku_map.refuses(sku)})
        found = products_by_code(store.warehouse, wanted).records
        if found:
            return f"Clarus has {', '.join(sorted(product.code for product in found)[:5])}"
    return due


def _is_kept(connection: sa.Connection, store: Store, order_id: int, modified_at: datetime) -> bool:
    order = tables.bigcommerce_order
    here = (order.c.store == store.key) & (order.c.order_id == order_id) & (order.c.modified_at == modified_at)
    return connection.scalar(sa.select(order.c.order_id).where(here)) is not None


def _missing_skus(connection: sa.Connection, store: Store) -> list[str]:
    """SKUs that orders wait for."""
    finding = tables.finding
    return list(
        connection.scalars(
            sa.select(finding.c.evidence["sku"].astext).where(
                finding.c.store == store.key,
                finding.c.scope == RELEASE,
                finding.c.state == "open",
                finding.c.evidence.has_key("sku"),
            )
        )
    )


def decide(store: Store) -> Decided:
    """Act on what changed after release, then release what is paid and can be packed."""
    changed = _decide_after_release(store)
    released = _decide_releases(store)
    return Decided(
        released.considered + changed.considered,
        released.enqueued + changed.enqueued,
        released.waiting,
        released.findings + changed.findings,
    )


def _decide_releases(store: Store) -> Decided:
    settings = store.settings.orders
    known_status_ids = {*rules.STATUS_IDS, *settings.release_status_ids, *settings.cancelled_status_ids}
    given = {
        "store": store.key,
        "status_ids": list(settings.release_status_ids),
        "known_status_ids": sorted(known_status_ids),
        "payment_statuses": list(settings.paid_payment_statuses),
        "since": first_moment(store),
        "most": RELEASE_AT_MOST,
    }
    with store.engine.connect() as connection:
        rows = connection.execute(SQL["orders_to_release"], given).mappings().all()
    orders = [_paid_order(row) for row in rows]
    sku_map = proven_map(store)
    resolve = partial(resolve_sku, sku_map=sku_map, product_codes=_known_codes(store, orders, sku_map), store=store.key)
    warehouse = store.warehouse
    account = rules.Account(warehouse.account_id, warehouse.warehouse_id) if orders else rules.Account(0, 0)
    decisions = [rules.release(order, resolve=resolve, account=account, settings=settings) for order in orders]
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
        record_findings(connection, store=store.key, scope=RELEASE, findings=findings, examined=None, now=now)
        record_findings(
            connection,
            store=store.key,
            scope=NOTES,
            findings=notes,
            now=now,
            examined_orders=[order.order_id for order in orders],
        )
    return Decided(len(orders), enqueued, sum(1 for d in decisions if not d.pushes), len(findings) + len(notes))


def _known_codes(store: Store, orders: list[rules.PaidOrder], sku_map: SkuMap) -> CodeIndex:
    """Clarus product ids by code. What the ledger lacks is asked for by name; all are loaded to explain a miss."""
    wanted = {sku_map.to_clarus(line.sku) for order in orders for line in order.lines if line.is_physical and line.sku}
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
        status_id=row["status_id"],
        created_at=row["created_at"],
        currency=row["currency"],
        total_inc_tax=row["total_inc_tax"],
        release_hash=row["release_hash"],
        lines=lines,
        personal=row["personal"] or {},
        metafields={(namespace, key): value for namespace, key, value in row["metafields"] or ()},
        revision=row.get("revision", 1),
    )


def _decide_after_release(store: Store) -> Decided:
    now = store.now()
    with store.engine.connect() as connection:
        since = _decided_until(connection, store) - DECISION_OVERLAP
        given = {"store": store.key, "since": since}
        rows = connection.execute(SQL["released_orders"], given).mappings().all()
    enqueued = 0
    findings: list[Finding] = []
    with store.engine.begin() as connection:
        for _, goods_outs in groupby(rows, key=itemgetter("order_id")):
            released = _released_orders(list(goods_outs), store)
            decisions = [after_release(order, store.settings.orders) for order in released]
            _set_aside(connection, store, released, decisions)
            for decision in decisions:
                enqueued += enqueue(connection, store=store.key, pushes=decision.pushes, now=now)
                findings += decision.findings
        record_findings(
            connection,
            store=store.key,
            scope=AFTER_RELEASE,
            findings=findings,
            examined_orders={row["order_id"] for row in rows},
            now=now,
        )
        # A note for the packer has had its time once the order has left.
        record_findings(
            connection,
            store=store.key,
            scope=NOTES,
            findings=[],
            now=now,
            examined_orders={r["order_id"] for r in rows if r["goods_out_status"] in rules.FINISHED},
        )
        write_cursor(connection, store=store.key, feed=DECIDED, position={"until": now.isoformat()}, now=now)
    return Decided(len(rows), enqueued, 0, len(findings))


def _set_aside(
    connection: sa.Connection,
    store: Store,
    released: Sequence[ReleasedOrder],
    decisions: Sequence[AfterRelease],
) -> None:
    """Withdraw pushes that must not go. An order is made anew whole or not at all: with one of its pushes in a
    worker's hands by now, none is withdrawn, and the next decision sees what became of it."""
    pairs = list(zip(released, decisions, strict=True))
    for order, decision in pairs:
        if decision.set_aside:
            supersede(connection, store=store.key, kind=rules.GOODS_OUT, business_keys=[order.business_key])
    stale = [o.business_key for o, d in pairs if d.make_anew and o.push_state != "superseded"]
    if stale:
        attempt = connection.begin_nested()
        if supersede(connection, store=store.key, kind=rules.GOODS_OUT, business_keys=stale) == len(stale):
            attempt.commit()
        else:
            attempt.rollback()


def _decided_until(connection: sa.Connection, store: Store) -> datetime:
    position = read_cursor(connection, store=store.key, feed=DECIDED)
    return datetime.fromisoformat(position["until"]) if position else EPOCH


def _released_orders(rows: Sequence[sa.RowMapping], store: Store) -> list[ReleasedOrder]:
    """The goods-outs of one order."""
    settings = store.settings.orders
    addresses = {row["released"]["order_address_id"] for row in rows}
    return [
        ReleasedOrder(
            order_id=row["order_id"],
            reference=row["reference"],
            business_key=row["business_key"],
            push_state=row["push_state"],
            last_error=row["last_error"],
            order_status_id=row["status_id"],
            is_deleted=row["is_deleted"],
            is_shown_as_sent=row["is_shown_as_sent"],
            release_hash=row["release_hash"],
            released_hash=row["released"]["release_hash"],
            value=row["total_inc_tax"],
            currency=row["currency"],
            goods_out_id=row["goods_out_id"],
            goods_out_status=row["goods_out_status"],
            missing=row["missing"],
            cancel_state=row["cancel_state"],
            is_unsent=row["is_unsent"],
            order_is_unsent=row["order_is_unsent"],
            changes=what_changed(_paid_order(row), row["released"], settings, released_addresses=addresses)
            if row["release_hash"] != row["released"]["release_hash"]
            else (),
        )
        for row in rows
    ]


def deliver(store: Store, *, progress: Progress | None = None, until: datetime | None = None) -> DeliveryReport:
    """Send what is due to Clarus: goods-outs and cancellations. What Clarus refused is told at once."""
    deliveries = [goods_out_delivery(store), cancel_delivery(store)]
    report = deliver_now(store, deliveries, system="Clarus", until=until, progress=progress)
    if report.parked:
        _decide_after_release(store)
    return report


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
