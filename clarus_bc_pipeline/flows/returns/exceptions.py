"""What a person must know about a return, in words; each names the order, the RMA, the SKU and the money at risk.

What belongs here: findings, as pure functions. What does not: deciding that there is one (`rules.py`, `refunding.py`)
or reading what it is about (`sync.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.returns.currency import shown

if TYPE_CHECKING:
    from clarus_bc_pipeline.flows.returns.inspection import Graded
    from clarus_bc_pipeline.flows.returns.rma import Order, Receipt, ReceiptLine, Rma
    from clarus_bc_pipeline.settings import ReturnsSettings

LAW_DAYS = 14  # Consumer Contracts Regulations 2013, reg. 34: from the day on which the goods are back


def subject(number: str) -> str:
    """What a finding about an RMA is about."""
    return f"RMA {number}"


def _on(
    code: str,
    rma: Rma,
    order: Order | None,
    words: str,
    *,
    units: Mapping[int, int] | None = None,
    value: Decimal | None = None,
    about: str = "",
    **evidence: Any,
) -> Finding:
    """A finding about an RMA; `units` by order line tell what is at risk, unless `value` does."""
    if value is None and order is not None and units:
        value = order.value(units)
    return Finding(
        code,
        subject(rma.number) + (f", {about}" if about else ""),
        f"RMA {rma.number} of order {rma.order_id}: {words}",
        order_id=rma.order_id,
        evidence={"rma": rma.number, "skus": sorted({line.sku for line in rma.lines if line.sku}), **evidence},
        value_at_risk=value,
        currency=order.currency if order is not None and value is not None else None,
    )


def _authorised(rma: Rma) -> dict[int, int]:
    return {line.order_product_id: line.units for line in rma.lines}


# --- the RMA itself ---


def unreadable(order_id: int, key: str, problem: str) -> Finding:
    """The metafield is no RMA of the published shape."""
    return Finding(
        "rma_unreadable",
        f"metafield {key} of order {order_id}",
        f"The RMA in metafield {key} of order {order_id} cannot be read: {problem}.",
        order_id=order_id,
        evidence={"key": key},
    )


def number_taken(number: str, *, here: int, first: int) -> Finding:
    """Two orders carry the same RMA number."""
    return Finding(
        "rma_refused",
        f"RMA {number} on order {here}",
        f"RMA {number} stands on order {here}, and is an RMA of order {first} already: give it a number of its own.",
        order_id=here,
        evidence={"rma": number, "first": first},
    )


def refused(rma: Rma, order: Order | None, why: str) -> Finding:
    """It asks for what cannot be right, so that nobody is told of it."""
    return _on("rma_refused", rma, order, f"not announced: {why}.", units=_authorised(rma))


def changed(rma: Rma, order: Order | None) -> Finding:
    """Its lines were changed after the warehouse was told."""
    words = "its lines were changed in BigCommerce after Clarus was told; those that Clarus knows stand."
    return _on("rma_changed", rma, order, words, units=_authorised(rma))


def closed_too_late(number: str, order_id: int, why: str) -> Finding:
    """It was closed in BigCommerce when that could not be followed."""
    return Finding(
        "rma_changed",
        f"{subject(number)}, closing",
        f"RMA {number} of order {order_id} was closed in BigCommerce and goes on here: {why}.",
        order_id=order_id,
        evidence={"rma": number},
    )


# --- what the warehouse found ---


def unknown_receipt(receipt_id: int, reference: str, why: str) -> Finding:
    """A return without an RMA that we know, or of one that is closed."""
    return Finding(
        "return_unknown",
        f"receipt {receipt_id}",
        f"Clarus received return {receipt_id} with the reference {reference or '(none)'}, {why}: nobody is refunded.",
        evidence={"receipt_id": receipt_id, "reference": reference},
    )


def wrong_item(rma: Rma, order: Order | None, receipt: Receipt, line: ReceiptLine) -> Finding:
    """A product that the RMA does not name came back with it."""
    return _on(
        "return_wrong_item", rma, order,
        f"{line.received:f} of product {line.product_code} came back, which is not on it; the rest goes on.",
        units=_authorised(rma), about=f"product {line.product_code}", receipt_id=receipt.receipt_id,
    )  # fmt: skip


def unit_differs(rma: Rma, order: Order | None, receipt: Receipt, line: ReceiptLine) -> Finding:
    """The warehouse counted cases, or a part of a unit."""
    return _on(
        "return_unit_differs", rma, order,
        f"receipt {receipt.receipt_id} counts {line.received:f} {line.unit} of product {line.product_code}; it must "
        "count whole single units.",
        units=_authorised(rma), about=f"product {line.product_code}", receipt_id=receipt.receipt_id, unit=line.unit,
    )  # fmt: skip


def unreadable_inspection(rma: Rma, order: Order | None, receipt: Receipt, line: ReceiptLine, problem: str) -> Finding:
    """A grade that the settings do not know, or more units graded than there are."""
    return _on(
        "inspection_unreadable", rma, order,
        f"the inspection of product {line.product_code} on receipt {receipt.receipt_id} cannot be read: {problem}.",
        units=_authorised(rma), about=f"product {line.product_code}", receipt_id=receipt.receipt_id,
        inspection=line.inspection,
    )  # fmt: skip


def counted(rma: Rma, order: Order | None, lines: Mapping[int, Graded], *, is_complete: bool) -> list[Finding]:
    """More or fewer units than were authorised, and units that nobody is refunded for."""
    findings = []
    over = {
        line.order_product_id: graded.received - line.units
        for line in rma.lines
        if (graded := lines[line.order_product_id]).received > line.units
    }
    if over:
        words = f"{_units(rma, over)} came back beyond what was authorised; the surplus is not refunded."
        findings.append(_on("return_over_received", rma, order, words, units=over))
    missing = {line: graded.missing for line, graded in lines.items() if graded.missing}
    if is_complete and missing:
        words = f"the receipt is complete without {_units(rma, missing)}; they are not refunded."
        findings.append(_on("return_missing_units", rma, order, words, units=missing))
    return findings


def not_sellable(rma: Rma, order: Order | None, lines: Mapping[int, Graded]) -> list[Finding]:
    """Units that came back damaged and do not pass, once the inspection is done."""
    failed = {
        line.order_product_id: lost
        for line in rma.lines
        if (g := lines[line.order_product_id]) and (lost := min(line.units, g.sellable + g.damaged) - g.passed) > 0
    }
    if not failed:
        return []
    words = f"{_units(rma, failed)} came back damaged and did not pass; they are not refunded."
    return [_on("return_not_sellable", rma, order, words, units=failed)]


def _units(rma: Rma, by_line: Mapping[int, int]) -> str:
    skus = {line.order_product_id: line.sku or str(line.order_product_id) for line in rma.lines}
    return ", ".join(f"{units} of SKU {skus[line]}" for line, units in by_line.items())


# --- time ---


def overdue(
    rma: Rma, order: Order | None, *, is_refund_owed: bool, settings: ReturnsSettings, now: datetime
) -> list[Finding]:
    """An inspection that is late, and a refund that is due or at the law's limit. Days count from the receipt."""
    if rma.received_at is None:
        return []
    findings = []
    back = f"it came back on {rma.received_at:%d %b %Y}"
    waited = now - rma.received_at
    units = _authorised(rma)
    if rma.inspected_at is None and waited > timedelta(hours=settings.inspect_within_hours):
        words = f"{back} and is not inspected; {settings.inspect_within_hours} hours are agreed."
        findings.append(_on("inspection_overdue", rma, order, words, units=units))
    if is_refund_owed and waited >= timedelta(days=settings.warn_after_days):
        is_late = waited >= timedelta(days=settings.alarm_after_days)
        last = rma.received_at + timedelta(days=LAW_DAYS)
        words = f"{back} and is not refunded; the law's {LAW_DAYS} days end on {last:%d %b %Y}."
        findings.append(_on("refund_overdue" if is_late else "refund_due", rma, order, words, units=units))
    return findings


