"""Queue pushes, and set aside those that a newer one has made pointless; always in the caller's transaction.

What belongs here: getting in. What does not: getting out (`deliver.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.pushes import Push
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("outbox.sql"))


def enqueue(connection: sa.Connection, *, store: str, pushes: Sequence[Push], now: datetime) -> int:
    """Queue `pushes` with the facts that caused them and return how many are new.

    A (kind, business_key) that is known already, in whatever state, is left as it is: it was decided before.
    Within a lane they go in the order given.
    """
    if not pushes:
        return 0
    columns: dict[str, Any] = {
        "store": store,
        "now": now,
        "kinds": [p.kind for p in pushes],
        "business_keys": [p.business_key for p in pushes],
        "lanes": [p.lane for p in pushes],
        "priorities": [int(p.priority) for p in pushes],
        "payloads": [_json(p.payload) for p in pushes],
        "hashes": [p.request_hash for p in pushes],
        "causes": [_json(p.cause) for p in pushes],
        "due": [p.due_at for p in pushes],
    }
    return connection.execute(SQL["enqueue"], columns).rowcount


def supersede(connection: sa.Connection, *, store: str, kind: str, business_keys: Collection[str]) -> int:
    """Set aside the pushes of `kind` that wait or are parked, and return how many; one in flight is left
    alone."""
    given = {"store": store, "kind": kind, "business_keys": list(business_keys)}
    return connection.execute(SQL["supersede"], given).rowcount


def due_mark(connection: sa.Connection, *, store: str, kinds: Collection[str], now: datetime) -> str | None:
    """What `deliver_due` would take up now, in words that change whenever it does; None when nothing is due.

    For sensors: cheap, and good as (part of) a run key.
    """
    row = connection.execute(SQL["due_mark"], {"store": store, "kinds": list(kinds), "now": now}).one()
    if not row.due:
        return None
    return f"{row.due} push(es) due, the newest {row.newest}, after {row.claims} claim(s)"


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
