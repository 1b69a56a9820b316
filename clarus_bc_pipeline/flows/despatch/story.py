"""One order's story: where it stands in one sentence, and what happened in both systems, in order.

What belongs here: reading the facts of one order and wording them. What does not: showing them (`cli/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("story.sql"))

WAREHOUSE_WORDS = {
    "DRAFT": "is a draft in Clarus",
    "PENDING": "waits in Clarus for stock",
    "ALLOCATED": "has its stock allocated in Clarus",
    "PART_ALLOCATED": "has part of its stock allocated in Clarus",
    "PICK": "is being picked",
    "PART": "is being picked",
    "COMPLETED": "has left the warehouse",
    "CANCELLED": "is cancelled in Clarus",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when (UTC), in which system, and what."""

    at: datetime
    system: str
    what: str


@dataclass(frozen=True, slots=True)
class Story:
    """`sentence` is what a CX agent can paste. `facts` are the order's numbers, JSON-ready but for times and money."""

    store: str
    order_id: int
    sentence: str
    events: tuple[Event, ...]
    findings: tuple[OpenFinding, ...]
    facts: dict[str, Any]


def order_story(connection: sa.Connection, *, store: str, order_id: int) -> Story | None:
    """The story of an order, or None when the ledger does not hold it."""
    given = {"store": store, "order_id": order_id}
    row = connection.execute(SQL["order_now"], given).mappings().one_or_none()
    if row is None:
        return None
    events = tuple(Event(r.at, r.system, r.what) for r in connection.execute(SQL["events"], given))
    parcels = [dict(r) for r in connection.execute(SQL["parcels"], given).mappings()]
    findings = tuple(open_findings(connection, store=store, order_id=order_id))
    facts = {**row, "parcels": parcels}
    return Story(store, order_id, sentence(facts, findings), events, findings, facts)


def sentence(facts: dict[str, Any], findings: tuple[OpenFinding, ...] = ()) -> str:
    """Where an order stands, in one sentence, worded for a customer's agent."""
    order = f"Order {facts['order_id']}"
    if facts["is_deleted"]:
        return f"{order} was deleted or archived in BigCommerce."
    if facts["shipped"] and facts["shipped"] >= facts["to_ship"]:
        return f"{order} is on its way: {_parcels(facts['parcels'])}; the customer can see it."
    if facts["shipped"]:
        return (
            f"{order} is partly on its way ({facts['shipped']:g} of {facts['to_ship']:g} items): "
            f"{_parcels(facts['parcels'])}; the rest {_warehouse(facts)}."
        )
    if facts["despatched"]:
        return f"{order} has left the warehouse; its tracking is on its way to the shop."
    holding = next((f for f in findings if f.scope in ("orders.release", "outbox")), None)
    if facts["goods_out_status"] is None and holding:
        return f"{order} is held: {holding.type.title.lower()}. {holding.type.owner.capitalize()} has it."
    return f"{order} {_warehouse(facts)}."


def _warehouse(facts: dict[str, Any]) -> str:
    if facts["goods_out_missing"]:
        return "was deleted in Clarus"
    if facts["goods_out_status"]:
        return WAREHOUSE_WORDS.get(
            facts["goods_out_status"], f"is in Clarus with status {facts['goods_out_status']}"
        )
    if facts["push_state"]:
        return "is on its way to the warehouse"
    return f"is not with the warehouse yet (payment {facts['payment_status'] or 'unknown'})"


def _parcels(parcels: list[dict[str, Any]]) -> str:
    told = [p for p in parcels if p["shipment_id"]]
    if not told:
        return "the shop shows it as shipped"
    each = [
        f"{p['carrier'] or 'carrier'} {p['tracking_number']}"
        if p["tracking_number"]
        else "a parcel without tracking"
        for p in told
    ]
    return f"{len(told)} parcel{'s' if len(told) > 1 else ''}, {', '.join(each)}, sent {told[-1]['despatched_at']:%d %b %H:%M} UTC"