# --- money ---


def by_hand(rma: Rma, order: Order, refund_ids: list[int], value: Decimal) -> Finding:
    """Somebody refunded these units already, or an amount that may be for them."""
    which = f"refund {', '.join(map(str, refund_ids))} was" if refund_ids else "units were"
    words = f"{which} made in BigCommerce by hand, so its own refund is not sent."
    return _on("refund_by_hand", rma, order, words, value=value, refund_ids=refund_ids)


def not_possible(rma: Rma, order: Order, why: str, value: Decimal) -> Finding:
    """It is due, and cannot be sent."""
    return _on("refund_not_possible", rma, order, f"its refund is not sent: {why}.", value=value)


def shipping_by_hand(rma: Rma, order: Order, value: Decimal) -> Finding:
    """Its goods are refunded; whose shipping cost is to go with them nobody can tell."""
    words = (
        f"its shipping cost is not refunded, for order {order.order_id} went to {len(order.addresses)} addresses; "
        "refund by hand what is due of it."
    )
    return _on("refund_not_possible", rma, order, words, value=value, about="shipping")


def differs(number: str, order_id: int, *, approved: Decimal, made: Decimal, currency: str, refund_id: int) -> Finding:
    """The shop refunded another amount than was approved."""
    return Finding(
        "refund_differs",
        subject(number),
        f"RMA {number} of order {order_id}: BigCommerce's refund {refund_id} is of {shown(made, currency)}, and "
        f"{shown(approved, currency)} was approved.",
        order_id=order_id,
        evidence={"rma": number, "refund_id": refund_id, "approved": str(approved), "refunded": str(made)},
        value_at_risk=abs(made - approved),
        currency=currency,
    )


