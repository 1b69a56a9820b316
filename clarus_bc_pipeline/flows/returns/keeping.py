"""RMAs, refunds and receipts as the ledger's rows.

What belongs here: keeping what was read, in the caller's transaction. What does not: reading it (`pulling.py`), what
becomes of it (`deciding.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.document import Document
from clarus_bc_pipeline.flows.returns.rma import Rma, RmaLine, State
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.outbox import supersede
from clarus_bc_pipeline.ledger.queries import read_queries

if TYPE_CHECKING:
    from clarus_bc_pipeline.bigcommerce.refunds import Refund
    from clarus_bc_pipeline.clarus.receipts import Receipt, ReceiptLine

SQL = read_queries(Path(__file__).with_name("queries.sql"))

REFUND_LIST = "BigCommerce refunds"


class NotClosable(Exception):
    """The RMA cannot be closed now. The message says why, and what to do first."""


def keep_rma(
    connection: sa.Connection,
    store: Store,
    *,
    number: str,
    order_id: int,
    document: Document,
    source: str,
    metafield_id: int | None = None,
) -> list[Finding]:
    """Keep an RMA as its document says it, or say why not.

    Its lines may change until Clarus is told of them; from then on those that Clarus knows stand. A number belongs to
    the order that had it first. A document that is closed closes the RMA, unless money is on its way.
    """
    now = store.now()
    held = connection.execute(SQL["held_rma"], {"store": store.key, "rma": number}).one_or_none()
    if held is not None and held.order_id != order_id:
        return [exceptions.number_taken(number, here=order_id, first=held.order_id)]
    wanted = {line.order_product_id: (line.units, line.reason) for line in document.lines}
    if held is None:
        opened_at = document.opened_at or now
        row = {
            "store": store.key,
            "rma": number,
            "order_id": order_id,
            "metafield_id": metafield_id,
            "state": str(State.AUTHORISED),
            "refund_shipping": document.refund_shipping,
            "opened_at": opened_at,
            "source": source,
            "seen_at": now,
        }
        connection.execute(sa.insert(tables.rma).values(row))
        note_event(
            connection,
            store,
            number,
            State.AUTHORISED,
            opened_at,
            {"metafield_id": metafield_id, "units": {str(line): units for line, (units, _) in wanted.items()}},
        )
    may_change = held is None or (held.state == State.AUTHORISED and not held.is_told)
    if held is not None:
        said: dict[str, Any] = {"metafield_id": metafield_id or held.metafield_id}
        if may_change:
            said["refund_shipping"] = document.refund_shipping
        connection.execute(
            sa.update(tables.rma).where(tables.rma.c.store == store.key, tables.rma.c.rma == number).values(said)
        )
    findings = []
    if held is None or {int(line): tuple(each) for line, each in held.lines.items()} != wanted:
        if may_change:
            _keep_lines(connection, store, number, wanted, source)
        elif held is not None:
            findings.append(exceptions.changed(_as_held(number, held), None))
    if document.closed is not None and (held is None or held.state != State.CLOSED):
        try:
            close_rma(connection, store, number=number, because=document.closed.because, at=document.closed.at)
        except NotClosable as error:
            findings.append(exceptions.closed_too_late(number, order_id, str(error)))
    return findings


def _as_held(number: str, held: sa.Row[Any]) -> Rma:
    lines = tuple(RmaLine(int(line), "", "", reason, units) for line, (units, reason) in held.lines.items())
    return Rma(number, held.order_id, State(held.state), held.opened_at, lines)


def _keep_lines(
    connection: sa.Connection, store: Store, number: str, wanted: Mapping[int, tuple[int, str]], source: str
) -> None:
    line = tables.rma_line
    connection.execute(
        sa.delete(line).where(
            line.c.store == store.key, line.c.rma == number, line.c.order_product_id.not_in(list(wanted))
        )
    )
    rows = [
        (store.key, number, order_line, "", "", reason, units, source, store.now())
        for order_line, (units, reason) in wanted.items()
    ]
    columns = (
        "store", "rma", "order_product_id", "sku", "product_code", "reason", "units", "source", "seen_at",
    )  # fmt: skip
    upsert(connection, line, rows, columns=columns)


def note_event(
    connection: sa.Connection, store: Store, number: str, state: State, at: datetime, evidence: Mapping[str, Any]
) -> None:
    """Write down a step of the RMA's sequence; the first word on it stands."""
    event = sa.dialects.postgresql.insert(tables.rma_event).values(
        store=store.key, rma=number, state=str(state), at=at, evidence=dict(evidence)
    )
    connection.execute(event.on_conflict_do_nothing())


