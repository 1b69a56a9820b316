"""The first verb: orders of the shop, and the metafields that a mapping asks for, into the ledger.

What belongs here: reading what changed and keeping it. What does not: an order's rows (`facts.py`), decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.metafields import pull_order_metafields
from clarus_bc_pipeline.bigcommerce.orders import Order, OrderPage, pull_orders
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.orders import facts
from clarus_bc_pipeline.flows.orders.read_ahead import read_ahead
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import BadRow, upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

FEED = "bigcommerce_orders"
METAFIELDS_FEED = "bigcommerce_order_metafields"
SCOPE = "orders.pull"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
PAGES_AT_ONCE = 20  # in one transaction at most, while catching up: 5000 orders

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull read: `changed` orders are new or differ from what the ledger held."""

    read: int
    changed: int
    unreadable: int


def pull(store: Store, *, progress: Progress | None = None) -> Pulled:
    """Read what changed in the shop since the last pull. Rows and the cursor that covers them commit together.

    The next pages are read while the last are stored; however many lie ready then go in one transaction. Raises a
    `CallFailed` when the shop cannot be read on: what came before it is kept, and the next pull goes on from there.
    """
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=FEED)
        in_doubt = _unreadable_before(connection, store)
    since = datetime.fromisoformat(position["modified_since"]) if position else first_moment(store)
    overlap = timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    read = changed = unreadable = 0
    asked_at = store.now()
    pages = pull_orders(store.shop, modified_since=since - overlap)
    with closing(read_ahead(pages, most=PAGES_AT_ONCE)) as batches:
        for batch in batches:
            orders = [order for page in batch for order in page.orders]
            since = max((since, *(order.modified_at for order in orders)))
            kept, refused = _keep(store, orders, batch, in_doubt, since)
            changed += kept
            read += len(orders)
            unreadable += refused
            if progress:
                progress(len(orders))
    _remember_silence(store, since, asked_at)
    _pull_metafields(store)
    return Pulled(read, changed, unreadable)


def keep_orders(connection: sa.Connection, store: Store, orders: Sequence[Order]) -> int:
    """Store `orders` in the caller's transaction; returns how many were new or different."""
    rows = facts.order_rows(store.key, orders, seen_at=store.now())
    kept = upsert(connection, tables.bigcommerce_order, rows.orders, columns=facts.ORDER_COLUMNS)
    upsert(connection, tables.bigcommerce_order_line, rows.lines, columns=facts.LINE_COLUMNS)
    upsert(connection, tables.bigcommerce_order_address, rows.addresses, columns=facts.ADDRESS_COLUMNS)
    upsert(connection, tables.order_personal, rows.personal, columns=facts.PERSONAL_COLUMNS)
    return kept.inserted + kept.changed


def first_moment(store: Store) -> datetime:
    """From when on orders concern us: the go-live line of the settings, else the beginning."""
    since = store.settings.orders.since
    return datetime.fromisoformat(since) if since else EPOCH


def _remember_silence(store: Store, since: datetime, asked_at: datetime) -> None:
    """A whole pull has read all up to when it asked, by the shop's clock: the next reaches back from then.

    Else the overlap of every pull would bring a burst again and again, until the next order comes.
    """
    ahead = store.shop.contact.clock_ahead
    if ahead is not None and (read_up_to := asked_at + ahead) > since:
        with store.engine.begin() as connection:
            _move_cursor(connection, store, read_up_to)


def _move_cursor(connection: sa.Connection, store: Store, since: datetime) -> None:
    position = {"modified_since": since.isoformat()}
    write_cursor(connection, store=store.key, feed=FEED, position=position, now=store.now())


def _keep(
    store: Store, orders: list[Order], pages: list[OrderPage], in_doubt: set[str], since: datetime
) -> tuple[int, int]:
    """Orders, findings and cursor in one transaction: (orders changed, records that could not be kept)."""
    unreadable = [each for page in pages for each in page.unreadable]
    with store.engine.begin() as connection:
        try:
            with connection.begin_nested():
                changed = keep_orders(connection, store, orders)
        except (BadRow, sa.exc.DataError):
            # One order that Postgres cannot hold must not keep the others out.
            changed, refused = _keep_one_by_one(connection, store, orders)
            unreadable += refused
        _record_unreadable(connection, store, orders, unreadable, in_doubt)
        _move_cursor(connection, store, since)
    return changed, len(unreadable)


def _keep_one_by_one(connection: sa.Connection, store: Store, orders: list[Order]) -> tuple[int, list[Unreadable]]:
    changed = 0
    refused: list[Unreadable] = []
    for order in orders:
        try:
            with connection.begin_nested():
                changed += keep_orders(connection, store, [order])
        except BadRow as error:
            refused.append(Unreadable("BigCommerce", f"order {order.id}", str(error)))
        except sa.exc.DataError as error:  # its words may hold the value, which may be personal
            refused.append(Unreadable("BigCommerce", f"order {order.id}", type(error.orig).__name__))
    return changed, refused


def _unreadable_before(connection: sa.Connection, store: Store) -> set[str]:
    """Records that could not be read the last time, by name."""
    finding = tables.finding
    return set(
        connection.scalars(
            sa.select(finding.c.subject).where(
                finding.c.store == store.key, finding.c.scope == SCOPE, finding.c.state == "open"
            )
        )
    )


def _record_unreadable(
    connection: sa.Connection, store: Store, orders: list[Order], unreadable: list[Unreadable], in_doubt: set[str]
) -> None:
    """Open a finding for each record that cannot be read; one that has come back whole resolves its own."""
    findings = [
        Finding(
            "unreadable_record",
            u.record,
            f"{u.system} gave a record that cannot be read: {u.reason}.",
            order_id=int(number) if (number := u.record.removeprefix("order ")).isdecimal() else None,
        )
        for u in unreadable
    ]
    in_doubt |= {finding.subject for finding in findings}
    if not in_doubt:
        return
    examined = in_doubt & {f"order {order.id}" for order in orders}
    record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=examined, now=store.now())


def _pull_metafields(store: Store) -> None:
    """Read order metafields that a note mapping asks for, once orders have changed: one list call for all of them."""
    wanted = {
        note.source.removeprefix("metafield:").partition("/")[0]
        for note in store.settings.orders.notes
        if note.source.startswith("metafield:")
    }
    if not wanted:
        return
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=METAFIELDS_FEED)
        read_at = datetime.fromisoformat(position["read_at"]) if position else EPOCH
        if not connection.scalar(SQL["metafields_are_behind"], {"store": store.key, "read_at": read_at}):
            return
    since = datetime.fromisoformat(position["modified_since"]) if position else first_moment(store)
    started = store.now()
    columns = ("store", "metafield_id", "order_id", "namespace", "key", "value", "source", "seen_at")
    for page in pull_order_metafields(store.shop, modified_since=since, namespaces=wanted):
        rows = [
            (store.key, m.id, m.order_id, m.namespace, m.key, m.value, "BigCommerce metafields", started) for m in page
        ]
        with store.engine.begin() as connection:
            upsert(connection, tables.order_metafield, rows, columns=columns)
    overlap = timedelta(seconds=store.settings.bigcommerce.overlap_seconds)
    with store.engine.begin() as connection:
        write_cursor(
            connection,
            store=store.key,
            feed=METAFIELDS_FEED,
            position={"modified_since": (started - overlap).isoformat(), "read_at": started.isoformat()},
            now=started,
        )
