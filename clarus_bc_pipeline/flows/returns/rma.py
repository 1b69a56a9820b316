"""An RMA, its order and its receipts as the ledger holds them: the values that the returns' rules take.

What belongs here: small frozen types. What does not: any decision (`rules.py`, `inspection.py`, `refunding.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clarus_bc_pipeline.flows.returns.currency import rounded


class State(enum.StrEnum):
    """Where an RMA stands."""

    AUTHORISED = "authorised"
    ANNOUNCED = "announced"
    RECEIVED = "received"
    INSPECTED = "inspected"
    REFUNDED = "refunded"
    RESTOCKED = "restocked"
    CLOSED = "closed"


SEQUENCE = (
    State.AUTHORISED, State.ANNOUNCED, State.RECEIVED, State.INSPECTED, State.REFUNDED, State.RESTOCKED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RmaLine:
    """Units that may come back of one order line."""

    order_product_id: int
    sku: str
    product_code: str
    reason: str
    units: int


@dataclass(frozen=True, slots=True)
class Rma:
    """An RMA as the ledger holds it. `received_at` starts the 14 days of the refund."""

    number: str
    order_id: int
    state: State
    opened_at: datetime
    lines: tuple[RmaLine, ...]
    refund_shipping: bool = False
    received_at: datetime | None = None
    inspected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the order as the shop and the warehouse tell it. `total` is of all units, with tax."""

    order_product_id: int
    sku: str
    quantity: int
    shipped: int
    refunded: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """The order of an RMA. `addresses` are the ids of those that its lines went to."""

    order_id: int
    currency: str
    total: Decimal
    is_deleted: bool
    lines: Mapping[int, OrderLine]
    addresses: tuple[int, ...] = ()

    def value(self, units: Mapping[int, int]) -> Decimal:
        """What these units of its lines were sold for, with tax; for telling what is at risk."""
        worth = Decimal(0)
        for line_id, count in units.items():
            if (line := self.lines.get(line_id)) and line.quantity:
                worth += line.total * count / line.quantity
        return rounded(worth, self.currency)


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line of a receipt as Clarus counts and grades it. `inspection` is empty until somebody has looked."""

    product_code: str
    line_reference: str | None
    received: Decimal
    unit: str
    inspection: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt of the RMA's reference; cancelled ones are left out before."""

    receipt_id: int
    is_complete: bool
    received_at: datetime | None
    lines: tuple[ReceiptLine, ...]
