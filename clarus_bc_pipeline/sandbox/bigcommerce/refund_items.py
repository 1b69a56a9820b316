"""What each item of a refund's request comes to in the double.

What belongs here: checks and sums of items. What does not: how it is paid, or what a refund changes (`payments.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clarus_bc_pipeline.sandbox.bigcommerce.shipping import Refusal
from clarus_bc_pipeline.sandbox.bigcommerce.wire import whole_cents

if TYPE_CHECKING:
    from clarus_bc_pipeline.sandbox.bigcommerce.world import StoredOrder

ZERO = Decimal(0)
INVALID = "JSON data is missing or invalid"
REASON_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """An item with what it comes to, tax included."""

    item_type: str
    item_id: int
    units: int
    amount: Decimal
    tax: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """A row of truth: `line` is the order line's id of a PRODUCT, and what `item_type` says of any other."""

    refund_id: int
    order_id: int
    item_type: str
    line: int
    units: int
    amount: Decimal
    reason: str
    at: datetime


def parts_of(order: StoredOrder, items: object, before: Sequence[Refunded]) -> tuple[Part, ...]:
    """The items of a request, checked against what is left beside what was refunded `before`."""
    if not isinstance(items, list) or not items:
        raise Refusal(422, INVALID, {"items": "error.path.missing"})
    parts: list[Part] = []
    for number, item in enumerate(items):
        if not isinstance(item, dict) or type(item.get("item_id")) is not int:
            raise Refusal(422, INVALID, {f"items[{number}].item_id": "error.expected.jsnumber"})
        if len(str(item.get("reason") or "")) > REASON_LIMIT:
            raise Refusal(422, INVALID, {f"items[{number}].reason": f"error.maxLength {REASON_LIMIT}"})
        kind = item.get("item_type")
        if kind in ("PRODUCT", "GIFT_WRAPPING"):
            parts.append(_units(order, item, number, before, parts))
        elif kind in ("SHIPPING", "HANDLING", "ORDER", "TAX", "FEE"):
            parts.append(_amount(order, item, number, before, parts))
        else:
            raise Refusal(422, INVALID, {f"items[{number}].item_type": f"{kind!r} is not a type of item"})
    return tuple(parts)


def _units(
    order: StoredOrder, item: Mapping[str, Any], number: int, before: Sequence[Refunded], parts: Sequence[Part]
) -> Part:
    kind, line = item["item_type"], order.lines.get(item["item_id"])
    if line is None:
        raise Refusal(422, f"Order product {item['item_id']} is not part of order {order.id}.")
    units = item.get("quantity")
    if type(units) is not int or units < 1:
        raise Refusal(422, INVALID, {f"items[{number}].quantity": "error.expected.jsnumber"})
    gone = sum(row.units for row in before if (row.item_type, row.line) == (kind, line["id"]))
    gone += sum(part.units for part in parts if (part.item_type, part.item_id) == (kind, line["id"]))
    left = line["quantity"] - gone
    if units > left:
        raise Refusal(422, f"Quantity {units} of order product {line['id']} exceeds the {left} that can be refunded.")
    total, tax = Decimal(line["wrapping_cost_inc_tax"]), Decimal(line["wrapping_cost_tax"])
    if kind == "PRODUCT":
        total, tax = Decimal(line["discounted_total_inc_tax"] or line["total_inc_tax"]), Decimal(line["total_tax"])
    currency = order.record["default_currency_code"]
    whole, reason = line["quantity"], str(item.get("reason") or "")

    def share(of: Decimal) -> Decimal:
        """Of the units in turn, so that refunds a unit at a time add up to the line."""
        return whole_cents(of * (gone + units) / whole, currency) - whole_cents(of * gone / whole, currency)

    return Part(kind, line["id"], units, share(total), share(tax), reason)


def _amount(
    order: StoredOrder, item: Mapping[str, Any], number: int, before: Sequence[Refunded], parts: Sequence[Part]
) -> Part:
    kind, given, record = item["item_type"], item.get("amount"), order.record
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal) or given < 0:
        raise Refusal(422, INVALID, {f"items[{number}].amount": "error.expected.jsnumber"})
    amount = Decimal(str(given))
    known = order.addresses if kind in ("SHIPPING", "HANDLING") else {order.id: record}
    if item["item_id"] not in known or kind == "FEE":
        raise Refusal(422, f"{kind} {item['item_id']} is not part of order {order.id}.")
    charged = {
        "SHIPPING": Decimal(record["shipping_cost_inc_tax"]),
        "HANDLING": ZERO,
        "TAX": Decimal(record["total_tax"]),
        "ORDER": Decimal(record["total_inc_tax"]),
    }[kind]
    left = charged - sum((row.amount for row in before if kind in (row.item_type, "ORDER")), ZERO)
    left -= sum((part.amount for part in parts if kind in (part.item_type, "ORDER")), ZERO)
    if amount > left:
        raise Refusal(422, f"Amount {amount} of {kind} exceeds the {left} that can be refunded.")
    tax = ZERO
    if kind == "SHIPPING" and charged:
        tax = whole_cents(Decimal(record["shipping_cost_tax"]) * amount / charged, record["default_currency_code"])
    return Part(kind, item["item_id"], 0, amount, amount if kind == "TAX" else tax, str(item.get("reason") or ""))
