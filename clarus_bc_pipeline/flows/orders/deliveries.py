"""How an order's pushes reach Clarus, and how they are found there again.

What belongs here: the calls, and the facts that a delivery makes true. What does not: when to make them (the outbox).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.goods_outs import (
    GoodsOut,
    cancel_goods_out,
    create_goods_out,
    goods_outs_by_reference,
    lines_of,
)
from clarus_bc_pipeline.flows.orders.rules import GOODS_OUT, GOODS_OUT_CANCEL
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Gone, Refused
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, Receipt


class _Known:
    """Goods-outs that Clarus already holds under references about to be sent: looked up once, 200 a call.

    Clarus documents no idempotency key, and the same reference twice would be packed twice.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        push = tables.push
        with store.engine.connect() as connection:
            references = connection.scalars(
                sa.select(push.c.business_key).where(
                    push.c.store == store.key,
                    push.c.kind == GOODS_OUT,
                    push.c.state == "pending",
                    push.c.next_attempt_at <= store.now(),
                )
            ).all()
        found = goods_outs_by_reference(store.warehouse, references).records if references else []
        self._checked = set(references)
        self._found = {
            goods_out.reference: goods_out for goods_out in found if goods_out.status != "CANCELLED"
        }

    def get(self, reference: str) -> GoodsOut | None:
        if reference not in self._checked:
            return _find(self._store, reference)
        return self._found.get(reference)


def _find(store: Store, reference: str) -> GoodsOut | None:
    page = goods_outs_by_reference(store.warehouse, [reference])
    return next((g for g in page.records if g.reference == reference and g.status != "CANCELLED"), None)


def goods_out_delivery(store: Store) -> Delivery:
    """Create a sales order in Clarus, or adopt the one of the same reference and the same lines."""
    known = _Known(store)

    def send(push: ClaimedPush) -> Receipt:
        if existing := known.get(push.business_key):
            return _adopt(store, push, existing)
        created = create_goods_out(store.warehouse, push.payload["body"])
        return Receipt(str(created.id))

    def find(push: ClaimedPush) -> Receipt | None:
        existing = _find(store, push.business_key)
        return _adopt(store, push, existing) if existing else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        now = store.now()
        row = (
            store.key,
            int(receipt.remote_id),
            push.business_key,
            push.payload["order_id"],
            push.payload["order_address_id"],
            receipt.reply.get("status", "PENDING"),
            f"push {push.push_id}",
            now,
        )
        upsert(
            connection,
            tables.clarus_goods_out,
            [row],
            columns=(
                "store",
                "goods_out_id",
                "reference",
                "order_id",
                "order_address_id",
                "status",
                "source",
                "seen_at",
            ),
        )
        connection.execute(
            sa.insert(tables.clarus_goods_out_event).values(
                store=store.key, goods_out_id=row[1], status=row[5], seen_at=now
            )
        )

    return Delivery(kind=GOODS_OUT, send=send, find=find, record=record)


def _adopt(store: Store, push: ClaimedPush, existing: GoodsOut) -> Receipt:
    """The goods-out of the push's reference, when its lines are the push's. Raises `Refused` when they are not."""
    page = lines_of(store.warehouse, [existing.id])
    theirs = sorted((line.product_code, int(line.ordered)) for line in page.records)
    ours = sorted((code, quantity) for _, code, quantity in push.payload["lines"])
    if theirs != ours:
        raise Refused(
            f"goods-out {existing.reference}",
            "the reference is already used in Clarus for other lines: "
            f"{_short(theirs)} there, {_short(ours)} on the order",
        )
    return Receipt(str(existing.id), {"status": existing.status, "adopted": True})


def _short(lines: list[tuple[str, int]]) -> str:
    shown = ", ".join(f"{quantity} x {code}" for code, quantity in lines[:5])
    return shown + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")


def cancel_delivery(store: Store) -> Delivery:
    """Cancel a sales order in Clarus. Found again as cancelled, or gone: a pending one is deleted by its cancellation."""

    def send(push: ClaimedPush) -> Receipt:
        try:
            cancel_goods_out(store.warehouse, push.payload["goods_out_id"])
        except Gone:
            return Receipt(str(push.payload["goods_out_id"]), {"status": "deleted"})
        return Receipt(str(push.payload["goods_out_id"]), {"status": "CANCELLED"})

    def find(push: ClaimedPush) -> Receipt | None:
        page = goods_outs_by_reference(store.warehouse, [push.business_key])
        here = next((g for g in page.records if g.id == push.payload["goods_out_id"]), None)
        cancelled = here is None or here.status == "CANCELLED"
        return Receipt(str(push.payload["goods_out_id"]), {"status": "CANCELLED"}) if cancelled else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        _set_status(connection, store, push.payload, "CANCELLED")

    return Delivery(kind=GOODS_OUT_CANCEL, send=send, find=find, record=record)


def _set_status(connection: sa.Connection, store: Store, payload: Mapping[str, Any], status: str) -> None:
    table = tables.clarus_goods_out
    now = store.now()
    connection.execute(
        sa.update(table)
        .where(
            table.c.store == store.key,
            table.c.goods_out_id == payload["goods_out_id"],
        )
        .values(status=status, seen_at=now)
    )
    connection.execute(
        sa.insert(tables.clarus_goods_out_event).values(
            store=store.key, goods_out_id=payload["goods_out_id"], status=status, seen_at=now
        )
    )
