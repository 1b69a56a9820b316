"""Refunds of an order: quoted, made once, and known again by the marker at the end of an item's reason.

What belongs here: the wire format and its calls. What does not: what may be refunded and how it is paid
(`flows/returns/refunding.py`), nor looking before sending (the outbox).

A refund is neither repeatable nor safe beside another one of the same order, and 201 is not money moved: the gateway
may decline it later (orders.v3.yml, "Create a Refund"; the refunds guide). Money is a JSON number here and a Decimal
on our side, never a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded, field_problem
from clarus_bc_pipeline.bigcommerce.dates import from_iso8601, to_filter
from clarus_bc_pipeline.bigcommerce.markers import marker_of
from clarus_bc_pipeline.bigcommerce.order_record import SYSTEM, storable
from clarus_bc_pipeline.bigcommerce.paging import pages_to_the_end, whole_list
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.http import Ambiguous, NotApplied

PATH = "v3/orders/payment_actions/refunds"
PAGE_SIZE = 250
REASON_LIMIT = 1000  # characters (ItemsRefund, orders.v3.yml)
BY_QUANTITY = frozenset({"PRODUCT", "GIFT_WRAPPING"})  # the rest is by amount

ItemType = Literal["PRODUCT", "SHIPPING", "HANDLING", "ORDER", "TAX", "GIFT_WRAPPING", "FEE"]


@dataclass(frozen=True, slots=True)
class RefundItem:
    """What is to be refunded: `quantity` units of an order line, or an `amount` of anything else.

    `item_id` is the order line's id (PRODUCT, GIFT_WRAPPING), the delivery address's (SHIPPING, HANDLING), the
    order's (ORDER, TAX) or the fee's. `amount` is in the order's currency.
    """

    item_type: ItemType
    item_id: int
    quantity: int = 0
    amount: Decimal | None = None
    reason: str = ""

    def payload(self) -> dict[str, Any]:
        """The item as it is sent. Raises ValueError naming the field that BigCommerce would refuse."""
        if len(self.reason) > REASON_LIMIT:
            raise ValueError(f"reason: {len(self.reason)} characters, BigCommerce takes {REASON_LIMIT}")
        body: dict[str, Any] = {"item_type": self.item_type, "item_id": self.item_id}
        if self.item_type in BY_QUANTITY:
            if self.quantity < 1 or self.amount is not None:
                raise ValueError(
                    f"{self.item_type} {self.item_id}: a quantity of 1 or more and no amount is right, "
                    f"got quantity {self.quantity} and amount {self.amount}"
                )
            body["quantity"] = self.quantity
        elif self.quantity or self.amount is None or not self.amount.is_finite() or self.amount < 0:
            raise ValueError(
                f"{self.item_type} {self.item_id}: an amount of 0 or more and no quantity is right, "
                f"got quantity {self.quantity} and amount {self.amount}"
            )
        else:
            body["amount"] = self.amount
        return body | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True, slots=True)
class Tender:
    """A part of a payment. `offline`: BigCommerce only writes it down, a person moves the money."""

    provider_id: str
    amount: Decimal
    offline: bool
    description: str = ""

    def payload(self) -> dict[str, Any]:
        return {"provider_id": self.provider_id, "amount": self.amount, "offline": self.offline}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a refund would come to. A refund is paid by exactly one of the `methods`, with all of its tenders.

    `tax_inclusive`: whether `total` includes `tax`.
    """

    order_id: int
    total: Decimal
    tax: Decimal
    tax_inclusive: bool
    methods: tuple[tuple[Tender, ...], ...]


@dataclass(frozen=True, slots=True)
class RefundedItem:
    """A part of a refund. `item_type` is as the shop writes it; `amount` is None where only units were asked for."""

    item_type: str
    item_id: int
    quantity: int
    amount: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class RefundPayment:
    """How a part of a refund is paid. `is_declined` may turn true minutes or days after the refund was made."""

    id: int
    provider_id: str
    amount: Decimal
    offline: bool
    is_declined: bool
    declined_message: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as the shop holds it. `created_at` is UTC; `total` and `tax` are in the order's currency."""

    id: int
    order_id: int
    created_at: datetime
    reason: str
    total: Decimal
    tax: Decimal
    items: tuple[RefundedItem, ...]
    payments: tuple[RefundPayment, ...]

    @property
    def marker(self) -> str | None:
        """What we wrote at the end of a reason: the RMA's number. None: not ours.

        A reason is sent with an item; whether the refund's own repeats it is not documented, so both are read.
        """
        reasons = (self.reason, *(item.reason for item in self.items))
        return next(filter(None, map(marker_of, reasons)), None)


