"""Goods-outs (sales orders) of the warehouse and their lines.

What belongs here: the calls, the wire format and a goods-out's field limits. What does not: when to release
or cancel one (the orders flow).

Sources: API reference pages ListGoodsOuts and ListGoodsOutLines; GoodsOutAttributes, GoodsOutLineChange,
Address and GoodsOutStatusId of Clarus's OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import GOODS_OUT_LINES, GOODS_OUTS
from clarus_bc_pipeline.clarus.records import Coded, Page, Reader, Ref, by_chunks, known, moment
from clarus_bc_pipeline.http import Ambiguous

STATUSES = (
    "DRAFT", "PENDING", "PICK", "PART", "ALLOCATED", "COMPLETED", "PART_ALLOCATED", "CANCELLED",
)  # fmt: skip

# Characters that each field takes (maxLength in Clarus's OpenAPI description). A field that is not here has
# no documented limit.
FIELD_LIMITS: Mapping[str, int] = {
    "reference": 50,
    "product_code": 50,
    "packing_notes": 255,
    "address_1": 80,
    "address_2": 80,
    "address_3": 80,  # the town; carriers get it as the city
    "address_4": 80,  # the county
    "address_5": 80,
    "postcode": 10,
    "country_code": 6,
    "email_address": 254,
    "phone_number": 50,
}
PRIORITIES = range(1, 100)


class GoodsOut(msgspec.Struct, frozen=True, kw_only=True):
    """A goods-out's header. `status` is one of `STATUSES`; `despatched_at` is UTC, None while nothing has
    left.
    """

    id: int
    reference: str
    status: str
    carrier_code: str | None
    account_code: str
    external_reference: str | None
    despatched_at: datetime | None


class GoodsOutLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a goods-out. Quantities are stock units.

    `line_reference` is what the line was created with, here the shop's order line. `short_status` is empty
    for a line that is not short.
    """

    id: int
    goods_out_id: int
    line_reference: str | None
    product_code: str
    ordered: Decimal
    allocated: Decimal
    picked: Decimal
    despatched: Decimal
    short_status: str


class GoodsOutCreated(msgspec.Struct, frozen=True):
    """The id that Clarus gave to a new goods-out."""

    id: int


class _GoodsOutNode(msgspec.Struct, frozen=True):
    id: int
    reference: str
    goods_out_status: Coded
    account: Coded
    carrier: Coded | None = None
    external_system_reference1: str | None = None
    actual_date_of_dispatch: str | None = None


class _LineNode(msgspec.Struct, frozen=True):
    id: int
    goods_out: Ref
    product: Coded
    order_quantity: Decimal
    allocated_quantity: Decimal
    pick_quantity: Decimal
    dispatch_quantity: Decimal
    short_status: str | None = None
    alt_line_reference: str | None = None


def _goods_out(node: _GoodsOutNode) -> GoodsOut:
    despatched = node.actual_date_of_dispatch
    return GoodsOut(
        id=node.id,
        reference=node.reference,
        status=known("goods_out_status.code", node.goods_out_status.code, STATUSES),
        carrier_code=node.carrier.code if node.carrier else None,
        account_code=node.account.code,
        external_reference=node.external_system_reference1,
        despatched_at=moment("actual_date_of_dispatch", despatched) if despatched else None,
    )


def _line(node: _LineNode) -> GoodsOutLine:
    return GoodsOutLine(
        id=node.id,
        goods_out_id=node.goods_out.id,
        line_reference=node.alt_line_reference,
        product_code=node.product.code,
        ordered=node.order_quantity,
        allocated=node.allocated_quantity,
        picked=node.pick_quantity,
        despatched=node.dispatch_quantity,
        short_status=node.short_status or "",
    )


_GOODS_OUTS = Reader(GOODS_OUTS, "goods-out", _GoodsOutNode, _goods_out, name_field="reference")
_LINES = Reader(GOODS_OUT_LINES, "goods-out line", _LineNode, _line, part_of="goods_out")


def goods_outs_by_reference(warehouse: Clarus, references: Iterable[str]) -> Page[GoodsOut]:
    """Goods-outs of the account with one of `references`, 200 a call. A reference that is not there gives
    none.

    One that is there twice gives both: Clarus does not document references to be unique. A goods-out that
    cannot be read is reported under its reference, so that it is not taken for deleted.
    """
    references = list(references)
    if not references:
        return Page([], [])
    return _GOODS_OUTS.all(warehouse, by_chunks("reference", references, account_id={"eq": warehouse.account_id}))


