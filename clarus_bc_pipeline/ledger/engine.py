"""Open the ledger: an engine whose database is at the head of its migrations.

What belongs here: the pool, the session's settings, bringing the schema up. What does not: which database
(`urls.py`) and what a revision changes (`migrations/versions/`).
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.ledger.migrations import HEAD, VERSION_TABLE, upgrade

POOL_SIZE = 12  # the outbox takes at most 8 threads; the rest is for the loop, the desk and a person


def open_ledger(url: str | None = None, *, pool_size: int = POOL_SIZE) -> sa.Engine:
    """The ledger's engine, migrated to head. Close it with `.dispose()`.

    `url` is any address of a Postgres database; None means the environment's (`urls.ledger_url`). Times are
    read in UTC, money as `Decimal`. Several processes may open a new ledger at once: one migrates, the others
    wait. Raises `LedgerUnavailable` when the server is out of reach or the ledger was written by a newer
    version.
    """
    engine = new_engine(urls.ensure_database(url) if url else urls.ledger_url(), pool_size=pool_size)
    if revision(engine) != HEAD:
        upgrade(engine)
    return engine


def new_engine(url: str, *, pool_size: int = POOL_SIZE) -> sa.Engine:
    """An engine on `url` with the ledger's session settings, whatever its schema."""
    return sa.create_engine(
        url,
        pool_size=pool_size,
        pool_pre_ping=True,
        connect_args={"application_name": "clarus_bc", "options": "-c timezone=UTC -c jit=off"},
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
    )


def revision(engine: sa.Engine) -> str | None:
    """The revision that the database is at; None for a database that holds no ledger yet."""
    with engine.connect() as connection:
        if not connection.scalar(sa.select(sa.func.to_regclass(VERSION_TABLE))):
            return None
        return connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
