"""Transactions of an order: what the shopper's money did at the gateway.

What belongs here: reading them. What does not: what they come to (`flows/returns/payments.py`). BigCommerce lists them
an order at a time alone (orders.v3.yml, `/orders/{order_id}/transactions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, field_problem
from clarus_bc_pipeline.bigcommerce.dates import from_iso8601
from clarus_bc_pipeline.bigcommerce.order_record import storable
from clarus_bc_pipeline.bigcommerce.paging import whole_list
from clarus_bc_pipeline.http import Ambiguous


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement of money; `created_at` is UTC, `amount` in `currency`.

    `event` is purchase, authorization, capture, refund, void, pending or settled, and `status` ok or error; a value
    that is not among these is kept as it came.
    """

    id: int
    order_id: int
    event: str
    method: str
    gateway: str
    gateway_transaction_id: str | None
    amount: Decimal
    currency: str
    status: str
    is_test: bool
    created_at: datetime


class _Wire(msgspec.Struct, frozen=True):
    id: int
    order_id: str | int  # text by the reference
    event: str
    method: str
    amount: Decimal
    currency: str
    status: str
    date_created: str
    gateway: str | None = None
    gateway_transaction_id: str | None = None
    test: bool = False


class _Known(msgspec.Struct, frozen=True):
    id: Any = None


_ONE = msgspec.json.Decoder(_Wire)


def transactions_of(shop: BigCommerce, order_id: int) -> list[Transaction]:
    """All transactions of an order, none where nothing was paid (204).

    Raises `Gone` without the order, and `Ambiguous` naming the transaction and field that cannot be read: a sum over
    the others would be wrong.
    """
    path = f"v3/orders/{order_id}/transactions"
    return [_transaction(f"GET {path}", order_id, bytes(raw)) for raw in whole_list(shop, path)]


def _transaction(call: str, order_id: int, raw: bytes) -> Transaction:
    try:
        return _read(raw, order_id)
    except ValueError as error:  # msgspec.DecodeError is one
        reason = field_problem(error) if isinstance(error, msgspec.DecodeError) else str(error)
        raise Ambiguous(call, f"the reply breaks the specification: {_name(raw)}: {reason}") from error


def _read(raw: bytes, order_id: int) -> Transaction:
    """Raises `msgspec.DecodeError` or ValueError, the words naming the field."""
    wire = _ONE.decode(storable(raw))
    if not wire.amount.is_finite():
        raise ValueError(f"amount: expected an amount, got {wire.amount}")
    if str(wire.order_id) != str(order_id):
        raise ValueError(f"order_id: expected {order_id}, got {wire.order_id!r}")
    try:
        created_at = from_iso8601(wire.date_created)
    except ValueError as error:
        raise ValueError(f"date_created: {error}") from None
    return Transaction(
        wire.id, order_id, wire.event, wire.method, wire.gateway or "", wire.gateway_transaction_id or None,
        wire.amount, wire.currency, wire.status, wire.test, created_at,
    )  # fmt: skip


def _name(raw: bytes) -> str:
    try:
        number = msgspec.json.decode(raw, type=_Known).id
    except ValueError:
        number = None
    return f"transaction {number}" if isinstance(number, int) else "transaction without an id"
