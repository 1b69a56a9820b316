"""Which shipments the double accepts, and what one looks like.

What belongs here: checks and shape. What does not: the side effects of a shipment (`world.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clarus_bc_pipeline.sandbox.bigcommerce import wire
from clarus_bc_pipeline.sandbox.bigcommerce.wire import Record

SHIPMENT_LIMITS = {"tracking_number": 50, "tracking_link": 500, "comments": 65_535}
SHIPMENT_TEXTS = (
    "tracking_number", "tracking_carrier", "tracking_link", "shipping_provider", "shipping_method",
    "comments", "merchant_shipping_cost",
)  # fmt: skip


class Refusal(Exception):
    """A request that the shop refuses: HTTP status and the words of the reply.

    `in_data`: told as one of a list, as a refund to a guest's store credit is (orders.v3.yml).
    """

    def __init__(
        self, status: int, message: str, errors: Mapping[str, str] | None = None, *, in_data: bool = False
    ) -> None:
        self.status = status
        self.in_data = in_data
        self.errors = dict(errors or {})
        super().__init__(message)


def open_quantity(line: Mapping[str, Any]) -> int:
    """Units of an order line that are neither shipped nor refunded."""
    return int(line["quantity"] - line["quantity_shipped"] - line["quantity_refunded"])


def checked_items(lines: Mapping[int, Record], address_id: object, items: object) -> list[Record]:
    """The items of a new shipment, one a line. Over-shipping is refused, as is a line of another address."""
    if not isinstance(items, list) or not items:
        raise Refusal(400, "The field 'items' is required.")
    taken: dict[int, int] = {}
    for item in items:
        line = lines.get(item.get("order_product_id"))
        quantity = item.get("quantity")
        if line is None or line["order_address_id"] != address_id:
            raise Refusal(400, f"The field 'order_product_id' is invalid: {item.get('order_product_id')!r}")
        if type(quantity) is not int or quantity < 1:
            raise Refusal(400, f"The field 'quantity' is invalid: {quantity!r}")
        taken[line["id"]] = taken.get(line["id"], 0) + quantity
        if taken[line["id"]] > open_quantity(line):
            raise Refusal(400, f"The quantity of order product {line['id']} exceeds what is left to ship.")
    return [
        {"order_product_id": i, "product_id": lines[i]["product_id"], "quantity": n} for i, n in taken.items()
    ]  # fmt: skip


def plain_address(address: Mapping[str, Any]) -> Record:
    return {name: address[name] for name in wire.ADDRESS_FIELDS}


def checked_texts(body: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a shipment, empty where not given; one too long is refused."""
    texts: dict[str, str] = {}
    for name in SHIPMENT_TEXTS:
        text = body.get(name, "")
        if not isinstance(text, str) or len(text) > SHIPMENT_LIMITS.get(name, 255):
            raise Refusal(400, f"The field '{name}' is invalid.")
        texts[name] = text
    return texts


def new_shipment(
    order: Record,
    address: Record,
    shipment_id: int,
    body: Mapping[str, Any],
    items: list[Record],
    *,
    now: datetime,
) -> Record:
    """A shipment as the API shows it. Without a `shipping_provider` it is "custom", which makes no link."""
    texts = checked_texts(body)
    provider, carrier = texts["shipping_provider"], texts["tracking_carrier"]
    number, own_link = texts["tracking_number"], texts["tracking_link"]
    if "shipping_provider" not in body:
        provider = "custom"
    return {
        "id": shipment_id, "order_id": order["id"], "customer_id": order["customer_id"],
        "order_address_id": address["id"], "date_created": wire.rfc2822(now), **texts,
        "shipping_provider": provider, "shipping_provider_display_name": provider,
        "generated_tracking_link": wire.generated_link(provider, carrier, number, own_link),
        "billing_address": plain_address(order["billing_address"]),
        "shipping_address": plain_address(address),
        "items": items,
    }  # fmt: skip
