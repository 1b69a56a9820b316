"""An order of two lines, an RMA on it and receipts of it, for the returns' tests. No decisions here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from clarus_bc_pipeline.flows.returns.rma import Order, OrderLine, Receipt, ReceiptLine, Rma, RmaLine, State
from clarus_bc_pipeline.settings import ReturnsSettings

OPENED = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
BACK = OPENED + timedelta(days=4)
NOW = BACK + timedelta(days=1)
SETTINGS = ReturnsSettings()
MUG, TIN = 101, 102  # order lines
NAMES = {MUG: "MUG", TIN: "TIN"}
CODES = {MUG: "C-MUG", TIN: "C-TIN"}


def order(
    *, mugs: int = 3, tins: int = 2, shipped: int | None = None, currency: str = "GBP", **changes: object
) -> Order:
    """Order 7: mugs for 10.00 in all, tins for 5.00 each, shipping 3.95."""
    lines = {
        MUG: OrderLine(MUG, "MUG", mugs, mugs if shipped is None else shipped, 0, Decimal("10.00")),
        TIN: OrderLine(TIN, "TIN", tins, tins if shipped is None else shipped, 0, Decimal(5) * tins),
    }
    total = sum((line.total for line in lines.values()), Decimal("3.95"))
    return replace(Order(7, currency, total, False, lines, (900,)), **changes)  # type: ignore[arg-type]


def refunded(whole: Order, line: int, units: int) -> Order:
    """The order, with units of a line refunded already."""
    return replace(whole, lines={**whole.lines, line: replace(whole.lines[line], refunded=units)})


def rma(*lines: tuple[int, int] | tuple[int, int, str], number: str = "RMA-7-1", **changes: object) -> Rma:
    """An RMA of (order line, units[, reason])."""
    made = tuple(
        RmaLine(line, NAMES[line], CODES[line], str(reason[0]) if reason else "unwanted", units)
        for line, units, *reason in lines or ((MUG, 2),)
    )
    return replace(Rma(number, 7, State.ANNOUNCED, OPENED, made), **changes)  # type: ignore[arg-type]


def back(
    units: int | str, inspection: str = "A", *, line: int | None = MUG, code: str | None = None, unit: str = "unit"
) -> ReceiptLine:
    """A receipt's line: units of an order line's product, with its grade."""
    product = code or CODES[line or MUG]
    return ReceiptLine(product, str(line) if line else None, Decimal(units), unit, inspection)


def receipt(*lines: ReceiptLine, complete: bool = True, receipt_id: int = 5) -> Receipt:
    return Receipt(receipt_id, complete, BACK, lines)
