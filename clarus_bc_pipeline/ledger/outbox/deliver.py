"""Deliver what is due: claim, call, write down, again; several threads, each with connections of its own.

What belongs here: the loop. What does not: leases (`claims.py`), outcomes (`verdict.py`), or waiting for more
to come (the worker and the sensors call again).
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from clarus_bc_pipeline.http import Refused
from clarus_bc_pipeline.ledger.outbox.claims import Desk
from clarus_bc_pipeline.ledger.outbox.delivery import ClaimedPush, Delivery, DeliveryReport, Outcome, Receipt
from clarus_bc_pipeline.ledger.outbox.verdict import Rules, Verdict
from clarus_bc_pipeline.settings import OutboxSettings

TURNS_IN_ONE_RUN = 4  # a push that comes back at once is left for the next run after so many turns

Progress = Callable[[int], None]  # called with 1 for every push that was worked off


def deliver_due(
    engine: sa.Engine,
    *,
    store: str,
    deliveries: Sequence[Delivery],
    settings: OutboxSettings,
    now: Callable[[], datetime],
    worker: str,
    until: datetime | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> DeliveryReport:
    """Deliver the store's pushes of the given kinds until nothing is due, `until` has come or `limit` were
    handled.

    At most one push of a lane is in flight, the oldest first; lanes go by priority, side by side on
    `settings.threads` threads. `send`, `find` and `progress` are called from these threads and must allow it.
    No transaction is open during a call. A refused credential stops the run (`DeliveryReport.auth_failed`).
    Any number of workers may deliver the same store. Raises `ValueError` for two deliveries of one kind; a
    fault of the database is raised as it is, and the push it struck is read back once its lease has lapsed.
    """
    by_kind = {d.kind: d for d in deliveries}
    if len(by_kind) != len(deliveries):
        twice = [kind for kind, n in Counter(d.kind for d in deliveries).items() if n > 1]
        raise ValueError(f"two deliveries of one kind: {', '.join(twice)}")
    desk = Desk(engine, store, worker, settings.lease_seconds, settings.settle_seconds, now, by_kind)
    run = _Run(desk, Rules(settings, random.random), until, limit, progress)
    run.report.lapsed = desk.lapse()
    first = run.next()
    if first is None:
        return run.report
    if settings.threads == 1:
        run.work(first)
        return run.report
    with ThreadPoolExecutor(settings.threads, thread_name_prefix=f"outbox-{store}") as threads:
        working = [
            threads.submit(run.work, first),
            *(threads.submit(run.work) for _ in range(settings.threads - 1)),
        ]
        try:
            for each in working:
                each.result()
        finally:
            run.stop.set()  # the others finish the call they are in
    return run.report


@dataclass
class _Run:
    """One call of `deliver_due`, shared by its threads."""

    desk: Desk
    rules: Rules
    until: datetime | None
    limit: int | None
    progress: Progress | None
    report: DeliveryReport = field(default_factory=DeliveryReport)
    stop: threading.Event = field(default_factory=threading.Event)
    turns: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> ClaimedPush | None:
        """Claim the next push, or None when this run is over."""
        if self.stop.is_set() or (self.until is not None and self.desk.now() >= self.until):
            return None
        with self.lock:
            if self.limit is not None and self.turns.total() >= self.limit:
                return None
            push = self.desk.claim(skip=[i for i, n in self.turns.items() if n >= TURNS_IN_ONE_RUN])
            if push is not None:
                self.turns[push.push_id] += 1
            return push

    def work(self, push: ClaimedPush | None = None) -> None:
        """Handle `push`, then what comes next, until nothing does."""
        try:
            push = push or self.next()
            while push is not None:
                self._handle(push)
                push = self.next()
        except BaseException:
            self.stop.set()
            raise

    def _handle(self, push: ClaimedPush) -> None:
        delivery = self.desk.deliveries[push.kind]
        verdict = self._read_back(push, delivery) if push.is_read_back else self._send(push, delivery)
        outcome = self._settle(push, verdict)
        with self.lock:
            self.report.add(push.kind, outcome)
            if verdict.auth_failed is not None:
                self.report.auth_failed = verdict.auth_failed
                self.stop.set()
        if self.progress is not None:
            self.progress(1)

    def _send(self, push: ClaimedPush, delivery: Delivery) -> Verdict:
        if not self.desk.may_still_send(push):
            return self.rules.not_sent(push)
        try:
            return self.rules.sent(delivery.send(push))
        except Refused as refusal:
            return self.rules.refused(push, refusal, self._look(push, delivery))
        except Exception as error:
            return self.rules.send_failed(push, error)

    def _read_back(self, push: ClaimedPush, delivery: Delivery) -> Verdict:
        found = self._look(push, delivery)
        if isinstance(found, Exception):
            return self.rules.look_failed(push, found)
        return self.rules.missed(push, delivery) if found is None else self.rules.found(found)

    def _look(self, push: ClaimedPush, delivery: Delivery) -> Receipt | Exception | None:
        try:
            return delivery.find(push)
        except Exception as error:
            return error

    def _settle(self, push: ClaimedPush, verdict: Verdict) -> Outcome:
        try:
            kept = self.desk.settle(push, verdict)
        except Exception as error:
            if verdict.receipt is None:
                raise
            verdict = self.rules.unrecorded(push, verdict.receipt, error)
            kept = self.desk.settle(push, verdict)
        return verdict.outcome if kept else Outcome.FENCED
