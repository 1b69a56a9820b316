"""Goods-in receipts of the warehouse: returns that are announced, what came of them, and the stock that they became.

What belongs here: the calls, the wire format and a receipt's field limits. What does not: what a grade or a hold means,
and when a return is refunded (the returns flow).

Sources: API reference pages ListGoodsInReceipts and ListStocks; GoodsInReceiptAttributes and GoodsInReceiptLineChange
of Clarus's OpenAPI description. What is not published, and what is assumed in its place, is in
docs/decisions/0007-receipts-as-assumed.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import GOODS_IN_RECEIPT_LINES, GOODS_IN_RECEIPTS, STOCKS
from clarus_bc_pipeline.clarus.records import Coded, Page, Reader, Ref, by_chunks, known, moment
from clarus_bc_pipeline.http import Ambiguous

# No list is published. The read page shows draft, receiving and completed; the receive path says pending and RCV; the
# webhooks say cancelled, and moved to part.
RECEIPT_STATUSES = ("draft", "pending", "receiving", "part", "completed")
RECEIVED_STATUSES = ("completed",)  # nothing more will be received; in all others something may be
CANCELLED = "cancelled"  # read as such, and not among those to ask for
# RCV, and "received" in its example, is how the receive path calls a receipt whose counting has only begun.
_ALSO_CALLED: Mapping[str, str] = {"rcv": "receiving", "received": "receiving"}

# The attribute that says what kind of receipt is created. REST's is not published; this is the name that it is read by.
KIND_ATTRIBUTE = "receipt_type"
MOST_REFERENCE = 50  # a goods-out's maxLength; none is published for a receipt
UNIT = "unit"  # stock_configuration: a line that counts single units


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt's header. `status` is one of `RECEIPT_STATUSES` or cancelled, however the tenant writes it.

    `kind` is Clarus's receipt_type as it is; empty where it says none, as is `reference`. `received_at` is UTC, None
    while nothing came. Where Clarus says a day only, it is the day's first moment: a time limit that starts there ends
    no later than it should.
    """

    id: int
    reference: str
    kind: str
    status: str
    received_at: datetime | None = None


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a receipt. `expected` and `received` count `unit`: "unit", "case", "inner" or "outer".

    `line_reference` is what the line was announced with, here the shop's order line. `slots` are the tenant's custom
    texts, string1 to string5; empty ones are left out.
    """

    id: int
    receipt_id: int
    product_code: str
    line_reference: str | None
    expected: Decimal
    received: Decimal
    unit: str
    slots: dict[str, str]


class ReceivedStock(msgspec.Struct, frozen=True, kw_only=True):
    """Stock in the house that came by a receipt, in units. `status` is Clarus's word: available, held, or another.

    `reason_code` is why it is held. Units that were sold or moved out since are in no record.
    """

    id: int
    receipt_id: int
    product_code: str
    quantity: Decimal
    status: str
    reason_code: str | None = None


class ReceiptCreated(msgspec.Struct, frozen=True):
    """The id that Clarus gave to a new receipt."""

    id: int


class _ReceiptNode(msgspec.Struct, frozen=True):
    id: int
    status: str
    reference: str | None = None
    receipt_type: str | None = None
    actual_date_of_receipt: str | None = None


class _LineNode(msgspec.Struct, frozen=True):
    id: int
    goods_in_receipt: Ref
    product: Coded
    received_quantity: Decimal
    expected_quantity: Decimal | None = None  # none: nobody expected it
    alt_line_reference: str | None = None
    stock_configuration: str | None = None
    string1: str | None = None
    string2: str | None = None
    string3: str | None = None
    string4: str | None = None
    string5: str | None = None


class _StockNode(msgspec.Struct, frozen=True):
    id: int
    product: Coded
    quantity: Decimal
    status: str
    goods_in_receipt: Ref | None = None
    reason_code: Coded | None = None


def _receipt(node: _ReceiptNode) -> Receipt:
    status = node.status.casefold()
    received = node.actual_date_of_receipt
    return Receipt(
        id=node.id,
        reference=node.reference or "",
        kind=node.receipt_type or "",
        status=known("status", _ALSO_CALLED.get(status, status), (*RECEIPT_STATUSES, CANCELLED)),
        received_at=_moment_or_day("actual_date_of_receipt", received) if received else None,
    )


def _moment_or_day(field: str, text: str) -> datetime:
    """The read page shows days for the expected receipt, so a day is taken here too."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return moment(field, text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _line(node: _LineNode) -> ReceiptLine:
    texts = {
        "string1": node.string1, "string2": node.string2, "string3": node.string3,
        "string4": node.string4, "string5": node.string5,
    }  # fmt: skip
    return ReceiptLine(
        id=node.id,
        receipt_id=node.goods_in_receipt.id,
        product_code=node.product.code,
        line_reference=node.alt_line_reference,
        expected=_count("expected_quantity", node.expected_quantity or Decimal(0)),
        received=_count("received_quantity", node.received_quantity),
        unit=(node.stock_configuration or UNIT).casefold(),
        slots={slot: text for slot, text in texts.items() if text and not text.isspace()},
    )


def _stock(node: _StockNode) -> ReceivedStock | None:
    """None for stock that came by no receipt."""
    if node.goods_in_receipt is None:
        return None
    return ReceivedStock(
        id=node.id,
        receipt_id=node.goods_in_receipt.id,
        product_code=node.product.code,
        quantity=_count("quantity", node.quantity),
        status=node.status,
        reason_code=node.reason_code.code if node.reason_code else None,
    )


def _count(field: str, value: Decimal) -> Decimal:
    if not value.is_finite() or value < 0:
        raise ValueError(f"{field}: {value} is no count; 0 or more can be counted")
    return value


