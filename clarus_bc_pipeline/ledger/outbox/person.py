"""What a person sees of the outbox, and may do to it. Every act is kept in `push_attempt` with who and why.

What belongs here: listing, history, retry, park. What does not: delivery.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions.pushes import PushState
from clarus_bc_pipeline.ledger.outbox.queue import SQL
from clarus_bc_pipeline.ledger.tables import push, push_attempt


class PushNotMovable(Exception):
    """The push does not exist, or its state does not allow this act. The message says which would."""


@dataclass(frozen=True, slots=True)
class PushRow:
    """One push as a person sees it: where it stands, without its payload. Times are UTC."""

    push_id: int
    store: str
    kind: str
    business_key: str
    lane: str
    state: str
    attempts: int
    failures: int
    next_attempt_at: datetime
    due_at: datetime | None
    remote_id: str | None
    last_error: str | None
    cause: Mapping[str, Any]
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call, or one act of a person. `outcome` is None while the call is under way, and for a person's
    act."""

    action: str
    worker: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    http_status: int | None
    detail: str | None


def list_pushes(
    connection: sa.Connection,
    *,
    store: str | None = None,
    states: Collection[PushState] | None = None,
    kind: str | None = None,
    lane: str | None = None,
    limit: int = 200,
) -> list[PushRow]:
    """Pushes, newest first; without `states` those that are not at rest, and the parked ones."""
    open_states = (PushState.PENDING, PushState.SENDING, PushState.AMBIGUOUS, PushState.PARKED)
    query = sa.select(*(push.c[name] for name in PushRow.__dataclass_fields__)).where(
        push.c.state.in_([str(s) for s in states or open_states])
    )
    for column, value in ((push.c.store, store), (push.c.kind, kind), (push.c.lane, lane)):
        if value is not None:
            query = query.where(column == value)
    return [PushRow(*row) for row in connection.execute(query.order_by(push.c.push_id.desc()).limit(limit))]


def push_history(connection: sa.Connection, *, push_id: int) -> list[Attempt]:
    """Everything that was ever done about the push, in order."""
    store = sa.select(push.c.store).where(push.c.push_id == push_id).scalar_subquery()
    query = (
        sa.select(*(push_attempt.c[name] for name in Attempt.__dataclass_fields__))
        .where(push_attempt.c.store == store, push_attempt.c.push_id == push_id)
        .order_by(push_attempt.c.push_attempt_id)
    )
    return [Attempt(*row) for row in connection.execute(query)]


def retry_push(connection: sa.Connection, *, push_id: int, actor: str, now: datetime, reason: str = "") -> None:
    """Send a parked or waiting push again at once, as if for the first time; an ambiguous one is looked for
    at once.

    For a parked write of unknown outcome this is the person's word that it is not there. Raises
    `PushNotMovable`.
    """
    if _state(connection, push_id) is PushState.AMBIGUOUS:
        # Nobody has said that it was not applied: bring the read-back forward, and keep its count of misses.
        moved = connection.execute(
            sa.update(push)
            .where(push.c.push_id == push_id, push.c.state == PushState.AMBIGUOUS, push.c.lease_until.is_(None))
            .values(next_attempt_at=now)
            .returning(push.c.store, push.c.lease_token, push.c.request_hash)
        ).one_or_none()
    else:
        moved = _move(connection, push_id, PushState.PENDING, (PushState.PARKED, PushState.PENDING), None, now)
    _note(connection, push_id, moved, action="retry", actor=actor, detail=reason or None, now=now)


def park_push(connection: sa.Connection, *, push_id: int, reason: str, actor: str, now: datetime) -> None:
    """Set a waiting or ambiguous push aside until somebody retries it. Raises `PushNotMovable`,
    `ValueError`."""
    if not reason.strip():
        raise ValueError(f"push {push_id} was not parked: give a reason, for example 'customer called, do not ship'")
    moved = _move(connection, push_id, PushState.PARKED, (PushState.PENDING, PushState.AMBIGUOUS), reason, now)
    _note(connection, push_id, moved, action="park", actor=actor, detail=reason, now=now)


def _move(
    connection: sa.Connection,
    push_id: int,
    state: PushState,
    from_states: Collection[PushState],
    last_error: str | None,
    now: datetime,
) -> sa.Row[Any] | None:
    given = {
        "push_id": push_id,
        "state": str(state),
        "from_states": [str(s) for s in from_states],
        "last_error": last_error,
        "now": now,
    }
    return connection.execute(SQL["person_moves"], given).one_or_none()


def _note(
    connection: sa.Connection,
    push_id: int,
    moved: sa.Row[Any] | None,
    *,
    action: str,
    actor: str,
    detail: str | None,
    now: datetime,
) -> None:
    if moved is None:
        state = _state(connection, push_id)
        raise PushNotMovable(
            f"there is no push {push_id}" if state is None else f"push {push_id} is {state}: {_why_not(state)}"
        )
    given = {"push_id": push_id, "action": action, "actor": actor, "detail": detail, "now": now}
    connection.execute(SQL["note_person"], given | dict(moved._mapping))


def _state(connection: sa.Connection, push_id: int) -> PushState | None:
    state = connection.scalar(sa.select(push.c.state).where(push.c.push_id == push_id))
    return PushState(state) if state else None


def _why_not(state: PushState) -> str:
    match state:
        case PushState.SENDING | PushState.AMBIGUOUS:
            return "a worker holds it; wait for its outcome"
        case PushState.PARKED:
            return "it is set aside already"
        case _:
            return "it is at rest, and nothing is left to do"
