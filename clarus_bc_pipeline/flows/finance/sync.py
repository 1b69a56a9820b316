"""The finance flow's verbs for one store: pull, decide, prove. It delivers nothing: a person imports its journals.

What belongs here: the verbs. What does not: what agrees with what (`matching.py`), debit and credit (`journals.py`),
the pack (`pack.py`) and Dagster (`assets.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import posting
from clarus_bc_pipeline.flows.finance.control import PROVEN, Control, prove_books, tell
from clarus_bc_pipeline.flows.finance.facts import SQL, Policy
from clarus_bc_pipeline.flows.finance.matching import Matched, match
from clarus_bc_pipeline.flows.finance.posting import POSTED, Booked
from clarus_bc_pipeline.flows.finance.pulling import Pulled, is_due, pull
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.cursors import read_cursor
from clarus_bc_pipeline.settings import StoreSettings

__all__ = ["Decided", "Proven", "Pulled", "decide", "is_proof_due", "news", "prove", "pull"]

PROVE_EVERY = timedelta(days=1)
AGAIN = 3  # facts that another process writes between posting and proving are posted, and proven again


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to: journals appended, and the orders that something happened to, matched."""

    booked: Booked = field(default_factory=Booked)
    matched: Matched = field(default_factory=Matched)


@dataclass(frozen=True, slots=True)
class Proven:
    """The whole books, proven; `control` is None where finance is off."""

    booked: Booked = field(default_factory=Booked)
    matched: Matched = field(default_factory=Matched)
    control: Control | None = None


def decide(store: Store) -> Decided:
    """Post what the facts ask for and is not posted, and match the orders that were touched."""
    if not store.settings.finance.enabled:
        return Decided()
    now = store.now()
    booked = posting.post(store.engine, store.settings, now=now)
    whole = not booked.order_ids and booked.orders > 0  # the first time, or a setting moved all books
    matched, _ = match(store.engine, store.settings, now=now, whole=whole, order_ids=booked.order_ids)
    return Decided(booked, matched)


def prove(store: Store) -> Proven:
    """Post, match all orders, and hold the journal against the facts."""
    if not store.settings.finance.enabled:
        return Proven()
    return prove_store(store.engine, store.settings, now=store.now)


def prove_store(engine: sa.Engine, settings: StoreSettings, *, now: posting.Clock) -> Proven:
    """As `prove`, by the ledger alone: neither system is asked."""
    orders = journals = lines = late = 0
    for again in range(AGAIN):
        at = now()
        booked = posting.post(engine, settings, now=at)
        orders, journals = orders + booked.orders, journals + booked.journals
        lines, late = lines + booked.lines, late + booked.late
        matched, control = prove_books(engine, settings, now=at)
        if not control.difference or again == AGAIN - 1:
            break
    tell(engine, settings, control, now=at)
    return Proven(Booked(orders, journals, lines, late), matched, control)


def is_proof_due(connection: sa.Connection, *, store: str, now: datetime) -> bool:
    """Whether the last proof of the whole is older than a day, or there was none."""
    position = read_cursor(connection, store=store, feed=PROVEN)
    return position is None or now - datetime.fromisoformat(position["until"]) >= PROVE_EVERY


def news(store: Store) -> str | None:
    """What is due for this flow, in short, or None; asks the ledger only."""
    if not store.settings.finance.enabled:
        return None
    now = store.now()
    policy = Policy.of(store.settings)
    with store.engine.connect() as connection:
        position = read_cursor(connection, store=store.key, feed=POSTED)
        if position is None:
            return "nothing was posted yet"
        if position["policy"] != policy.fingerprint:
            return "a setting moved the books"
        if is_due(connection, policy):
            return f"payments are to be read, {now:%Y-%m-%dT%H:%M}"
        given = {
            "store": store.key,
            "since": datetime.fromisoformat(position["until"]) + timedelta(microseconds=1),
            "now": now,
            "delivery": policy.recognised_after,
        }
        touched = connection.execute(SQL["touched_orders"], given).first()
    return f"orders changed, {now:%Y-%m-%dT%H:%M}" if touched is not None else None
