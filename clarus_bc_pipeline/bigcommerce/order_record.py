"""One order of the shop as the rest of the project sees it, and how it is read from V2's JSON.

What belongs here: the wire format. What does not: the calls (`orders.py`), and what an order's status or line
types mean for a release (the flows): values that we do not know are kept as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from clarus_bc_pipeline.bigcommerce.client import field_problem
from clarus_bc_pipeline.bigcommerce.dates import from_rfc2822
from clarus_bc_pipeline.decisions.unreadable import Unreadable

SYSTEM = "BigCommerce"

# The reference types these quantities "number": a whole one may arrive as 2 or as 2.0, and is an int here.
if TYPE_CHECKING:
    Whole = int
else:
    Whole = int | float


ZERO = Decimal(0)

# gc=False below: records cannot hold cycles, and a page is 250 orders of a dozen objects for the collector to
# visit.


class FormField(msgspec.Struct, frozen=True, gc=False):
    """A shop's own address field. `value` is a string, a number or a list of strings."""

    name: str
    value: Any = None


class OrderAddress(msgspec.Struct, frozen=True, gc=False):
    """A delivery address. `id` is what a shipment calls order_address_id. Unset texts are empty."""

    id: int
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street_1: str = ""
    street_2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    country_iso2: str = ""
    phone: str = ""
    email: str = ""
    shipping_method: str = ""
    form_fields: list[FormField] = []


class _Option(msgspec.Struct, frozen=True, gc=False):
    display_name: str = ""
    display_value: str = ""


