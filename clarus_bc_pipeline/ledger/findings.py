"""Findings as the ledger keeps them: opened once, counted, resolved when their cause is gone, or closed by a
person.

What belongs here: the life of a finding and what people do to it. What does not: deciding that there is one
(a flow's `rules.py`) or what its type means (`decisions/findings.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.findings import REGISTRY, Finding, FindingType, Owner
from clarus_bc_pipeline.ledger.queries import read_queries
from clarus_bc_pipeline.ledger.tables import finding, finding_event

PIPELINE = "pipeline"  # the actor of what no person did

_SQL = read_queries(Path(__file__).with_name("findings.sql"))


class NoSuchFinding(LookupError):
    """The finding does not exist, or is not open any more."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one decision's findings. `kept_closed` were closed by a person and say nothing new."""

    opened: int = 0
    repeated: int = 0
    changed: int = 0
    resolved: int = 0
    kept_closed: int = 0


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """One open finding, for a person. Times are UTC; `value_at_risk` is in `currency`."""

    finding_id: int
    store: str
    scope: str
    code: str
    subject: str
    message: str
    order_id: int | None
    evidence: Mapping[str, Any]
    value_at_risk: Decimal | None
    currency: str | None
    occurrences: int
    first_seen_at: datetime
    last_seen_at: datetime
    assigned_to: str | None
    snoozed_until: datetime | None

    @property
    def type(self) -> FindingType:
        return REGISTRY[self.code]


def record_findings(
    connection: sa.Connection,
    *,
    store: str,
    scope: str,
    findings: Collection[Finding],
    now: datetime,
    examined: Collection[str] | None = None,
    examined_orders: Collection[int] | None = None,
) -> Recorded:
    """Bring the ledger in line with what the decision `scope` sees now, in the caller's transaction.

    Each (code, subject) is open once in a store: seen again it is counted and its words and evidence are
    refreshed. Open findings of `scope` that are not in `findings` resolve when their subject is in `examined`
    or their order in `examined_orders`; with neither given everything in the scope was examined, an empty
    collection examines nothing. What a person closed stays closed while its message is the same; what was
    resolved, or says something new, opens as a new row.
    """
    latest = {(f.code, f.subject): f for f in findings}
    resolved = connection.execute(
        _SQL["resolve_gone"],
        {
            "store": store,
            "scope": scope,
            "now": now,
            "actor": PIPELINE,
            "codes": [code for code, _ in latest],
            "subjects": [subject for _, subject in latest],
            "everything": examined is None and examined_orders is None,
            "examined": list(examined or ()),
            "examined_orders": list(examined_orders or ()),
        },
    ).scalar_one()
    if not latest:
        return Recorded(resolved=resolved)
    given = {"store": store, "now": now, "actor": PIPELINE}
    repeated, changed = connection.execute(_SQL["repeat_open"], given | _columns(latest.values())).one()
    rest = latest if repeated + changed == 0 else _not_open(connection, store, latest)
    closed = (
        {(row.code, row.subject) for row in connection.execute(_SQL["repeat_closed"], given | _columns(rest.values()))}
        if rest
        else set()
    )
    fresh = [f for key, f in rest.items() if key not in closed]
    opened = (
        connection.execute(_SQL["open_new"], given | {"scope": scope} | _columns(fresh)).scalar_one() if fresh else 0
    )
    return Recorded(opened, repeated, changed, resolved, len(closed))


def open_findings(
    connection: sa.Connection,
    *,
    store: str | None = None,
    owner: Owner | None = None,
    order_id: int | None = None,
    awake_at: datetime | None = None,
) -> list[OpenFinding]:
    """Open findings, oldest first; `awake_at` leaves out those that are snoozed at that time."""
    query = sa.select(*(finding.c[name] for name in OpenFinding.__dataclass_fields__)).where(finding.c.state == "open")
    if store is not None:
        query = query.where(finding.c.store == store)
    if order_id is not None:
        query = query.where(finding.c.order_id == order_id)
    if owner is not None:
        query = query.where(finding.c.code.in_([code for code, t in REGISTRY.items() if t.owner is owner]))
    if awake_at is not None:
        query = query.where(sa.func.coalesce(finding.c.snoozed_until <= awake_at, True))
    rows = connection.execute(query.order_by(finding.c.first_seen_at, finding.c.finding_id))
    return [OpenFinding(*row) for row in rows]


def close_finding(connection: sa.Connection, *, finding_id: int, reason: str, actor: str, now: datetime) -> None:
    """A person settles it: it stays closed while its message is the same. Raises `NoSuchFinding`,
    `ValueError`."""
    if not reason.strip():
        raise ValueError(f"finding {finding_id} was not closed: give a reason, for example 'customer refunded by hand'")
    change: dict[str, Any] = {"state": "closed", "resolved_at": now}
    _act(connection, finding_id, change, event="closed", actor=actor, note=reason, now=now)


def assign_finding(
    connection: sa.Connection, *, finding_id: int, assignee: str | None, actor: str, now: datetime
) -> None:
    """Say who looks after it (None: nobody). Raises `NoSuchFinding`."""
    change = {"assigned_to": assignee}
    _act(connection, finding_id, change, event="assigned", actor=actor, note=assignee or "nobody", now=now)


def snooze_finding(connection: sa.Connection, *, finding_id: int, until: datetime, actor: str, now: datetime) -> None:
    """Keep it out of sight until then; it goes on counting. Raises `NoSuchFinding`."""
    change = {"snoozed_until": until}
    _act(
        connection,
        finding_id,
        change,
        event="snoozed",
        actor=actor,
        note=f"until {until.isoformat()}",
        now=now,
    )


def _act(
    connection: sa.Connection,
    finding_id: int,
    change: Mapping[str, Any],
    *,
    event: str,
    actor: str,
    note: str,
    now: datetime,
) -> None:
    store = connection.scalar(
        sa.update(finding)
        .where(finding.c.finding_id == finding_id, finding.c.state == "open")
        .values(**change)
        .returning(finding.c.store)
    )
    if store is None:
        state = connection.scalar(sa.select(finding.c.state).where(finding.c.finding_id == finding_id))
        raise NoSuchFinding(
            f"there is no finding {finding_id}" if state is None else f"finding {finding_id} is {state}, not open"
        )
    connection.execute(
        sa.insert(finding_event).values(store=store, finding_id=finding_id, at=now, event=event, actor=actor, note=note)
    )


def _not_open(
    connection: sa.Connection, store: str, latest: Mapping[tuple[str, str], Finding]
) -> dict[tuple[str, str], Finding]:
    codes = sorted({code for code, _ in latest})
    rows = connection.execute(
        sa.select(finding.c.code, finding.c.subject).where(
            finding.c.store == store, finding.c.state == "open", finding.c.code.in_(codes)
        )
    )
    held = {(row.code, row.subject) for row in rows}
    return {key: f for key, f in latest.items() if key not in held}


def _columns(findings: Collection[Finding]) -> dict[str, list[Any]]:
    return {
        "codes": [f.code for f in findings],
        "subjects": [f.subject for f in findings],
        "order_ids": [f.order_id for f in findings],
        "messages": [f.message for f in findings],
        "evidence": [msgspec.json.encode(f.evidence).decode() for f in findings],
        "values_at_risk": [f.value_at_risk for f in findings],
        "currencies": [f.currency for f in findings],
    }
