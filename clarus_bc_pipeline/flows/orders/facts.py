"""The shop's orders as rows of the ledger: what is kept, what is personal, and what the release lock covers.

What belongs here: turning what the client read into rows. What does not: reading from the shop or deciding anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from clarus_bc_pipeline.bigcommerce.orders import Order, OrderAddress

ORDER_COLUMNS = (
    "store",
    "order_id",
    "status_id",
    "payment_status",
    "channel_id",
    "currency",
    "total_inc_tax",
    "total_tax",
    "items_total",
    "items_shipped",
    "is_deleted",
    "external_order_id",
    "created_at",
    "modified_at",
    "release_hash",
    "source",
    "seen_at",
)
LINE_COLUMNS = (
    "store",
    "order_product_id",
    "order_id",
    "order_address_id",
    "product_id",
    "variant_id",
    "sku",
    "name",
    "type",
    "quantity",
    "quantity_shipped",
    "quantity_refunded",
    "price_inc_tax",
    "total_inc_tax",
    "total_tax",
    "source",
    "seen_at",
)
ADDRESS_COLUMNS = (
    "store",
    "order_address_id",
    "order_id",
    "country_iso2",
    "shipping_method",
    "source",
    "seen_at",
)
PERSONAL_COLUMNS = ("store", "order_id", "payload", "source", "seen_at")

SOURCE = "BigCommerce orders"

_json = msgspec.json.Encoder(order="deterministic")


@dataclass
class OrderRows:
    """Rows for the four order tables, each in the order of its `*_COLUMNS`."""

    orders: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    addresses: list[tuple[Any, ...]] = field(default_factory=list)
    personal: list[tuple[Any, ...]] = field(default_factory=list)


class _Extras(msgspec.Struct, frozen=True, gc=False):
    """What the shopper chose for one line."""

    order_product_id: int
    sku: str
    options: tuple[tuple[str, str], ...]
    wrapping: tuple[str, str] | None


class _Personal(msgspec.Struct, frozen=True, gc=False):
    """The release payload."""

    customer_message: str
    staff_notes: str
    addresses: list[OrderAddress]
    lines: list[_Extras]


def order_rows(store: str, orders: Iterable[Order], *, seen_at: datetime) -> OrderRows:
    """Rows for `orders`. Names, e-mail, phone, street and free text go into the personal payload and nowhere else."""
    rows = OrderRows()
    tail = (SOURCE, seen_at)
    for o in orders:
        order_id = o.id
        rows.orders.append(
            (
                store, order_id, o.status_id, o.payment_status, o.channel_id, o.currency_code, o.total_inc_tax,
                o.total_tax, o.items_total, o.items_shipped, o.is_deleted, o.external_order_id, o.created_at,
                o.modified_at, release_hash(o), *tail,
            )
        )  # fmt: skip
        rows.lines += [
            (
                store, line.id, order_id, line.order_address_id, line.product_id, line.variant_id, line.sku,
                line.name, line.type, line.quantity, line.quantity_shipped, line.quantity_refunded,
                line.price_inc_tax, line.sold_for, line.total_tax, *tail,
            )
            for line in o.lines
        ]  # fmt: skip
        rows.addresses += [
            (store, address.id, order_id, address.country_iso2, address.shipping_method, *tail)
            for address in o.addresses
        ]
        extras = [
            _Extras(line.id, line.sku, line.options, line.wrapping)
            for line in o.lines
            if line.product_options or line.wrapping_name or line.wrapping_message
        ]
        personal = _Personal(o.customer_message, o.staff_notes, o.addresses, extras)
        rows.personal.append((store, order_id, personal, *tail))
    return rows


def release_hash(order: Order) -> str:
    """The hash of all that the warehouse acts on: lines, addresses, the shopper's message.

    Staff notes are left out: staff write them all day, and each note would read as a change after release.
    """
    told = (
        [
            (line.id, line.order_address_id, line.sku, line.type, line.quantity, line.quantity_refunded)
            for line in order.lines
        ],
        order.addresses,
        order.customer_message,
    )
    return blake2b(_json.encode(told), digest_size=16).hexdigest()
