"""Personal data leaves the ledger when it has done its work: some days after the order's despatch or cancellation.

What belongs here: emptying release payloads and the pushes that carried them. What does not: facts, kept for 7 years.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("retention.sql"))


def purge_personal_data(connection: sa.Connection, *, store: str, days: int, now: datetime) -> int:
    """Empty the personal data of orders that were at rest `days` ago, in the caller's transaction; returns how many."""
    given = {"store": store, "before": now - timedelta(days=days)}
    connection.execute(SQL["at_rest"], given)
    purged = connection.execute(SQL["purge_personal"], given).rowcount
    connection.execute(SQL["purge_metafields"], given)
    connection.execute(SQL["purge_pushes"], given)
    return purged
