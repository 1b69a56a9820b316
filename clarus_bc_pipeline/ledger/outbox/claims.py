"""Take a push and put it back: short transactions around, never across, a call.

What belongs here: leases, fencing, and the row that each outcome leaves. What does not: deciding the outcome
(`verdict.py`) or making the call (`deliver.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.outbox.delivery import ClaimedPush, Delivery
from clarus_bc_pipeline.ledger.outbox.queue import SQL
from clarus_bc_pipeline.ledger.outbox.verdict import Verdict


@dataclass(frozen=True)
class Desk:
    """One worker's place at one store's outbox."""

    engine: sa.Engine
    store: str
    worker: str
    lease_seconds: int
    settle_seconds: int
    now: Callable[[], datetime]
    deliveries: Mapping[str, Delivery]

    def lapse(self) -> int:
        """Make expired sends ambiguous, to be read back after settling; return how many."""
        now = self.now()
        settled_at = now + timedelta(seconds=self.settle_seconds)
        with self.engine.begin() as connection:
            given = {"store": self.store, "now": now, "settled_at": settled_at}
            return int(connection.execute(SQL["lapse"], given).scalar_one())

    def claim(self, *, skip: Collection[int] = ()) -> ClaimedPush | None:
        """Take the next push that is due, or None. When this returns, the claim and its attempt are
        committed.

        One at a time: a push that waited behind another in a worker's hands would be ambiguous after a crash
        for no reason. Read-backs go first, for they hold their lanes.
        """
        now = self.now()
        given = {
            "store": self.store,
            "now": now,
            "worker": self.worker,
            "lease_until": now + timedelta(seconds=self.lease_seconds),
            "kinds": list(self.deliveries),
            "adopted_kinds": [d.kind for d in self.deliveries.values() if d.adopt_only],
            "blocking_kinds": [d.kind for d in self.deliveries.values() if d.parked_blocks_lane],
            "skip": list(skip),
        }
        with self.engine.begin() as connection:
            connection.execute(SQL["serialise_claims"], {"store": self.store})
            row = connection.execute(SQL["claim"], given).one_or_none()
        return _claimed(row, now) if row else None

    def may_still_send(self, push: ClaimedPush) -> bool:
        """Whether a call begun now would end well within the lease. False in a worker that slept after its
        claim."""
        # The lease is at least three times a call's deadline, so a call begun in its first third has twice
        # its time.
        return self.now() - push.claimed_at <= timedelta(seconds=self.lease_seconds / 3)

    def settle(self, push: ClaimedPush, verdict: Verdict) -> bool:
        """Write the verdict down. False when the lease has passed to another, and nothing was changed."""
        with self.engine.begin() as connection:
            now = self.now()
            if verdict.read_back is not None:
                connection.execute(
                    SQL["note_read_back"],
                    {
                        "push_id": push.push_id,
                        "lease_token": push.lease_token,
                        "worker": self.worker,
                        "now": now,
                        "outcome": verdict.read_back.outcome,
                        "http_status": verdict.read_back.http_status,
                        "detail": verdict.read_back.detail,
                    },
                )
            given: dict[str, Any] = {
                "push_id": push.push_id,
                "lease_token": push.lease_token,
                "attempt_id": push.attempt_id,
                "now": now,
                "state": verdict.state,
                "failures": verdict.failures,
                "misses": verdict.misses,
                "remote_id": verdict.receipt.remote_id if verdict.receipt else None,
                "last_error": verdict.last_error,
                "next_attempt_at": None if verdict.wait is None else now + timedelta(seconds=verdict.wait),
                "outcome": verdict.call.outcome,
                "http_status": verdict.call.http_status,
                "detail": verdict.call.detail,
            }
            if connection.execute(SQL["settle"], given).one_or_none() is None:
                return False
            if verdict.state == "delivered" and verdict.receipt is not None:
                self.deliveries[push.kind].record(connection, push, verdict.receipt)
        return True


def _claimed(row: sa.Row[Any], claimed_at: datetime) -> ClaimedPush:
    return ClaimedPush(
        push_id=row.push_id,
        store=row.store,
        kind=row.kind,
        business_key=row.business_key,
        lane=row.lane,
        payload=row.payload,
        cause=row.cause,
        attempts=row.attempts,
        failures=row.failures,
        misses=row.misses,
        remote_id=row.remote_id,
        due_at=row.due_at,
        lease_token=row.lease_token,
        lease_until=row.lease_until,
        is_read_back=row.is_read_back,
        attempt_id=row.push_attempt_id,
        claimed_at=claimed_at,
    )
