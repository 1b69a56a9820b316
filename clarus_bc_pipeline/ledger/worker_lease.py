"""Who looks after a store: one resident worker at a time, by a lease in the database.

What belongs here: claiming, renewing and giving up a store. What does not: the safety of a push, which rests
on the push's own lease and holds with any number of workers. Where no `now` is given the database's clock
decides, so that hosts may disagree.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clarus_bc_pipeline.ledger.tables import worker_lease

_NOW = sa.func.clock_timestamp()


def _moment(now: datetime | None) -> sa.ColumnElement[datetime]:
    return _NOW if now is None else sa.literal(now, sa.DateTime(timezone=True))


def _after(now: datetime | None, seconds: float) -> sa.ColumnElement[datetime]:
    return _moment(now) + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def claim_store(
    connection: sa.Connection, *, store: str, worker: str, seconds: float, now: datetime | None = None
) -> int | None:
    """Take the store for so many seconds; the token to renew with, or None while another worker holds it.

    Every claim has a higher token than the one before. A worker that still holds the store gets a new one.
    """
    fresh = insert(worker_lease).values(store=store, worker=worker, lease_token=1, lease_until=_after(now, seconds))
    token: int | None = connection.scalar(
        fresh.on_conflict_do_update(
            index_elements=[worker_lease.c.store],
            set_={
                "worker": fresh.excluded.worker,
                "lease_token": worker_lease.c.lease_token + 1,
                "lease_until": fresh.excluded.lease_until,
            },
            where=(worker_lease.c.lease_until < _moment(now)) | (worker_lease.c.worker == worker),
        ).returning(worker_lease.c.lease_token)
    )
    return token


def renew_store(
    connection: sa.Connection, *, store: str, token: int, seconds: float, now: datetime | None = None
) -> bool:
    """Hold the store for so many seconds from now. False when another has taken it: stop working on it."""
    held = (worker_lease.c.store == store) & (worker_lease.c.lease_token == token)
    return bool(
        connection.execute(sa.update(worker_lease).where(held).values(lease_until=_after(now, seconds))).rowcount
    )


def release_store(connection: sa.Connection, *, store: str, token: int) -> bool:
    """Give the store up at once. False when it was not ours any more."""
    held = (worker_lease.c.store == store) & (worker_lease.c.lease_token == token)
    given_up = sa.update(worker_lease).where(held).values(lease_until=sa.literal_column("'-infinity'::timestamptz"))
    return bool(connection.execute(given_up).rowcount)


def live_worker(connection: sa.Connection, *, store: str, now: datetime | None = None) -> str | None:
    """The worker that holds the store now (None: the database's time), or None."""
    return connection.scalar(
        sa.select(worker_lease.c.worker).where(worker_lease.c.store == store, worker_lease.c.lease_until > _moment(now))
    )
