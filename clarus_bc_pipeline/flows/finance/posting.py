"""Posting: the journals of orders that something happened to, appended to the ledger.

What belongs here: carrying entries between the ledger and `journals.py`. What does not: debit and credit
(`journals.py`), what agrees with what (`matching.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import journals
from clarus_bc_pipeline.flows.finance.accounts import nominals
from clarus_bc_pipeline.flows.finance.facts import EPOCH, SQL, Policy, read_facts
from clarus_bc_pipeline.flows.finance.journals import Entry, Posted, Posting
from clarus_bc_pipeline.flows.finance.periods import closed_periods, lock_books, place_of
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.settings import StoreSettings

POSTED = "finance_posted"
AT_ONCE = 2000  # orders a transaction
OVERLAP = timedelta(minutes=1)  # what another process committed late is still seen

Progress = Callable[[int], None]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Booked:
    """What a posting came to: orders looked at, journals and lines appended, and how many went to a later period."""

    orders: int = 0
    journals: int = 0
    lines: int = 0
    late: int = 0
    order_ids: tuple[int, ...] = ()


def post(
    engine: sa.Engine,
    settings: StoreSettings,
    *,
    now: datetime,
    whole: bool = False,
    progress: Progress | None = None,
) -> Booked:
    """Append what the facts ask for and is not posted yet, of the orders that were touched (`whole`: of all).

    Some orders a transaction, so that a posting that ends half-way has lost nothing: the next one goes on. The cursor
    moves when all are done. All orders are looked at the first time, and when a setting moved the books of all.
    """
    policy = Policy.of(settings)
    codes = nominals(settings.finance)
    with engine.connect() as connection:
        position = read_cursor(connection, store=settings.key, feed=POSTED)
    whole = whole or position is None or position["policy"] != policy.fingerprint
    since = EPOCH if position is None else datetime.fromisoformat(position["until"])
    booked = Booked()
    for order_ids in _orders(engine, policy, since=since - OVERLAP, now=now, whole=whole):
        with engine.begin() as connection:
            lock_books(connection, store=settings.key)
            made, late = _post_orders(connection, policy, codes, order_ids, now)
        booked = Booked(
            booked.orders + len(order_ids),
            booked.journals + len(made),
            booked.lines + sum(len(each.amounts) for each in made),
            booked.late + late,
            () if whole else (*booked.order_ids, *order_ids),
        )
        if progress is not None:
            progress(len(order_ids))
    with engine.begin() as connection:
        mark = {"until": now.isoformat(), "policy": policy.fingerprint}
        write_cursor(connection, store=settings.key, feed=POSTED, position=mark, now=now)
    return booked


def _orders(
    engine: sa.Engine, policy: Policy, *, since: datetime, now: datetime, whole: bool
) -> Iterator[Sequence[int]]:
    if not whole:
        given = {"store": policy.store, "since": since, "now": now, "delivery": policy.recognised_after}
        with engine.connect() as connection:
            touched = sorted(connection.scalars(SQL["touched_orders"], given))
        yield from (touched[at : at + AT_ONCE] for at in range(0, len(touched), AT_ONCE))
        return
    after = 0
    while True:
        with engine.connect() as connection:
            given = {"store": policy.store, "after": after, "most": AT_ONCE}
            found = connection.scalars(SQL["orders_after"], given).all()
        if not found:
            return
        yield found
        after = found[-1]


def _post_orders(
    connection: sa.Connection, policy: Policy, codes: Mapping[str, str], order_ids: Sequence[int], now: datetime
) -> tuple[list[Posting], int]:
    facts = read_facts(connection, policy, order_ids=order_ids, now=now)
    posted = _posted(connection, policy.store, order_ids)
    closed = {each.period for each in closed_periods(connection, store=policy.store)}
    today = now.astimezone(policy.zone).date()
    made: list[Posting] = []
    known = {order.order_id for order in facts}
    for order in facts:
        before = posted.get(order.order_id, {})
        wanted = journals.entries(order, costs=policy.costs, zone=policy.zone)
        made += journals.postings(wanted, before, gone=_gone(order.order_id, before, today))
    for order_id, before in posted.items():
        if order_id not in known:  # by a setting, the order is not in the books any more
            made += journals.postings([], before, gone=_gone(order_id, before, today))
    late = _append(connection, policy.store, codes, made, closed, now)
    return made, late


def _gone(order_id: int, posted: Mapping[str, Posted], today: date) -> dict[str, Entry]:
    """What an event that is no more should have posted: nothing. It is taken back today; that is when it was undone."""
    return {
        event: Entry(event, today, order_id, held.currency, f"Order {order_id}: {event} undone", {})
        for event, held in posted.items()
    }


def _posted(connection: sa.Connection, store: str, order_ids: Sequence[int]) -> dict[int, dict[str, Posted]]:
    amounts: dict[tuple[int, str], dict[str, Decimal]] = {}
    about: dict[tuple[int, str], sa.Row[Any]] = {}
    for row in connection.execute(SQL["posted"], {"store": store, "order_ids": list(order_ids)}):
        key = (row.order_id, row.event)
        about[key] = row
        amounts.setdefault(key, {})[row.account] = row.amount
    found: dict[int, dict[str, Posted]] = {}
    for (order_id, event), row in about.items():
        held = Posted(amounts[order_id, event], row.journals, row.basis or "", row.currency)
        found.setdefault(order_id, {})[event] = held
    return found


def _append(
    connection: sa.Connection,
    store: str,
    codes: Mapping[str, str],
    made: Sequence[Posting],
    closed: set[str],
    now: datetime,
) -> int:
    """Write all lines in one statement, for the database checks journals by statement; returns how many are late."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "periods", "journals", "dates", "accounts", "nominals", "amounts", "currencies", "events", "order_ids",
            "narratives", "belongs", "evidence",
        )
    }  # fmt: skip
    late = 0
    for posting in made:
        entry = posting.entry
        place = place_of(entry.on, closed)
        evidence = {**entry.evidence, "basis": entry.basis} | ({"adjusts": posting.adjusts} if posting.adjusts else {})
        said = msgspec.json.encode(evidence).decode()
        late += place.belongs_to is not None
        words = entry.narrative + (f" (of {place.belongs_to}, which is closed)" if place.belongs_to else "")
        for account, amount in posting.amounts.items():
            values = (
                place.period, posting.journal, place.on, account, codes[account], amount, entry.currency, entry.event,
                entry.order_id, words, place.belongs_to, said,
            )  # fmt: skip
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    if made:
        connection.execute(SQL["post"], {"store": store, "now": now, **columns})
    return late
