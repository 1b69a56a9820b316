"""One order's story: where it stands in one sentence, and what happened in both systems, in order.

What belongs here: reading the facts of one order and wording them. What does not: showing them (`cli/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.decisions.findings import Owner
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("story.sql"))

WAREHOUSE_WORDS = {
    "DRAFT": "is a draft in Clarus",
    "PENDING": "waits in Clarus for its stock to be allocated",
    "ALLOCATED": "has its stock allocated in Clarus",
    "PART_ALLOCATED": "has part of its stock allocated in Clarus",
    "PICK": "is being picked",
    "PART": "is being picked",
    "CANCELLED": "is cancelled in Clarus",
}
ENDED = {4: "refunded", 5: "cancelled", 6: "declined"}  # Order Status ids, V2 reference


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when (UTC), in which system, and what."""

    at: datetime
    system: str
    what: str


@dataclass(frozen=True, slots=True)
class Story:
    """`sentence` is what a CX agent can paste.

    `facts` are the order's numbers, JSON-ready but for times and money.
    """

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
    """Where an order stands, in one sentence, worded for a customer's agent.

    `facts` as `order_now` and `parcels` of story.sql give them. What undoes the usual story comes first.
    """
    order = f"Order {facts['order_id']}"
    to_ship, shipped, despatched = facts["to_ship"], facts["shipped"] or 0, facts["despatched"] or 0
    undone = next((f for f in findings if f.code == "voided_despatch"), None)
    if undone:
        return f"{order} was announced as sent and the warehouse took that back. {_has_it(undone)}"
    if facts["is_deleted"]:
        after = " after goods had left the warehouse" if despatched or shipped else ""
        return f"{order} was deleted or archived in BigCommerce{after}."
    if shipped and shipped >= to_ship:
        return f"{order} is on its way: {_parcels(facts['parcels'])}; the customer can see it."
    if shipped:
        return (
            f"{order} is partly on its way ({shipped:g} of {to_ship:g} items): "
            f"{_parcels(facts['parcels'])}; the rest {_rest(facts, despatched - shipped)}."
        )
    held = next((f for f in findings if f.scope in ("orders.release", "outbox")), None)
    if despatched:
        part = f" in part ({despatched:g} of {to_ship:g} items)" if despatched < to_ship else ""
        told = f"The shop does not show it: {_why(held)}" if held else "Its tracking is on its way to the shop."
        return f"{order} has left the warehouse{part}. {told}"
    if facts["status_id"] in ENDED:
        after = f"; the warehouse order {_warehouse(facts)}" if facts["goods_out_status"] else ""
        return f"{order} was {ENDED[facts['status_id']]} in BigCommerce{after}."
    if not to_ship:
        return f"{order} has nothing to pack: its items are digital or refunded."
    if facts["goods_out_status"] is None and held:
        return f"{order} is held: {_why(held)}"
    return f"{order} {_warehouse(facts)}."


def _why(finding: OpenFinding) -> str:
    return f"{finding.type.title}. {_has_it(finding)}"


def _has_it(finding: OpenFinding) -> str:
    owner = "CX" if finding.type.owner == Owner.CX else finding.type.owner.capitalize()
    return f"{owner} has it."


def _warehouse(facts: dict[str, Any]) -> str:
    if facts["goods_out_missing"]:
        return "was deleted in Clarus"
    if facts["goods_out_status"] == "COMPLETED":
        return "was closed in Clarus with nothing despatched"
    if facts["goods_out_status"]:
        return WAREHOUSE_WORDS.get(facts["goods_out_status"], f"is in Clarus with status {facts['goods_out_status']}")
    if facts["push_state"]:
        return "is on its way to the warehouse"
    return f"is not with the warehouse yet (payment {facts['payment_status'] or 'unknown'})"


def _rest(facts: dict[str, Any], left_unseen: Any) -> str:
    """What became of the items that the shop does not show; `left_unseen` of them have left all the same."""
    if left_unseen > 0:
        return "has left the warehouse too, and its tracking is on its way to the shop"
    if facts["goods_out_status"] == "COMPLETED":
        return "was closed short by the warehouse and will not be sent"
    return _warehouse(facts)


def _parcels(parcels: list[dict[str, Any]]) -> str:
    told = [p for p in parcels if p["shipment_id"]]
    if not told:
        return "the shop shows it as shipped"
    each = ", ".join(
        f"{p['carrier'] or 'carrier'} {p['tracking_number']}" if p["tracking_number"] else "a parcel without tracking"
        for p in told
    )
    sent = max(p["despatched_at"] for p in told)
    return f"{len(told)} parcel{'s' if len(told) > 1 else ''}, {each}, sent {sent:%d %b %H:%M} UTC"