def close_rma(
    connection: sa.Connection, store: Store, *, number: str, because: str, at: datetime | None = None
) -> None:
    """End an RMA: nothing more is announced or refunded. Raises `NotClosable`, `ValueError` without a reason.

    A refund that was approved and surely not sent is withdrawn. One that may be on its way, or has not been looked up
    yet, keeps the RMA open.
    """
    if not because.strip():
        raise ValueError(f"RMA {number} was not closed: say why, for example --because 'customer keeps it'")
    held = connection.execute(SQL["held_rma"], {"store": store.key, "rma": number}).one_or_none()
    if held is None:
        raise NotClosable(f"there is no RMA {number} in store {store.key}")
    if held.state == State.CLOSED:
        raise NotClosable(f"RMA {number} is closed already: {held.closed_because}")
    if held.refund_push in ("sending", "ambiguous"):
        raise NotClosable(f"RMA {number} has a refund under way ({held.refund_push}); wait until its outcome is known")
    at = at or store.now()
    evidence: dict[str, Any] = {"because": because, "was": held.state}
    for kind in ("refund", "return_receipt"):
        supersede(connection, store=store.key, kind=kind, business_keys=[number])
    if held.approved is not None and held.refund_id is None:
        evidence["withdrawn"] = str(held.approved)
        for table in (tables.refund_approval_line, tables.refund_approval):
            connection.execute(sa.delete(table).where(table.c.store == store.key, table.c.rma == number))
    connection.execute(
        sa.update(tables.rma)
        .where(tables.rma.c.store == store.key, tables.rma.c.rma == number)
        .values(state=str(State.CLOSED), closed_at=at, closed_because=because, seen_at=store.now())
    )
    note_event(connection, store, number, State.CLOSED, at, evidence)


# --- refunds ---


def keep_refunds(connection: sa.Connection, store: Store, refunds: Sequence[Refund], *, source: str) -> None:
    """Keep refunds with their items, and of each what the gateway declined. The shop's list confirms a reply's."""
    if not refunds:
        return
    order = tables.bigcommerce_order
    ids = sorted({refund.order_id for refund in refunds})
    here = sa.select(order.c.order_id, order.c.currency).where(
        order.c.store == store.key, order.c.order_id == sa.any_(sa.literal(ids, sa.ARRAY(sa.BigInteger)))
    )
    currencies = {row.order_id: row.currency for row in connection.execute(here)}
    now = store.now()
    rows, items = [], []
    for refund in refunds:
        declined = sum((p.amount for p in refund.payments if p.is_declined), Decimal(0))
        currency = currencies.get(refund.order_id, store.settings.currency)
        rows.append(
            (
                store.key, refund.id, refund.order_id, refund.marker, refund.total, refund.tax, currency,
                min(declined, refund.total), refund.created_at, source, now,
            )
        )  # fmt: skip
        items += [
            (store.key, refund.id, i, item.item_type, item.item_id, item.quantity, item.amount or Decimal(0))
            for i, item in enumerate(refund.items, 1)
        ]
    upsert(connection, tables.bigcommerce_refund, rows)
    upsert(connection, tables.bigcommerce_refund_item, items)
    if source == REFUND_LIST:
        # The same words from the list prove what a reply said; `upsert` leaves rows that say nothing new alone.
        given = {"store": store.key, "ids": [refund.id for refund in refunds], "source": source, "now": now}
        connection.execute(SQL["confirm_refunds"], given)


# --- receipts ---


def keep_receipts(
    connection: sa.Connection,
    store: Store,
    receipts: Sequence[Receipt],
    lines: Sequence[ReceiptLine],
    inspections: Mapping[int, str],
    *,
    source: str = "Clarus receipts",
) -> int:
    """Keep receipts and their lines; `inspections` is by line id. Returns how many receipts or lines are news."""
    now = store.now()
    rows = [(store.key, r.id, r.reference or "", r.kind, r.status, r.received_at, source, now) for r in receipts]
    line_rows = [
        (
            store.key, line.id, line.receipt_id, line.product_code, line.line_reference, line.expected, line.received,
            line.unit, inspections.get(line.id, ""), source, now,
        )
        for line in lines
    ]  # fmt: skip
    kept = upsert(connection, tables.clarus_receipt, rows)
    kept_lines = upsert(connection, tables.clarus_receipt_line, line_rows)
    return kept.inserted + kept.changed + kept_lines.inserted + kept_lines.changed