@dataclass(frozen=True, slots=True)
class RefundPage:
    """What one call brought."""

    refunds: list[Refund]
    unreadable: list[Unreadable]


# --- as they are on the wire ---


class _Option(msgspec.Struct, frozen=True):
    provider_id: str
    amount: Decimal
    offline: bool
    provider_description: str | None = None


class _QuoteWire(msgspec.Struct, frozen=True):
    total_refund_amount: Decimal
    total_refund_tax_amount: Decimal
    refund_methods: list[list[_Option]]
    order_id: int | None = None
    tax_inclusive: bool | None = None
    is_tax_included: bool | None = None  # what the refunds guide calls it


class _QuoteReply(msgspec.Struct, frozen=True):
    data: _QuoteWire


class _Item(msgspec.Struct, frozen=True):
    item_type: str
    item_id: int
    quantity: int | None = None  # of products alone
    requested_amount: Decimal | None = None
    reason: str | None = None


class _Payment(msgspec.Struct, frozen=True):
    id: int
    provider_id: str
    amount: Decimal
    is_declined: bool
    offline: bool = False
    declined_message: str | None = None


class _Wire(msgspec.Struct, frozen=True):
    id: int
    order_id: int
    created: str
    total_amount: Decimal
    total_tax: Decimal
    items: list[_Item]
    payments: list[_Payment]
    reason: str | None = None


class _Reply(msgspec.Struct, frozen=True):
    data: msgspec.Raw


class _Known(msgspec.Struct, frozen=True):
    id: Any = None
    order_id: Any = None


_QUOTE = msgspec.json.Decoder(_QuoteReply)
_REPLY = msgspec.json.Decoder(_Reply)
_ONE = msgspec.json.Decoder(_Wire)
_NUMBERS = msgspec.json.Encoder(decimal_format="number")


def quote_refund(shop: BigCommerce, order_id: int, items: Sequence[RefundItem]) -> Quote:
    """What refunding `items` would come to, and in which ways it can be paid.

    Nothing is changed in the shop by asking, so what may be read as sent in part is `NotApplied` here: also a reply
    that cannot be read. Raises `Refused` for items that cannot be refunded, `Gone` without the order, `AuthFailed`.
    """
    path = f"v3/orders/{order_id}/payment_actions/refund_quotes"
    call = f"POST {path}"
    try:
        body = _post(shop, path, {"items": [item.payload() for item in items]})
        return _quote(call, order_id, decoded(call, body, _QUOTE).data)
    except Ambiguous as error:
        unsent = NotApplied(error.call, error.problem, status=error.status, detail=error.words)
        unsent.system, unsent.operation = error.system, error.operation
        raise unsent from error


def create_refund(
    shop: BigCommerce,
    order_id: int,
    items: Sequence[RefundItem],
    tenders: Sequence[Tender],
    *,
    total: Decimal | None = None,
    tax: Decimal | None = None,
) -> Refund:
    """Pay `items` back by `tenders`, which are one of the quote's methods. Never beside another one of the order.

    `total` and `tax` together say what the refund comes to instead of what the shop works out; the tenders then come
    to `total`, and the shop leaves the order's own tax records as they are (MerchantOverride, orders.v3.yml).

    Raises `Refused` (too many units, an amount that is no method's, store credit for a guest, no settled payment),
    `Gone`, `AuthFailed` (the token may not refund), `NotApplied`, or `Ambiguous`: then look with `refunds_of`. Raises
    ValueError for what cannot be right.
    """
    if (total is None) != (tax is None):
        raise ValueError(f"total and tax stand together, got total {total} and tax {tax}")
    if not items or not tenders:
        raise ValueError(f"a refund needs items and tenders, got {len(items)} items and {len(tenders)} tenders")
    body: dict[str, Any] = {
        "items": [item.payload() for item in items],
        "payments": [tender.payload() for tender in tenders],
    }
    if total is not None:
        body["merchant_calculated_override"] = {"total_amount": total, "total_tax": tax}
    path = f"v3/orders/{order_id}/payment_actions/refunds"
    call = f"POST {path}"
    return _decoded(call, bytes(decoded(call, _post(shop, path, body), _REPLY).data))


