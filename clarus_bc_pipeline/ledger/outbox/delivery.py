"""The values that pass between the outbox and a flow: how a kind is delivered, what came of it.

What belongs here: small frozen types. What does not: SQL or threads.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other system's word that it has the write: its own id, and the reply (JSON-ready)."""

    remote_id: str
    reply: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClaimedPush:
    """One push that this worker holds until `lease_until` (UTC), under `lease_token`."""

    push_id: int
    store: str
    kind: str
    business_key: str
    lane: str
    payload: Mapping[str, Any]
    cause: Mapping[str, Any]
    attempts: int  # sends, this one included
    failures: int  # sends and read-backs in a row that came to nothing, before this one
    misses: int
    remote_id: str | None
    due_at: datetime | None
    lease_token: int
    lease_until: datetime
    is_read_back: bool
    attempt_id: int
    claimed_at: datetime


def _no_record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
    """For kinds whose delivery leaves no fact behind."""


@dataclass(frozen=True)
class Delivery:
    """How one kind of push reaches its system.

    `send` makes the write and returns its receipt, or raises from the taxonomy of `http.py`. `find` looks for
    the write by its marker and returns None when it surely is not there; it must raise when it cannot tell.
    `record` keeps what the write made true, in the same transaction that marks the push delivered; it may
    also run after `find`.

    `adopt_only`: look for what somebody else writes; never send.
    `person_after_misses`: after two read-backs that miss, a person decides, instead of a second send (money).
    `parked_blocks_lane`: a parked push of this kind holds back later ones of its kind in its lane. By default
    a parked push holds nothing back: one refused parcel must not keep the order's others from the customer.
    """

    kind: str
    send: Callable[[ClaimedPush], Receipt]
    find: Callable[[ClaimedPush], Receipt | None]
    record: Callable[[sa.Connection, ClaimedPush, Receipt], None] = _no_record
    adopt_only: bool = False
    person_after_misses: bool = False
    parked_blocks_lane: bool = False


class Outcome(enum.StrEnum):
    """What came of one push that a worker held."""

    DELIVERED = "delivered"  # sent, and accepted
    ADOPTED = "adopted"  # found to be there already
    RETRIED = "retried"  # surely not there; will be sent again later
    AMBIGUOUS = "ambiguous"  # nobody knows yet; will be read back
    PARKED = "parked"  # a person must look
    FENCED = "fenced"  # the lease had passed to another worker; nothing was changed


@dataclass
class DeliveryReport:
    """What one run of `deliver_due` did. Each push that was held counts once per outcome.

    `auth_failed` holds the vendor's words when credentials were refused: the run stopped there, and nothing
    of this store will move until they are right. `lapsed` counts sends whose worker died; they are read back
    after settling.
    """

    by_kind: dict[str, Counter[Outcome]] = field(default_factory=dict)
    lapsed: int = 0
    auth_failed: str | None = None

    def count(self, outcome: Outcome) -> int:
        return sum(outcomes[outcome] for outcomes in self.by_kind.values())

    def add(self, kind: str, outcome: Outcome) -> None:
        self.by_kind.setdefault(kind, Counter())[outcome] += 1

    @property
    def attempted(self) -> int:
        """Claims that were worked off, whatever came of them."""
        return sum(outcomes.total() for outcomes in self.by_kind.values())

    def metadata(self) -> dict[str, int | str]:
        """The numbers worth plotting, by name, and the vendor's words when credentials were refused."""
        numbers: dict[str, int | str] = {str(outcome): self.count(outcome) for outcome in Outcome}
        numbers["lapsed"] = self.lapsed
        return numbers | ({"auth_failed": self.auth_failed} if self.auth_failed else {})

    @property
    def delivered(self) -> int:
        return self.count(Outcome.DELIVERED)

    @property
    def adopted(self) -> int:
        return self.count(Outcome.ADOPTED)

    @property
    def retried(self) -> int:
        return self.count(Outcome.RETRIED)

    @property
    def ambiguous(self) -> int:
        return self.count(Outcome.AMBIGUOUS)

    @property
    def parked(self) -> int:
        return self.count(Outcome.PARKED)

    @property
    def fenced(self) -> int:
        return self.count(Outcome.FENCED)
