"""How an order's pushes reach Clarus, and how they are found there again.

What belongs here: the calls, and the facts that a delivery makes true. What does not: when to make them (the outbox).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.clarus.goods_outs import (
    GoodsOut,
    cancel_goods_out,
    create_goods_out,
    goods_outs_by_reference,
    lines_of,
)
from clarus_bc_pipeline.flows.orders.after_release import REFERENCE_TAKEN
from clarus_bc_pipeline.flows.orders.rules import GOODS_OUT, GOODS_OUT_CANCEL
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Ambiguous, Gone, NotApplied, Refused
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, Receipt

# A push in another thread's hands is due no earlier than its lease's end: it is looked up with the others all the same.
LEASED = timedelta(minutes=10)


class _Known:
    """Goods-outs that Clarus already holds under references about to be sent: looked up at the first, 200 a call.

    Clarus documents no idempotency key, and the same reference twice would be packed twice. Safe to share by threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._found: dict[str, GoodsOut | None] | None = None

    def get(self, reference: str) -> GoodsOut | None:
        """Raises `NotApplied` when Clarus could not be asked: nothing was sent then."""
        try:
            with self._lock:
                if self._found is None:
                    due = self._due()
                    self._found = _looked_up(self._store, due)
                if reference not in self._found:
                    self._found |= _looked_up(self._store, [reference])
                return self._found[reference]
        except Ambiguous as error:
            raise NotApplied(error.call, f"not sent, for the look before failed: {error.problem}") from error

    def _due(self) -> list[str]:
        push = tables.push
        with self._store.engine.connect() as connection:
            return list(
                connection.scalars(
                    sa.select(push.c.payload["reference"].astext).where(
                        push.c.store == self._store.key,
                        push.c.kind == GOODS_OUT,
                        push.c.state.in_(("pending", "sending")),
                        push.c.next_attempt_at <= self._store.now() + LEASED,
                    )
                )
            )


def _looked_up(store: Store, references: Sequence[str]) -> dict[str, GoodsOut | None]:
    found = _live(store, references)
    return {reference: found.get(reference) for reference in references}


def _live(store: Store, references: Sequence[str]) -> dict[str, GoodsOut]:
    """Goods-outs by reference, but for cancelled ones. Raises `Ambiguous` for one that is there and cannot be read."""
    if not references:
        return {}
    page = goods_outs_by_reference(store.warehouse, references)
    if page.unreadable:
        raise Ambiguous(f"goods-out {page.unreadable[0].record}", page.unreadable[0].reason)
    return {g.reference: g for g in page.records if g.status != "CANCELLED"}


def goods_out_delivery(store: Store) -> Delivery:
    """Create a sales order in Clarus, or adopt the one of the same reference and the same lines."""
    known = _Known(store)

    def send(push: ClaimedPush) -> Receipt:
        if existing := known.get(push.payload["reference"]):
            return _adopt(store, push, existing)
        created = create_goods_out(store.warehouse, push.payload["body"])
        return Receipt(str(created.id))

    def find(push: ClaimedPush) -> Receipt | None:
        existing = _live(store, [push.payload["reference"]]).get(push.payload["reference"])
        if existing is None:
            return None
        # Somebody else's goods-out under our reference: ours is surely not there.
        return _adopted(existing) if _lines_there(store, existing) == _lines_of(push) else None

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        now = store.now()
        row = (
            store.key,
            int(receipt.remote_id),
            push.payload["reference"],
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
    theirs, ours = _lines_there(store, existing), _lines_of(push)
    if theirs != ours:
        words = f"{REFERENCE_TAKEN}: {_short(theirs)} there, {_short(ours)} on the order"
        raise Refused(f"goods-out {existing.reference}", words)
    return _adopted(existing)


def _adopted(existing: GoodsOut) -> Receipt:
    return Receipt(str(existing.id), {"status": existing.status, "adopted": True})


def _lines_there(store: Store, existing: GoodsOut) -> list[tuple[str, int]]:
    page = lines_of(store.warehouse, [existing.id])
    if page.unreadable:
        raise Ambiguous(f"lines of goods-out {existing.reference}", page.unreadable[0].reason)
    return sorted((line.product_code, int(line.ordered)) for line in page.records)


def _lines_of(push: ClaimedPush) -> list[tuple[str, int]]:
    return sorted((code, quantity) for _, code, quantity in push.payload["lines"])


def _short(lines: list[tuple[str, int]]) -> str:
    shown = ", ".join(f"{quantity} x {code}" for code, quantity in lines[:5])
    return shown + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")


def cancel_delivery(store: Store) -> Delivery:
    """Cancel a sales order in Clarus. Found again as cancelled, or gone: cancelling a pending one deletes it."""

    def send(push: ClaimedPush) -> Receipt:
        try:
            cancel_goods_out(store.warehouse, push.payload["goods_out_id"])
        except Gone:
            return Receipt(str(push.payload["goods_out_id"]), {"status": "deleted"})
        return Receipt(str(push.payload["goods_out_id"]), {"status": "CANCELLED"})

    def find(push: ClaimedPush) -> Receipt | None:
        page = goods_outs_by_reference(store.warehouse, [push.payload["reference"]])
        if page.unreadable:
            raise Ambiguous(f"goods-out {page.unreadable[0].record}", page.unreadable[0].reason)
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