def goods_outs_with_status(warehouse: Clarus, statuses: Sequence[str]) -> Page[GoodsOut]:
    """All goods-outs of the account in one of `statuses`."""
    account = {"eq": warehouse.account_id}
    return _GOODS_OUTS.all(warehouse, [{"account_id": account, "goods_out_status_code": {"in": list(statuses)}}])


def lines_of(warehouse: Clarus, goods_out_ids: Iterable[int]) -> Page[GoodsOutLine]:
    """Lines of these goods-outs, 200 goods-outs a call. A goods-out that was deleted gives none."""
    return _LINES.all(warehouse, by_chunks("goods_out_id", goods_out_ids))


def create_goods_out(warehouse: Clarus, payload: Mapping[str, Any]) -> GoodsOutCreated:
    """Create a goods-out from a body of `goods_out_payload`, once.

    Look with `goods_outs_by_reference` first: Clarus has no idempotency key, and the same reference twice
    would be packed twice. Raises `Refused` (unknown product, over-long field), `NotApplied`, or
    `Ambiguous`.
    """
    call = "POST /goods_outs"
    data = warehouse.write("POST", "/goods_outs", payload)
    try:
        return msgspec.json.decode(data or b"{}", type=GoodsOutCreated, strict=False)
    except msgspec.DecodeError as error:
        raise Ambiguous(call, f"the reply names no goods-out: {error}") from error


def update_goods_out(warehouse: Clarus, goods_out_id: int, attributes: Mapping[str, Any]) -> None:
    """Change attributes of a goods-out.

    Raises `Gone` when it was deleted, `Refused` once picking has gone too far for the change.
    """
    body = {"data": {"type": "goods_outs", "attributes": dict(attributes)}}
    warehouse.write("PATCH", f"/goods_outs/{goods_out_id}", body)


def cancel_goods_out(warehouse: Clarus, goods_out_id: int) -> None:
    """Cancel a goods-out: Clarus deletes a draft or pending one, de-allocates an allocated one, and cancels
    open picks.

    Raises `Refused` for a completed one, `Gone` for one that is not there (any more).
    """
    warehouse.write("POST", f"/goods_outs/{goods_out_id}/cancel")


def goods_out_payload(
    *,
    account_id: int,
    warehouse_id: int,
    reference: str,
    external_reference: str,
    expected_despatch_at: datetime,
    address: Mapping[str, str],
    lines: Sequence[tuple[int, int | Decimal, str]],
    notes: Mapping[str, str] | None = None,
    priority: int | None = None,
) -> dict[str, Any]:
    """The body that creates a sales order. `lines` are (product id, units, line reference); `address` and
    `notes` are by Clarus's field names.

    Empty fields are left out. Raises `ValueError` naming the field that Clarus would refuse; nothing is
    ever cut.
    """
    notes = notes or {}
    _check_limits({"reference": reference, **notes, **address})
    if not reference:
        raise ValueError("reference: is empty, and a goods-out needs one")
    if not lines:
        raise ValueError("lines: a goods-out needs at least one")
    for product_id, quantity, line_reference in lines:
        if quantity <= 0:
            raise ValueError(
                f"lines: {quantity} units of product {product_id} (line {line_reference}); order 1 or more"
            )
    if priority is not None and priority not in PRIORITIES:
        raise ValueError(f"priority: {priority} is outside 1 to 99")
    attributes: dict[str, Any] = {
        "goods_out_type": "sales_order",
        "account_id": account_id,
        "warehouse_id": warehouse_id,
        "reference": reference,
        "external_system_reference1": external_reference,
        "expected_date_of_dispatch": _iso(expected_despatch_at),
        **({"priority": priority} if priority is not None else {}),
        **{field: text for field, text in notes.items() if text},
        "lines_changes": [
            {
                "type": "ADD",
                "attributes": {
                    "product_id": product_id,
                    "order_quantity": _number(quantity),
                    "alt_line_reference": line_reference,
                },
            }
            for product_id, quantity, line_reference in lines
        ],
    }
    fields = {field: text for field, text in address.items() if text}
    relationships = {"address": {"data": {"type": "addresses", "attributes": fields}}}
    return {"data": {"type": "goods_outs", "attributes": attributes, "relationships": relationships}}


def _check_limits(texts: Mapping[str, str]) -> None:
    for field, text in texts.items():
        limit = FIELD_LIMITS.get(field)
        if limit is not None and len(text) > limit:
            raise ValueError(f"{field}: {len(text)} characters, Clarus takes {limit}")


def _iso(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(f"expected_despatch_at: {at} has no time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(quantity: int | Decimal) -> int | float:
    """A JSON number: whole units as such."""
    return int(quantity) if quantity == int(quantity) else float(quantity)
