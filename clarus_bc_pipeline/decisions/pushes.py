"""A push: one write that a flow has decided to make to the other system.

What belongs here: the value and its states. What does not: storing, leasing or sending it (`ledger/outbox.py`).
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class PushState(enum.StrEnum):
    """Where a push stands. `delivered`, `superseded` and `parked` are at rest; the others are still moving."""

    PENDING = "pending"
    SENDING = "sending"
    AMBIGUOUS = "ambiguous"
    DELIVERED = "delivered"
    PARKED = "parked"
    SUPERSEDED = "superseded"


class Priority(enum.IntEnum):
    """Who goes first when the shop's quota is short (lower is sooner)."""

    SHIPMENT = 0
    STOCK_NEAR_ZERO = 1
    ORDER_RELEASE = 2
    REFUND = 3
    STOCK = 4
    READ = 5


@dataclass(frozen=True, slots=True)
class Push:
    """One write, unique on (store, kind, business_key).

    `lane` names what must never have two pushes in flight at once, for example `order:10432`.
    `due_at` (UTC) is when the person waiting for it has waited too long; None where nobody waits.
    `payload` holds the request in the vendor's own words, JSON-ready, money as strings.
    """

    kind: str
    business_key: str
    lane: str
    payload: Mapping[str, Any]
    priority: Priority = Priority.SHIPMENT
    due_at: datetime | None = None
    cause: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request_hash(self) -> str:
        """SHA-256 of the payload in canonical JSON: the same request has the same hash."""
        canonical = json.dumps(self.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
