"""One goods-out with everything that decides its despatch, and what is decided: values, no rules.

What belongs here: the types that the despatch rules take and return. What does not: the rules (`rules.py`,
`parcels.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clarus_bc_pipeline.decisions import Finding


@dataclass(frozen=True, slots=True)
class DespatchedLine:
    """A goods-out line with what the shop's order still expects of it. Quantities are units.

    `order_product_id` is None when the line could not be matched; `candidates` then says to how many it could
    be. `open_in_shop` is ordered less refunded less shipped by anybody, announcements of ours not yet shown
    included.
    """

    goods_out_line_id: int
    product_code: str
    order_product_id: int | None
    candidates: int
    ordered: Decimal
    despatched: Decimal
    announced: int
    open_in_shop: int
    short_status: str
    price_inc_tax: Decimal


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package of a goods-out; without `package_id`, a label that has no package record.

    `announced_as` is the (sequence, parcel) of the announcement that carries it.
    """

    package_id: int | None
    carrier_code: str
    tracking_number: str
    is_void: bool = False
    announced_as: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """A parcel that the shop was told of. `shipment_id` is None until the push is delivered."""

    sequence: int
    parcel: int
    package_id: int | None
    carrier_code: str
    tracking_number: str
    shipment_id: int | None
    changes: int = 0


@dataclass(frozen=True, slots=True)
class GoodsOut:
    """One goods-out with everything that decides what to announce. Times are UTC."""

    goods_out_id: int
    order_id: int
    order_address_id: int
    status: str
    currency: str
    postcode: str | None
    despatched_at: datetime
    last_sequence: int
    lines: tuple[DespatchedLine, ...]
    parcels: tuple[Parcel, ...]
    announced: tuple[Announced, ...] = ()

    def marker(self, sequence: int, parcel: int) -> str:
        """What a shipment's comments carry, so that it can be found again: GO-914/1/2."""
        return f"GO-{self.goods_out_id}/{sequence}/{parcel}"


@dataclass(frozen=True, slots=True)
class AnnouncedParcel:
    """One parcel of a despatch as decided: its units by order line."""

    parcel: int
    package_id: int | None
    carrier_code: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Despatch:
    """One despatch as decided: which units left, in which parcels."""

    sequence: int
    lines: tuple[tuple[int, int, int], ...]  # (goods_out_line_id, order_product_id, quantity)
    parcels: tuple[AnnouncedParcel, ...]


def finding_on(
    goods_out: GoodsOut,
    code: str,
    sentence: str,
    what: str = "",
    *,
    line: DespatchedLine | None = None,
    units: Decimal | int = 0,
    subject_only: bool = False,
) -> Finding:
    """A finding on a goods-out: `what` names the line or parcel; `line` and `units` put a price on it."""
    subject = what if subject_only else f"order {goods_out.order_id}" + (f", {what}" if what else "")
    value = line.price_inc_tax * units if line is not None and units else None
    return Finding(
        code,
        subject,
        f"Order {goods_out.order_id} (goods-out {goods_out.goods_out_id}): {sentence}.",
        order_id=goods_out.order_id,
        evidence={"goods_out_id": goods_out.goods_out_id},
        value_at_risk=value,
        currency=goods_out.currency if value is not None else None,
    )
