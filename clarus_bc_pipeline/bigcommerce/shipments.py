"""Shipments of an order: what the shopper is told has left, and by its comments which are ours.

What belongs here: the wire format and its limits. What does not: which shipments to make
(`flows/despatch/rules.py`), nor looking before sending (the outbox).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, decoded
from clarus_bc_pipeline.bigcommerce.dates import from_rfc2822
from clarus_bc_pipeline.bigcommerce.markers import marker_of
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.http import Ambiguous

# Characters (orderShipment_Post, orders.v2.oas2.yml).
LIMITS: Mapping[str, int] = {"tracking_number": 50, "tracking_link": 500, "comments": 65_535}
PAGE_SIZE = 250


class ShipmentItem(msgspec.Struct, frozen=True):
    """How many units of an order line (order_product_id) are in the shipment."""

    order_product_id: int
    quantity: int


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment as the shop holds it. `created_at` is UTC; unset texts are empty."""

    id: int
    order_id: int
    order_address_id: int
    created_at: datetime
    items: list[ShipmentItem]
    tracking_number: str = ""
    tracking_carrier: str = ""
    shipping_provider: str = ""
    tracking_link: str = ""
    generated_tracking_link: str = ""
    comments: str = ""

    @property
    def marker(self) -> str | None:
        return marker_of(self.comments)

    @property
    def link(self) -> str:
        """What the shopper can click: our own link, or the one that BigCommerce made.

        Empty: plain text only.
        """
        return self.tracking_link or self.generated_tracking_link


@dataclass(frozen=True, slots=True)
class ShipmentRequest:
    """A shipment to make. `items` are (order_product_id, quantity)."""

    order_address_id: int
    items: tuple[tuple[int, int], ...]
    tracking_number: str = ""
    tracking_carrier: str = ""
    shipping_provider: str = ""
    tracking_link: str = ""
    comments: str = ""

    def payload(self) -> dict[str, Any]:
        """The body to send. Raises ValueError naming the field that does not fit its limit.

        `shipping_provider` is always sent: left out, BigCommerce may set "custom", which makes no link.
        """
        if not self.items or any(quantity < 1 for _, quantity in self.items):
            raise ValueError(f"items: a shipment needs lines with a quantity of 1 or more, got {self.items}")
        texts = {
            "tracking_number": self.tracking_number, "tracking_carrier": self.tracking_carrier,
            "tracking_link": self.tracking_link, "comments": self.comments,
        }  # fmt: skip
        for name, limit in LIMITS.items():
            if len(texts[name]) > limit:
                raise ValueError(f"{name}: {len(texts[name])} characters, BigCommerce takes {limit}")
        return {
            "order_address_id": self.order_address_id,
            "items": [{"order_product_id": line, "quantity": quantity} for line, quantity in self.items],
            "shipping_provider": self.shipping_provider,
            **{name: text for name, text in texts.items() if text},
        }


class _Wire(msgspec.Struct, frozen=True):
    id: int
    order_id: int
    order_address_id: int
    date_created: str
    items: list[ShipmentItem]
    tracking_number: str | None = None
    tracking_carrier: str | None = None
    shipping_provider: str | None = None
    tracking_link: str | None = None
    generated_tracking_link: str | None = None
    comments: str | None = None


_ONE = msgspec.json.Decoder(_Wire)
_MANY = msgspec.json.Decoder(list[_Wire])


def list_shipments(shop: BigCommerce, order_id: int, *, priority: Priority = Priority.READ) -> list[Shipment]:
    """All shipments of an order; an empty list when it has none (V2 answers 204).

    Raises `Gone` without the order.
    """
    path = f"v2/orders/{order_id}/shipments"
    found: dict[int, Shipment] = {}
    page = 1
    while True:
        body = shop.get(path, {"limit": PAGE_SIZE, "page": page}, priority=priority)
        wires = decoded(f"GET {path}", body, _MANY) if body else []
        found |= {wire.id: _shipment(f"GET {path}", wire) for wire in wires}
        if len(wires) < PAGE_SIZE:
            return list(found.values())
        page += 1


def create_shipment(shop: BigCommerce, order_id: int, payload: Mapping[str, Any]) -> Shipment:
    """Make a shipment: the customer may be e-mailed at once, and a second one e-mails again.

    `payload` is `ShipmentRequest.payload()` or alike. Raises `Refused` (over-shipped, unknown line), `Gone`
    (no such order), `NotApplied`, or `Ambiguous`: then look with `list_shipments` before sending again.
    """
    path = f"v2/orders/{order_id}/shipments"
    call = f"POST {path}"
    return _shipment(call, decoded(call, shop.post(path, payload), _ONE))


def update_shipment(shop: BigCommerce, order_id: int, shipment_id: int, payload: Mapping[str, Any]) -> Shipment:
    """Change tracking, carrier, link or comments; BigCommerce does not let lines or quantities change.

    Repeatable.
    """
    path = f"v2/orders/{order_id}/shipments/{shipment_id}"
    call = f"PUT {path}"
    return _shipment(call, decoded(call, shop.put(path, payload), _ONE))


def _shipment(call: str, wire: _Wire) -> Shipment:
    try:
        created_at = from_rfc2822(wire.date_created)
    except ValueError as error:
        raise Ambiguous(
            call, f"the reply breaks the specification: shipment {wire.id}: date_created: {error}"
        ) from error
    return Shipment(
        id=wire.id,
        order_id=wire.order_id,
        order_address_id=wire.order_address_id,
        created_at=created_at,
        items=wire.items,
        tracking_number=wire.tracking_number or "",
        tracking_carrier=wire.tracking_carrier or "",
        shipping_provider=wire.shipping_provider or "",
        tracking_link=wire.tracking_link or "",
        generated_tracking_link=wire.generated_tracking_link or "",
        comments=wire.comments or "",
    )
