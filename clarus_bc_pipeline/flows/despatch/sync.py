"""The despatch flow's verbs for one store: pull, decide, deliver, prove.

What belongs here: carrying decisions between the ledger, `rules.py` and the outbox. What does not: reading the
warehouse (`pulling.py`), any `if` about what a despatch means (`rules.py`), measuring the gap (`gap.py`), and Dagster
(`assets.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.delivering import deliver_now
from clarus_bc_pipeline.flows.despatch import facts, rules
from clarus_bc_pipeline.flows.despatch.deliveries import shipment_delivery, status_delivery, tracking_delivery
from clarus_bc_pipeline.flows.despatch.gap import prove
from clarus_bc_pipeline.flows.despatch.pulling import DECIDED, Pulled, news, pull, stale_statuses
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.outbox import DeliveryReport, enqueue
from clarus_bc_pipeline.ledger.queries import read_queries

__all__ = ["Decided", "Pulled", "decide", "deliver", "news", "prove", "pull"]

SQL = read_queries(Path(__file__).with_name("queries.sql"))

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DECISION_OVERLAP = timedelta(minutes=5)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. `waiting` goods-outs hold units that are not announced yet."""

    considered: int
    despatches: int
    enqueued: int
    waiting: int
    findings: int


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
        announced: set[int] = set()
        put_off: set[int] = set()
        for row in rows:
            goods_out = facts.goods_out({**row, "despatched_at": row["despatched_at"] or now})
            if goods_out.order_id in announced:
                # What was just announced is not in this row: an order's second goods-out waits for the next turn.
                put_off.add(goods_out.order_id)
                waiting.append(goods_out.goods_out_id)
                continue
            decision = rules.decide(goods_out, settings=store.settings.despatch, now=now)
            findings += decision.findings
            enqueued += enqueue(connection, store=store.key, pushes=decision.pushes, now=now)
            _keep_retracked(connection, store.key, goods_out, decision)
            if decision.despatch:
                _keep_despatch(connection, store.key, goods_out, decision.despatch, now)
                despatches += 1
                announced.add(goods_out.order_id)
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
            examined_orders={row["order_id"] for row in rows} - put_off,
        )
        write_cursor(
            connection,
            store=store.key,
            feed=DECIDED,
            now=now,
            position={"until": now.isoformat(), "waiting": waiting},
        )
    return Decided(len(rows), despatches, enqueued, len(waiting), len(findings))


def _status_pushes(connection: sa.Connection, store: Store, since: datetime, now: datetime) -> list[rules.Push]:
    """A status PUT for orders whose shipments did not move it, seen on a reading after the last shipment."""
    rows = stale_statuses(connection, store, now)
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


def _keep_retracked(connection: sa.Connection, store: str, goods_out: rules.GoodsOut, decision: rules.Decision) -> None:
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


def deliver(store: Store, *, progress: Progress | None = None, until: datetime | None = None) -> DeliveryReport:
    """Send what is due to BigCommerce: shipments, their tracking, and a status that did not move by itself."""
    deliveries = [shipment_delivery(store), tracking_delivery(store), status_delivery(store)]
    return deliver_now(store, deliveries, system="BigCommerce", until=until, progress=progress)
