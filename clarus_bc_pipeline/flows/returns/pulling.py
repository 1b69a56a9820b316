"""Reading returns for one store: RMAs and refunds of the shop, receipts of the warehouse, payments of a few orders.

What belongs here: the returns' pull. What does not: the ledger's rows (`keeping.py`), decisions.

A pull that finds nothing costs two calls to the shop, a list of metafields and a list of refunds, and one or two to
Clarus, whatever the history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.metafields import Metafield, pull_order_metafields
from clarus_bc_pipeline.bigcommerce.refunds import pull_refunds
from clarus_bc_pipeline.bigcommerce.transactions import transactions_of
from clarus_bc_pipeline.clarus.receipts import (
    RECEIPT_STATUSES,
    RECEIVED_STATUSES,
    Receipt,
    ReceiptLine,
    receipt_lines_of,
    receipts_by_reference,
    received_stock_of,
    returns_open,
)
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.orders.pulling import first_moment
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.document import KEY, NAMESPACE, BadRma, number_of, read_document
from clarus_bc_pipeline.flows.returns.keeping import REFUND_LIST, keep_receipts, keep_refunds, keep_rma
from clarus_bc_pipeline.flows.returns.payments import keep_transactions
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.http import Gone
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

RMAS, REFUNDS, RECEIPTS = "returns_rmas", "returns_refunds", "returns_receipts"
SCOPE = "returns.pull"
# A gateway declines a refund minutes or days after it was made, and the list can only be asked by creation: those of
# the last days are read again every hour.
DECLINES_WITHIN = timedelta(days=3)
READ_AGAIN_EVERY = timedelta(hours=1)
OPEN_STATUSES = tuple(status for status in RECEIPT_STATUSES if status not in RECEIVED_STATUSES)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read. `changed` counts receipts and their lines that say something new."""

    rmas: int = 0
    refunds: int = 0
    receipts: int = 0
    changed: int = 0
    unreadable: int = 0


def pull(store: Store) -> Pulled:
    """Read what is new of RMAs, refunds and receipts. Each list's rows and its cursor commit together.

    Raises a `CallFailed` when a system cannot be read; what came before it is kept.
    """
    if not store.settings.returns.enabled:
        return Pulled()
    rmas, broken = _pull_rmas(store)
    refunds, unreadable = _pull_refunds(store)
    receipts, changed, unread = _pull_receipts(store)
    return Pulled(rmas, refunds, receipts, changed, broken + unreadable + unread)


# --- RMAs ---


def _pull_rmas(store: Store) -> tuple[int, int]:
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=RMAS)
    since = datetime.fromisoformat(position["modified_since"]) if position else first_moment(store)
    started = store.now()
    read = broken = 0
    for page in pull_order_metafields(store.shop, modified_since=since, namespaces=[NAMESPACE]):
        ours = [field for field in page if field.key.startswith(KEY)]
        with store.engine.begin() as connection:
            broken += _keep_metafields(connection, store, ours)
        read += len(ours)
    until = started - timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    with store.engine.begin() as connection:
        mark = {"modified_since": until.isoformat()}
        write_cursor(connection, store=store.key, feed=RMAS, position=mark, now=started)
    return read, broken


def _keep_metafields(connection: sa.Connection, store: Store, fields: Sequence[Metafield]) -> int:
    """Keep RMAs in the caller's transaction, with a finding for each that is none; returns how many are none."""
    findings: list[Finding] = []
    examined: set[str] = set()
    broken = 0
    for field in fields:
        try:
            number, document = number_of(field.key), read_document(field.value)
        except BadRma as error:
            findings.append(exceptions.unreadable(field.order_id, field.key, str(error)))
            broken += 1
            continue
        told = keep_rma(
            connection,
            store,
            number=number,
            order_id=field.order_id,
            document=document,
            source="BigCommerce metafields",
            metafield_id=field.id,
        )
        findings += told
        examined |= {
            exceptions.subject(number),
            f"{exceptions.subject(number)}, closing",
            f"metafield {field.key} of order {field.order_id}",
            f"RMA {number} on order {field.order_id}",
        }
    record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=examined, now=store.now())
    return broken


# --- refunds ---


def _pull_refunds(store: Store) -> tuple[int, int]:
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=REFUNDS) or {}
    started = store.now()
    overlap = timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    since = datetime.fromisoformat(position["created_since"]) if position else first_moment(store)
    again = position.get("again_at")
    is_again = again is None or started - datetime.fromisoformat(again) >= READ_AGAIN_EVERY
    if is_again:
        since = min(since, started - DECLINES_WITHIN)
    read = broken = 0
    for page in pull_refunds(store.shop, created_since=since):
        with store.engine.begin() as connection:
            keep_refunds(connection, store, page.refunds, source=REFUND_LIST)
            _record_unreadable(connection, store, page.unreadable)
        read += len(page.refunds)
        broken += len(page.unreadable)
    mark = {
        "created_since": (started - overlap).isoformat(),
        "again_at": started.isoformat() if is_again else again,
    }
    with store.engine.begin() as connection:
        write_cursor(connection, store=store.key, feed=REFUNDS, position=mark, now=started)
    return read, broken