class OrderLine(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A line. `id` is what shipments call order_product_id; prices are of one unit, in the order's currency.

    `order_address_id` is 0 where nothing is shipped (digital, pickup). The SKU is the one at the time of the
    order.
    """

    id: int
    order_address_id: int
    product_id: int
    sku: str
    name: str
    type: str
    quantity: Whole
    quantity_shipped: Whole
    quantity_refunded: Whole
    price_inc_tax: Decimal
    price_ex_tax: Decimal
    total_inc_tax: Decimal = ZERO
    total_tax: Decimal = ZERO
    discounted_total_inc_tax: Decimal | None = None
    order_id: int | None = None
    variant_id: int | None = None
    parent_order_product_id: int | None = None
    wrapping_name: str | None = None
    wrapping_message: str | None = None
    product_options: list[_Option] = []

    @property
    def sold_for(self) -> Decimal:
        """What all units of the line come to, with tax and after discounts where the shop tells them by line."""
        return self.total_inc_tax if self.discounted_total_inc_tax is None else self.discounted_total_inc_tax

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """The shopper's choices as (display_name, display_value)."""
        return tuple((option.display_name, option.display_value) for option in self.product_options)

    @property
    def wrapping(self) -> tuple[str, str] | None:
        """Gift wrap as (name, message), or None where the shopper wanted none."""
        if not self.wrapping_name and not self.wrapping_message:
            return None
        return self.wrapping_name or "", self.wrapping_message or ""


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order with all its lines and delivery addresses. Times are UTC; money is in `currency_code`.

    `currency_code` is the transactional currency, the one the shopper paid in. `modified_at` moves on every
    change. An address without e-mail or telephone carries the billing address's.
    """

    id: int
    status_id: int
    payment_status: str
    channel_id: int | None
    currency_code: str
    total_inc_tax: Decimal
    total_tax: Decimal
    items_total: Decimal
    items_shipped: Decimal
    is_deleted: bool
    is_digital: bool
    external_order_id: str | None
    created_at: datetime
    modified_at: datetime
    customer_message: str
    staff_notes: str
    billing_email: str
    billing_phone: str
    addresses: list[OrderAddress]
    lines: list[OrderLine]


class _Billing(msgspec.Struct, frozen=True, gc=False):
    email: str | None = None
    phone: str | None = None


class _Shipping(OrderAddress, frozen=True, gc=False, kw_only=True):
    line_items: list[OrderLine] | OrderLine


class _Other(msgspec.Struct, frozen=True, gc=False):
    """A consignment without delivery: pickup, download or gift certificate."""

    line_items: list[OrderLine] | OrderLine


class _EMail(msgspec.Struct, frozen=True, gc=False):
    gift_certificates: list[_Other] = []


class _Consignments(msgspec.Struct, frozen=True, gc=False):
    # Required: a server that ignores `include` sends a link here, and no lines must not look like an empty
    # order.
    shipping: list[_Shipping]
    pickups: list[_Other] = []
    downloads: list[_Other] = []
    email: _EMail = _EMail()


class _WireOrder(msgspec.Struct, frozen=True, gc=False):
    """The fields read, as V2 sends them. Without a default: an order cannot be handled without it."""

    id: int
    status_id: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    payment_status: str
    default_currency_code: str
    total_inc_tax: Decimal
    items_total: Decimal
    items_shipped: Decimal
    date_created: str
    date_modified: str
    consignments: _Consignments
    total_tax: Decimal = ZERO
    channel_id: int | None = None
    is_deleted: bool = False
    order_is_digital: bool = False
    external_order_id: str | None = None
    customer_message: str | None = None
    staff_notes: str | None = None
    billing_address: _Billing = _Billing()


_WIRE = msgspec.json.Decoder(_WireOrder)
_WIRES = msgspec.json.Decoder(list[_WireOrder])

# Escapes of JSON, each whole, so that the text "\\u0000" after an escaped backslash is not taken for one.
_ESCAPE = re.compile(
    rb"\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def storable(body: bytes) -> bytes:
    """JSON whose texts Postgres can hold: without NUL characters, and with U+FFFD for half of a surrogate pair.

    No person has typed either; a shop's app that broke an emoji or sent binary has.
    """
    if b"\\" not in body or not any(sign in body for sign in (b"\\u0000", b"\\ud", b"\\uD")):
        return body
    return _ESCAPE.sub(_mended, body)


def _mended(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return b"\\ufffd"
    return b"" if escape[0] == b"\\u0000" else escape[0]


def decode_order(raw: bytes | msgspec.Raw) -> Order:
    """One order. Raises `msgspec.DecodeError` or ValueError, the words naming the field."""
    return _order(_WIRE.decode(raw))


def decode_orders(page: bytes) -> list[Order]:
    """A whole page, all or nothing. Raises as `decode_order`, for the first order that cannot be read."""
    return [_order(wire) for wire in _WIRES.decode(page)]


def _order(wire: _WireOrder) -> Order:
    if not (wire.total_inc_tax.is_finite() and wire.total_tax.is_finite()):
        raise ValueError(f"total_inc_tax, total_tax: expected amounts, got {wire.total_inc_tax}, {wire.total_tax}")
    billing = wire.billing_address
    email, phone = billing.email or "", billing.phone or ""
    consignments = wire.consignments
    lines: list[OrderLine] = []
    addresses: list[OrderAddress] = []
    for shipping in consignments.shipping:
        shipped = _as_list(shipping.line_items)
        lines += shipped
        # Whether the consignment's id is the order_address_id is not documented; the lines' own field is.
        ids = dict.fromkeys(line.order_address_id for line in shipped if line.order_address_id)
        addresses += [_address(shipping, address_id, email, phone) for address_id in ids or (shipping.id,)]
    for other in (*consignments.pickups, *consignments.downloads, *consignments.email.gift_certificates):
        lines += _as_list(other.line_items)
    return Order(
        id=wire.id,
        status_id=wire.status_id,
        payment_status=wire.payment_status,
        channel_id=wire.channel_id,
        currency_code=wire.default_currency_code,
        total_inc_tax=wire.total_inc_tax,
        total_tax=wire.total_tax,
        items_total=wire.items_total,
        items_shipped=wire.items_shipped,
        is_deleted=wire.is_deleted,
        is_digital=wire.order_is_digital,
        external_order_id=wire.external_order_id or None,
        created_at=_time("date_created", wire.date_created),
        modified_at=_time("date_modified", wire.date_modified),
        customer_message=wire.customer_message or "",
        staff_notes=wire.staff_notes or "",
        billing_email=email,
        billing_phone=phone,
        addresses=addresses,
        lines=lines,
    )


def unreadable_order(raw: bytes | msgspec.Raw, error: ValueError) -> Unreadable:
    """Why this order could not be read, with its number if at least that can be."""
    order_id = _field(raw, "id")
    record = f"order {order_id}" if isinstance(order_id, int) else "order without an id"
    reason = field_problem(error) if isinstance(error, msgspec.DecodeError) else str(error)
    return Unreadable(SYSTEM, record, reason)


def modified_at_of(raw: bytes | msgspec.Raw) -> datetime | None:
    """When an unreadable order was modified, if that much can be read: paging goes on from it."""
    text = _field(raw, "date_modified")
    try:
        return from_rfc2822(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _as_list(items: list[OrderLine] | OrderLine) -> list[OrderLine]:
    lines = items if isinstance(items, list) else [items]
    for line in lines:
        if line.quantity < 0:
            raise ValueError(f"line {line.id}.quantity: expected 0 or more, got {line.quantity}")
        if not line.price_inc_tax.is_finite():
            raise ValueError(f"line {line.id}.price_inc_tax: expected an amount, got {line.price_inc_tax}")
        if not (line.sold_for.is_finite() and line.total_tax.is_finite()):
            raise ValueError(f"line {line.id}: expected amounts, got totals {line.sold_for} and tax {line.total_tax}")
        if float in (type(line.quantity), type(line.quantity_shipped), type(line.quantity_refunded)):
            return [_whole(each) for each in lines]
    return lines


def _whole(line: OrderLine) -> OrderLine:
    return msgspec.structs.replace(line, **dict(_whole_quantities(line)))


def _whole_quantities(line: OrderLine) -> Iterator[tuple[str, int]]:
    for name in ("quantity", "quantity_shipped", "quantity_refunded"):
        value = getattr(line, name)
        if value != int(value):
            raise ValueError(f"line {line.id}.{name}: expected a whole number, got {value}")
        yield name, int(value)


def _address(place: _Shipping, address_id: int, email: str, phone: str) -> OrderAddress:
    return OrderAddress(
        address_id, place.first_name, place.last_name, place.company, place.street_1, place.street_2,
        place.city,
        place.state, place.zip, place.country, place.country_iso2, place.phone or phone, place.email or email,
        place.shipping_method, place.form_fields,
    )  # fmt: skip


def _time(name: str, text: str) -> datetime:
    try:
        return from_rfc2822(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


class _Name(msgspec.Struct, frozen=True, gc=False):
    id: Any = None
    date_modified: Any = None


def _field(raw: bytes | msgspec.Raw, name: str) -> Any:
    try:
        return getattr(msgspec.json.decode(raw, type=_Name), name)
    except ValueError:  # not even an object, or not even text
        return None
