"""A clock that tests turn, and a remote system that keeps the ground truth of what was applied to it.

What belongs here: the double of "the other system", in process, with faults. What does not: assertions.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions.pushes import Push
from clarus_bc_pipeline.http import Ambiguous, AuthFailed, Gone, NotApplied, Refused
from clarus_bc_pipeline.ledger import outbox
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Delivery, DeliveryReport, Receipt
from clarus_bc_pipeline.ledger.tables import push as push_table
from clarus_bc_pipeline.settings import OutboxSettings

STORE = "main"
SETTINGS = OutboxSettings.model_validate({"threads": 1})


class Killed(BaseException):
    """Stands for SIGKILL: nothing that the pipeline does may catch it."""


class Clock:
    """UTC, moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


@dataclass
class Remote:
    """The other system. `truth` holds the business key of every effect; `faults` strike the next sends in
    turn."""

    truth: list[str] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    look_faults: deque[str] = field(default_factory=deque)
    late: list[tuple[str, float]] = field(default_factory=list)  # with the seconds that are left
    sends: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    during_send: Callable[[ClaimedPush], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, push: ClaimedPush) -> Receipt:
        """Apply the write, or fail as the next fault says."""
        if self.during_send:
            self.during_send(push)
        with self.lock:
            self.sends.append(push.business_key)
            fault = self.faults.popleft() if self.faults else "none"
            if fault in (
                "none",
                "apply_then_reset",
                "apply_then_500",
                "apply_then_refuse",
                "apply_then_kill",
            ):
                self.truth.append(push.business_key)
            if fault == "apply_late":
                self.late.append((push.business_key, 90.0))
        call = f"POST /{push.business_key}"
        match fault:
            case "none":
                return Receipt(f"R-{push.business_key}", {"id": push.business_key})
            case "no_connection":
                raise NotApplied(call, "no connection")
            case "throttled":
                raise NotApplied(call, "429: asked to wait", status=429, retry_after=7.0)
            case "apply_then_reset" | "reset" | "apply_late":
                raise Ambiguous(call, "no whole reply")
            case "apply_then_500":
                raise Ambiguous(call, "500: the vendor failed", status=500)
            case "refuse" | "apply_then_refuse":
                raise Refused(call, "422: refused", status=422, detail="quantity exhausted")
            case "gone":
                raise Gone(call, "404: no such record", status=404)
            case "auth":
                raise AuthFailed(call, "401: credentials or scope not accepted", status=401)
            case "bug":
                raise KeyError("order_address_id")
            case "kill" | "apply_then_kill":
                raise Killed
            case _:
                raise AssertionError(fault)

    def find(self, push: ClaimedPush) -> Receipt | None:
        """Look for the write by its marker."""
        with self.lock:
            self.looks.append(push.business_key)
            fault = self.look_faults.popleft() if self.look_faults else "none"
            there = push.business_key in self.truth
        match fault:
            case "none":
                return Receipt(f"R-{push.business_key}") if there else None
            case "blind":  # an eventually consistent list that does not show it yet
                return None
            case "reset":
                raise Ambiguous("GET /", "no whole reply")
            case "auth":
                raise AuthFailed("GET /", "401: credentials or scope not accepted", status=401)
            case "gone":
                raise Gone("GET /", "404: no such record", status=404)
            case _:
                raise AssertionError(fault)

    def pass_time(self, seconds: float) -> None:
        """What was to be applied late is applied when its time has come: between the two looks for it."""
        late = [(key, left - seconds) for key, left in self.late]
        self.truth += [key for key, left in late if left <= 0]
        self.late = [(key, left) for key, left in late if left > 0]

    def delivery(self, kind: str = "shipment", **options: Any) -> Delivery:
        """How the outbox reaches this system."""
        return Delivery(kind=kind, send=self.send, find=self.find, **options)


@dataclass
class World:
    """One store's outbox in a real ledger, one remote system, and the time."""

    engine: sa.Engine
    remote: Remote = field(default_factory=Remote)
    clock: Clock = field(default_factory=Clock)
    settings: OutboxSettings = SETTINGS

    def queue(self, *keys: str, lane: str | None = None, kind: str = "shipment", **fields: Any) -> int:
        """Queue a push a key, each in a lane of its own unless one is given."""
        pushes = [Push(kind, key, lane or f"order:{key}", {"key": key}, **fields) for key in keys]
        with self.engine.begin() as connection:
            return outbox.enqueue(connection, store=STORE, pushes=pushes, now=self.clock())

    def deliver(self, *deliveries: Delivery, worker: str = "w1", **options: Any) -> DeliveryReport:
        """One run of the outbox."""
        return outbox.deliver_due(
            self.engine,
            store=STORE,
            deliveries=deliveries or (self.remote.delivery(),),
            settings=options.pop("settings", self.settings),
            now=options.pop("now", self.clock),
            worker=worker,
            **options,
        )

    def row(self, key: str) -> sa.Row[Any]:
        """The push of a business key, whole."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(push_table).where(push_table.c.business_key == key)).one()

    def state(self, key: str) -> str:
        """Where the push of a business key stands."""
        return str(self.row(key).state)

    def attempts(self, key: str) -> list[tuple[str, str | None]]:
        """(action, outcome) of everything that was done about it."""
        with self.engine.connect() as connection:
            history = outbox.push_history(connection, push_id=self.row(key).push_id)
        return [(attempt.action, attempt.outcome) for attempt in history]
