"""What the outbox itself has to tell people: refused, failing, late, or unknown.

What belongs here: findings made from the push table alone. What does not: whether both systems agree (each
flow's prove step).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions.findings import Finding
from clarus_bc_pipeline.ledger.findings import Recorded, record_findings
from clarus_bc_pipeline.ledger.outbox.queue import SQL
from clarus_bc_pipeline.ledger.outbox.verdict import MISSES_ALLOWED
from clarus_bc_pipeline.settings import OutboxSettings

SCOPE = "outbox"


def outbox_findings(
    connection: sa.Connection,
    *,
    store: str,
    settings: OutboxSettings,
    now: datetime,
    told_by_flow: Collection[str] = (),
) -> Recorded:
    """Open, refresh and resolve the store's findings about its pushes; they resolve when the push is
    delivered.

    The order's number is read from a lane `order:<number>`; `value_at_risk` and `currency` from the push's
    cause, where the flow put them. A parked push of a kind in `told_by_flow` has the flow's own finding.
    """
    given = {
        "store": store,
        "now": now,
        "misses_allowed": MISSES_ALLOWED,
        "told_by_flow": list(told_by_flow),
        "alert_after_failures": settings.alert_after_failures,
    }
    findings = [_finding(row) for row in connection.execute(SQL["trouble"], given)]
    return record_findings(connection, store=store, scope=SCOPE, findings=findings, examined=None, now=now)


def _finding(row: sa.Row[Any]) -> Finding:
    order = re.fullmatch(r"order:(\d+)", row.lane)
    value = row.cause.get("value_at_risk")
    return Finding(
        code=row.code,
        subject=f"{row.kind} {row.business_key}",
        message=_message(row),
        order_id=int(order[1]) if order else None,
        evidence={
            "push_id": row.push_id,
            "state": row.state,
            "attempts": row.attempts,
            "failures": row.failures,
            "last_error": row.last_error,
        },
        value_at_risk=None if value is None else Decimal(str(value)),
        currency=row.cause.get("currency"),
    )


def _words(row: sa.Row[Any]) -> str:
    return str(row.last_error).rstrip(".")


def _message(row: sa.Row[Any]) -> str:
    """The sentence for a person. No count or age in it: a message that changes by itself would never be at
    rest."""
    what = f"{row.kind} {row.business_key} (push {row.push_id})"
    match row.code:
        case "write_unknown":
            return f"{what} may or may not have been applied: {_words(row)}."
        case "push_parked":
            return f"{what} was set aside: {_words(row)}."
        case "push_failing":
            return f"{what} keeps failing, last with: {_words(row)}."
        case _:
            return f"{what} was due at {row.due_at:%Y-%m-%d %H:%M} UTC and is not delivered ({row.state})."