def refunds_of(shop: BigCommerce, order_id: int) -> list[Refund]:
    """All refunds of an order, by id; whole, or `Ambiguous` naming what cannot be read. Raises `Gone`."""
    path = f"v3/orders/{order_id}/payment_actions/refunds"
    return [_decoded(f"GET {path}", bytes(raw)) for raw in whole_list(shop, path)]


def pull_refunds(shop: BigCommerce, *, created_since: datetime) -> Iterator[RefundPage]:
    """All refunds of the shop made at or after `created_since` (aware), by id. An empty page is not yielded.

    The list knows no time of change: what is declined later is seen by reading it again. A record that cannot be read
    never fails its page.
    """
    for page in pages_to_the_end(shop, PATH, {"created:min": to_filter(created_since)}, limit=PAGE_SIZE):
        refunds: list[Refund] = []
        unreadable: list[Unreadable] = []
        for raw in map(bytes, page):
            try:
                refunds.append(_refund(raw))
            except ValueError as error:
                unreadable.append(_unreadable(raw, error))
        yield RefundPage(refunds, unreadable)


def _post(shop: BigCommerce, path: str, body: dict[str, Any]) -> bytes:
    return shop.post(path, msgspec.Raw(_NUMBERS.encode(body)), priority=Priority.REFUND)


def _quote(call: str, order_id: int, wire: _QuoteWire) -> Quote:
    includes_tax = wire.tax_inclusive if wire.tax_inclusive is not None else wire.is_tax_included
    if includes_tax is None:
        raise Ambiguous(call, "the reply breaks the specification: data.tax_inclusive: missing")
    if wire.order_id not in (None, order_id):
        raise Ambiguous(call, f"the reply is about another order: data.order_id: expected {order_id}")
    methods = tuple(
        tuple(Tender(o.provider_id, o.amount, o.offline, o.provider_description or "") for o in method)
        for method in wire.refund_methods
    )
    amounts = [wire.total_refund_amount, wire.total_refund_tax_amount, *(t.amount for m in methods for t in m)]
    if not all(amount.is_finite() for amount in amounts):
        raise Ambiguous(call, f"the reply breaks the specification: expected amounts, got {_shown(amounts)}")
    return Quote(order_id, wire.total_refund_amount, wire.total_refund_tax_amount, includes_tax, methods)


def _decoded(call: str, raw: bytes) -> Refund:
    try:
        return _refund(raw)
    except ValueError as error:
        broken = _unreadable(raw, error)
        raise Ambiguous(call, f"the reply breaks the specification: {broken.record}: {broken.reason}") from error


def _refund(raw: bytes) -> Refund:
    """Raises `msgspec.DecodeError` or ValueError, the words naming the field."""
    wire = _ONE.decode(storable(raw))
    amounts = [wire.total_amount, wire.total_tax, *(payment.amount for payment in wire.payments)]
    amounts += [item.requested_amount for item in wire.items if item.requested_amount is not None]
    if not all(amount.is_finite() for amount in amounts):
        raise ValueError(f"expected amounts, got {_shown(amounts)}")
    try:
        created_at = from_iso8601(wire.created)
    except ValueError as error:
        raise ValueError(f"created: {error}") from None
    return Refund(
        id=wire.id,
        order_id=wire.order_id,
        created_at=created_at,
        reason=wire.reason or "",
        total=wire.total_amount,
        tax=wire.total_tax,
        items=tuple(
            RefundedItem(i.item_type, i.item_id, i.quantity or 0, i.requested_amount, i.reason or "")
            for i in wire.items
        ),
        payments=tuple(
            RefundPayment(p.id, p.provider_id, p.amount, p.offline, p.is_declined, p.declined_message or "")
            for p in wire.payments
        ),
    )


def _unreadable(raw: bytes, error: ValueError) -> Unreadable:
    """Why this refund could not be read, with its number and its order's if at least these can be."""
    try:
        known = msgspec.json.decode(raw, type=_Known)
    except ValueError:
        known = _Known()
    record = f"refund {known.id}" if isinstance(known.id, int) else "refund without an id"
    reason = field_problem(error) if isinstance(error, msgspec.DecodeError) else str(error)
    return Unreadable(SYSTEM, record, reason, known.order_id if isinstance(known.order_id, int) else None)


def _shown(amounts: Sequence[Decimal]) -> str:
    return ", ".join(map(str, amounts))