def _record_unreadable(connection: sa.Connection, store: Store, unreadable: Iterable[Unreadable]) -> None:
    findings = [
        Finding("unreadable_record", u.record, f"{u.system} gave a record that cannot be read: {u.reason}.")
        for u in unreadable
    ]
    record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=(), now=store.now())


# --- receipts ---


def _pull_receipts(store: Store) -> tuple[int, int, int]:
    with store.engine.connect() as connection:
        references = list(connection.scalars(SQL["open_references"], {"store": store.key}))
    pages = [returns_open(store.warehouse, store.settings.returns.receipt_kind, OPEN_STATUSES)]
    if references:
        pages.append(receipts_by_reference(store.warehouse, references))
    receipts = {receipt.id: receipt for page in pages for receipt in page.records}
    receipts |= _no_longer_open(store, receipts)
    unreadable = [each for page in pages for each in page.unreadable]
    lines: list[ReceiptLine] = []
    inspections: Mapping[int, str] = {}
    if receipts:
        page = receipt_lines_of(store.warehouse, sorted(receipts))
        lines, unreadable = page.records, [*unreadable, *page.unreadable]
        inspections, held = _inspections(store, receipts, lines)
        unreadable += held
    # A receipt with a line that cannot be read is not known whole: nothing of it is kept, and so nothing passes.
    in_doubt = {each.part_of for each in unreadable}
    kept = [receipt for receipt in receipts.values() if receipt.id not in in_doubt]
    with store.engine.begin() as connection:
        changed = keep_receipts(
            connection, store, kept, [line for line in lines if line.receipt_id not in in_doubt], inspections
        )
        _record_unreadable(connection, store, unreadable)
    return len(kept), changed, len(unreadable)


def _no_longer_open(store: Store, read: Collection[int]) -> dict[int, Receipt]:
    """Receipts that the ledger holds as open and that are not among the open ones any more: what became of them."""
    receipt = tables.clarus_receipt
    query = sa.select(receipt.c.reference).where(
        receipt.c.store == store.key,
        receipt.c.kind == store.settings.returns.receipt_kind,
        receipt.c.status.in_(OPEN_STATUSES),
        receipt.c.receipt_id.not_in(list(read)),
        receipt.c.reference != "",
    )
    with store.engine.connect() as connection:
        references = sorted(set(connection.scalars(query)))
    return {r.id: r for r in receipts_by_reference(store.warehouse, references).records} if references else {}


def _inspections(
    store: Store, receipts: Mapping[int, Receipt], lines: Sequence[ReceiptLine]
) -> tuple[dict[int, str], list[Unreadable]]:
    """What Clarus says of each line's inspection: the slot of the settings, or its stock and why it is held."""
    settings = store.settings.returns
    if settings.inspection == "slot":
        return {line.id: line.slots.get(settings.slot, "") for line in lines}, []
    codes = sorted({line.product_code for line in lines})
    page = received_stock_of(store.warehouse, sorted(receipts), product_codes=codes)
    stock: dict[tuple[int, str], dict[str, int]] = {}
    for each in page.records:
        word = each.reason_code or ("available" if each.status.casefold() == "available" else "held")
        words = stock.setdefault((each.receipt_id, each.product_code), {})
        words[word] = words.get(word, 0) + int(each.quantity)
    return _by_line(lines, stock), list(page.unreadable)


def _by_line(lines: Sequence[ReceiptLine], stock: Mapping[tuple[int, str], dict[str, int]]) -> dict[int, str]:
    """Share a product's stock among the receipt's lines of it, in order and up to what each received."""
    found = {}
    for line in sorted(lines, key=lambda each: each.id):
        left = stock.get((line.receipt_id, line.product_code), {})
        room, parts = int(line.received), []
        for word in sorted(left):
            if units := min(room, left[word]):
                parts.append(f"{word}:{units}")
                left[word] -= units
                room -= units
        found[line.id] = ", ".join(parts)
    return found


# --- payments ---


def read_payments(store: Store, orders: Mapping[int, datetime]) -> int:
    """Read the transactions of orders that are about to be refunded, a call each; `orders` is by id, as modified at.

    Returns how many were read. An order that the shop does not know any more has none.
    """
    for order_id, modified_at in sorted(orders.items()):
        transactions: Sequence[Any]
        try:
            transactions = transactions_of(store.shop, order_id)
        except Gone:
            transactions = []
        with store.engine.begin() as connection:
            keep_transactions(connection, store, order_id, transactions, modified_at)
    return len(orders)