_RECEIPTS = Reader(GOODS_IN_RECEIPTS, "receipt", _ReceiptNode, _receipt, name_field="reference")
_LINES = Reader(GOODS_IN_RECEIPT_LINES, "receipt line", _LineNode, _line, part_of="goods_in_receipt")
_STOCK: Reader[_StockNode, ReceivedStock | None] = Reader(
    STOCKS, "stock record", _StockNode, _stock, part_of="goods_in_receipt"
)


def receipts_by_reference(warehouse: Clarus, references: Iterable[str]) -> Page[Receipt]:
    """Receipts of the account with one of `references`, of any kind and status, 200 references a call.

    One that is there twice gives both. One that cannot be read is reported under its reference.
    """
    account = {"eq": warehouse.account_id}
    return _RECEIPTS.all(warehouse, by_chunks("reference", (r for r in references if r), account_id=account))


def returns_open(warehouse: Clarus, kind: str, statuses: Iterable[str]) -> Page[Receipt]:
    """Receipts of the account of that kind (exact) in one of `statuses` (of `RECEIPT_STATUSES`).

    Clarus documents no filter for the kind: every receipt in these statuses is read, and those of other kinds are left
    out here. One that cannot be read is reported whatever its kind.
    """
    spellings = _spellings(statuses)
    if not spellings:
        return Page([], [])
    account = {"eq": warehouse.account_id}
    page = _RECEIPTS.all(warehouse, [{"account_id": account, "status": {"in": spellings}}])
    return Page([receipt for receipt in page.records if receipt.kind == kind], page.unreadable)


def _spellings(statuses: Iterable[str]) -> list[str]:
    """Every way in which a tenant may write these statuses: the filter is exact, and the pages differ."""
    wanted = set(statuses)
    names = [*wanted, *(alias for alias, status in _ALSO_CALLED.items() if status in wanted)]
    return sorted({spelling for name in names for spelling in (name, name.upper(), name.capitalize())})


def receipt_lines_of(warehouse: Clarus, receipt_ids: Iterable[int]) -> Page[ReceiptLine]:
    """Lines of these receipts, 200 receipts a call. A receipt that was deleted gives none."""
    return _LINES.all(warehouse, by_chunks("goods_in_receipt_id", receipt_ids))


def received_stock_of(
    warehouse: Clarus, receipt_ids: Iterable[int], *, product_codes: Iterable[str] | None = None
) -> Page[ReceivedStock]:
    """Stock in the house that came by these receipts.

    Clarus documents no filter of stock by receipt: all stock of the receipts' products is read, 200 products a call,
    and the rest is left out here. `product_codes` are those products; without them the receipts' lines are read first.
    """
    wanted = set(receipt_ids)
    found: Page[ReceivedStock] = Page([], [])
    if product_codes is None:
        lines = receipt_lines_of(warehouse, sorted(wanted))
        product_codes = sorted({line.product_code for line in lines.records})
        found.unreadable.extend(lines.unreadable)
    account = {"eq": warehouse.account_id}
    page = _STOCK.all(warehouse, by_chunks("product_code", product_codes, account_id=account))
    found.records.extend(each for each in page.records if each is not None and each.receipt_id in wanted)
    found.unreadable.extend(each for each in page.unreadable if each.part_of is None or each.part_of in wanted)
    return found


def create_receipt(warehouse: Clarus, payload: Mapping[str, Any]) -> ReceiptCreated:
    """Create a receipt from a body of `return_receipt_payload`, once.

    Look with `receipts_by_reference` first: Clarus has no idempotency key, and the same return announced twice would be
    booked in twice. Raises `Refused` (unknown product, over-long field), `NotApplied`, or `Ambiguous`.
    """
    call = "POST /goods_in_receipts"
    data = warehouse.write("POST", "/goods_in_receipts", payload)
    try:
        return msgspec.json.decode(data or b"{}", type=ReceiptCreated, strict=False)
    except msgspec.DecodeError as error:
        raise Ambiguous(call, f"the reply names no receipt: {error}") from error


def return_receipt_payload(
    *,
    account_id: int,
    warehouse_id: int,
    reference: str,
    kind: str,
    lines: Sequence[tuple[int, int, str]],
    expected_at: datetime | None = None,
    notes: str = "",
) -> dict[str, Any]:
    """The body that announces a return. `lines` are (product id, units, line reference); `expected_at` is aware.

    The reference stands in `external_system_reference1` too, where Clarus advises an integration to keep its own key.
    Raises `ValueError` naming the field that Clarus would refuse; nothing is ever cut.
    """
    if not reference or len(reference) > MOST_REFERENCE:
        raise ValueError(f"reference: {len(reference)} characters; a receipt needs 1 to {MOST_REFERENCE}")
    if not lines:
        raise ValueError("lines: a receipt needs at least one")
    for product_id, units, line_reference in lines:
        if units <= 0:
            raise ValueError(
                f"lines: {units} units of product {product_id} (line {line_reference}); announce 1 or more"
            )
    if expected_at is not None and expected_at.tzinfo is None:
        raise ValueError(f"expected_at: {expected_at} has no time zone")
    attributes: dict[str, Any] = {
        "account_id": account_id,
        "warehouse_id": warehouse_id,
        "reference": reference,
        "external_system_reference1": reference,
        **({KIND_ATTRIBUTE: kind} if kind else {}),
        "lines_changes": [
            {
                "type": "ADD",
                "attributes": {
                    "product_id": product_id,
                    "expected_quantity": units,
                    "alt_line_reference": line_reference,
                },
            }
            for product_id, units, line_reference in lines
        ],
    }
    if expected_at is not None:
        attributes["expected_date_of_arrival"] = expected_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if notes:
        attributes["notes"] = notes
    return {"data": {"type": "goods_in_receipts", "attributes": attributes}}
