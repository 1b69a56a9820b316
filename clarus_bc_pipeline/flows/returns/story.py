"""One RMA told to a person: a sentence, its lines, its steps with their evidence, and what holds it up.

What belongs here: reading the ledger for `clarus-bc rma`. What does not: any decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.flows.returns.currency import shown
from clarus_bc_pipeline.flows.returns.exceptions import LAW_DAYS
from clarus_bc_pipeline.flows.returns.rma import State
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

_STANDS = {
    State.AUTHORISED: "is opened, and Clarus is not told of it yet",
    State.ANNOUNCED: "is announced to Clarus; the parcel is not back",
    State.RECEIVED: "is back in the warehouse and waits for its inspection",
    State.INSPECTED: "is inspected; its refund is not made",
    State.REFUNDED: "is refunded; its sellable units are not seen in stock yet",
    State.RESTOCKED: "is refunded, and its sellable units are back in stock",
    State.CLOSED: "is closed",
}


@dataclass(frozen=True, slots=True)
class RmaStory:
    """An RMA for a person. Times are UTC; `refund_push` is the outbox's state of its refund, None where it has none."""

    store: str
    number: str
    order_id: int
    state: str
    sentence: str
    refund_by: datetime | None
    approved: Decimal | None
    quoted: Decimal | None
    currency: str | None
    refund_id: int | None
    refund_push: str | None
    lines: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    findings: tuple[OpenFinding, ...]


def rma_story(connection: sa.Connection, *, store: str, number: str) -> RmaStory | None:
    """The RMA's story, or None where the store has no such RMA."""
    rma, line, event, approval, push = (
        tables.rma, tables.rma_line, tables.rma_event, tables.refund_approval, tables.push,
    )  # fmt: skip
    row = connection.execute(sa.select(rma).where(rma.c.store == store, rma.c.rma == number)).one_or_none()
    if row is None:
        return None
    names = ("order_product_id", "sku", "reason", "units", "received", "sellable", "damaged", "missing", "passed")
    lines = connection.execute(
        sa.select(*(line.c[name] for name in names))
        .where(line.c.store == store, line.c.rma == number)
        .order_by(line.c.order_product_id)
    ).mappings()
    events = connection.execute(
        sa.select(event.c.state, event.c.at, event.c.evidence)
        .where(event.c.store == store, event.c.rma == number)
        .order_by(event.c.at)
    ).mappings()
    money = connection.execute(
        sa.select(approval).where(approval.c.store == store, approval.c.rma == number)
    ).one_or_none()
    refund_push = connection.scalar(
        sa.select(push.c.state).where(push.c.store == store, push.c.kind == "refund", push.c.business_key == number)
    )
    findings = [
        each
        for each in open_findings(connection, store=store, order_id=row.order_id)
        if each.evidence.get("rma") == number or number in each.subject
    ]
    order_of = {str(state): i for i, state in enumerate(State)}
    return RmaStory(
        store=store,
        number=number,
        order_id=row.order_id,
        state=row.state,
        sentence=_sentence(row, money),
        refund_by=_refund_by(row, money),
        approved=money.amount if money else None,
        quoted=money.quoted if money else None,
        currency=money.currency if money else None,
        refund_id=money.refund_id if money else None,
        refund_push=refund_push,
        lines=tuple(dict(each) for each in lines),
        events=tuple(sorted((dict(each) for each in events), key=lambda each: (each["at"], order_of[each["state"]]))),
        findings=tuple(findings),
    )


def _refund_by(row: sa.Row[Any], money: sa.Row[Any] | None) -> datetime | None:
    """The last day of the law's time for the refund, while one may be owed."""
    is_open = row.state in (State.RECEIVED, State.INSPECTED) and (money is None or money.refund_id is None)
    return row.received_at + timedelta(days=LAW_DAYS) if is_open and row.received_at else None


def _sentence(row: sa.Row[Any], money: sa.Row[Any] | None) -> str:
    said = f"RMA {row.rma} of order {row.order_id} {_STANDS[State(row.state)]}"
    if row.state == State.CLOSED:
        return f"{said}: {row.closed_because}."
    if money is not None and money.refund_id is not None:
        return f"{said}: {shown(money.quoted or money.amount, money.currency)}, refund {money.refund_id}."
    if money is not None:
        return f"{said}: {shown(money.amount, money.currency)} is approved."
    by = _refund_by(row, money)
    return f"{said}." + (f" A refund is due by {by:%d %b %Y}." if by else "")