def parked(code: str, number: str, order_id: int, *, why: str, value: Decimal, currency: str) -> Finding:
    """The refund was stopped when it was about to be sent."""
    return Finding(
        code,
        subject(number),
        f"RMA {number} of order {order_id}: its refund was stopped: {why.rstrip('.')}.",
        order_id=order_id,
        evidence={"rma": number},
        value_at_risk=value,
        currency=currency,
    )


def declined(refund_id: int, order_id: int, number: str | None, *, value: Decimal, currency: str) -> Finding:
    """The shop holds the refund, and the gateway did not pay it."""
    of = f" (RMA {number})" if number else ""
    return Finding(
        "refund_declined",
        f"refund {refund_id}",
        f"Refund {refund_id} of order {order_id}{of}: the payment provider declined {shown(value, currency)}.",
        order_id=order_id,
        evidence={"refund_id": refund_id, "rma": number},
        value_at_risk=value,
        currency=currency,
    )


def without_receipt(
    order_id: int, *, units: int, skus: list[str], refund_ids: list[int], value: Decimal, currency: str
) -> Finding:
    """Money was paid back for units that left and are not back."""
    return Finding(
        "refund_without_receipt",
        f"order {order_id}",
        f"Order {order_id}: {units} despatched unit{'s' * (units > 1)} of SKU {', '.join(skus)} "
        f"{'were' if units > 1 else 'was'} refunded, and the warehouse has not received "
        f"{'them' if units > 1 else 'it'} back.",
        order_id=order_id,
        evidence={"refund_ids": refund_ids, "skus": skus, "units": units},
        value_at_risk=value,
        currency=currency,
    )


# --- stock ---


def not_on_sale(rma: Rma, order: Order | None, units: Mapping[int, int]) -> Finding:
    """Sellable units that Clarus's stock does not hold, a day after they passed."""
    words = f"{_units(rma, units)} passed inspection, and the stock that Clarus gives does not hold them."
    return _on("return_not_on_sale", rma, order, words, units=units)


def restocked_twice() -> Finding:
    """The shop's own setting puts refunded units back, and so does the warehouse's stock."""
    return Finding(
        "restocked_twice",
        "inventory settings of BigCommerce",
        "BigCommerce adds refunded units to its stock by itself (refund_order_stock_adjustment), and Clarus's stock "
        "holds them too. The next sync sets the level right; until then units may show twice.",
    )
