"""What an inspected RMA may be refunded, and how: the approval, and the choice among the ways that the shop quotes.

What belongs here: decisions about money, as pure functions. What does not: units (`rules.py`), calls (`deliveries.py`),
and the interlock, which the database holds besides (`ledger/tables/returns.py`).

    approved = units passed x price + shipping - restocking fee,   at most what was captured and not refunded yet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clarus_bc_pipeline.decisions import Finding, Push
from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.currency import part, rounded, shown
from clarus_bc_pipeline.flows.returns.rma import Order, Rma
from clarus_bc_pipeline.settings import ReturnsSettings

if TYPE_CHECKING:
    from clarus_bc_pipeline.bigcommerce.refunds import Quote, Tender

REFUND = "refund"
STORE_CREDIT = "storecredit"  # BigCommerce's provider_id (refund_quotes, orders.v3.yml)


@dataclass(frozen=True, slots=True)
class ApprovedLine:
    """Units of an order line and what they come to, with tax."""

    order_product_id: int
    units: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Approval:
    """One RMA's refund, at most `amount`: lines + shipping - fee. `shipping_address` is whose shipping it is."""

    rma: str
    order_id: int
    currency: str
    lines: tuple[ApprovedLine, ...]
    shipping: Decimal
    shipping_address: int | None
    restocking_fee: Decimal
    captured: Decimal
    refunded_before: Decimal

    @property
    def amount(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0)) + self.shipping - self.restocking_fee


@dataclass(frozen=True, slots=True)
class Before:
    """What was refunded, or approved, of the order before.

    `units` by order line; `shipping` money; `by_hand` are refunds that no RMA made and that may be for these units.
    """

    units: Mapping[int, int]
    shipping: Decimal = Decimal(0)
    by_hand: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """An approval or none, and what a person must know. No approval and no finding: there is nothing to refund."""

    approval: Approval | None = None
    findings: tuple[Finding, ...] = ()


def approve(
    rma: Rma,
    order: Order,
    passed: Mapping[int, int],
    *,
    captured: Decimal,
    refunded: Decimal,
    before: Before,
    settings: ReturnsSettings,
) -> Decision:
    """What the units that passed come to, or why a person must refund them.

    `captured` and `refunded` are the order's money so far. A refund that somebody made by hand since the RMA was opened
    stops it, whatever the amount: nothing is paid twice.
    """
    units = {line: count for line, count in passed.items() if count}
    if not units:
        return Decision()
    value = order.value(units)
    short = any(
        (sold := order.lines.get(line)) is None or max(before.units.get(line, 0), sold.refunded) + count > sold.quantity
        for line, count in units.items()
    )
    if before.by_hand or short:
        return Decision(None, (exceptions.by_hand(rma, order, list(before.by_hand), value),))
    if settings.refund == "never":
        return Decision()
    lines = tuple(
        ApprovedLine(
            line,
            count,
            part(
                order.lines[line].total,
                of=order.lines[line].quantity,
                before=max(before.units.get(line, 0), order.lines[line].refunded),
                units=count,
                currency=order.currency,
            ),
        )
        for line, count in sorted(units.items())
    )
    shipping, told = shipping_of(rma, order, units, before, settings)
    approval = Approval(
        rma=rma.number,
        order_id=rma.order_id,
        currency=order.currency,
        lines=lines,
        shipping=shipping,
        shipping_address=order.addresses[0] if shipping else None,
        restocking_fee=restocking_fee(rma, lines, order.currency, settings),
        captured=captured,
        refunded_before=refunded,
    )
    left = captured - refunded
    why = None
    if approval.amount <= 0:
        why = f"it comes to {shown(approval.amount, order.currency)}; close the RMA"
    elif approval.amount > left:
        why = (
            f"it comes to {shown(approval.amount, order.currency)}, and {shown(max(left, Decimal(0)), order.currency)} "
            f"is left of {shown(captured, order.currency)} captured and {shown(refunded, order.currency)} refunded"
        )
    elif settings.largest_refund is not None and approval.amount > settings.largest_refund:
        why = (
            f"it comes to {shown(approval.amount, order.currency)}, above returns.largest_refund "
            f"({settings.largest_refund}); refund it by hand or raise the setting"
        )
    if why:
        return Decision(None, (exceptions.not_possible(rma, order, why, max(approval.amount, Decimal(0))), *told))
    return Decision(approval, told)


def shipping_of(
    rma: Rma, order: Order, units: Mapping[int, int], before: Before, settings: ReturnsSettings
) -> tuple[Decimal, tuple[Finding, ...]]:
    """The shipping cost to refund: what the order comes to beyond its lines, less what was refunded of it."""
    is_whole = all(
        max(before.units.get(line, 0), sold.refunded) + units.get(line, 0) >= sold.quantity
        for line, sold in order.lines.items()
    )
    due = {"never": False, "by_rma": rma.refund_shipping, "whole_order": is_whole}[settings.refund_shipping]
    charged = order.total - sum((sold.total for sold in order.lines.values()), Decimal(0))
    shipping = max(Decimal(0), rounded(charged - before.shipping, order.currency))
    if not due or not shipping:
        return Decimal(0), ()
    if len(order.addresses) != 1:
        return Decimal(0), (exceptions.shipping_by_hand(rma, order, shipping),)
    return shipping, ()


def restocking_fee(rma: Rma, lines: Sequence[ApprovedLine], currency: str, settings: ReturnsSettings) -> Decimal:
    """What is kept back of the goods' price; nothing of goods that came back for the merchant's own fault."""
    ours = {line.order_product_id for line in rma.lines if line.reason in settings.refund_damaged_for}
    price = sum((line.amount for line in lines if line.order_product_id not in ours), Decimal(0))
    return rounded(price * settings.restocking_fee_percent / 100, currency)


def refund_push(approval: Approval) -> Push:
    """The push that an approval allows: one an RMA, one in flight an order."""
    items: list[dict[str, Any]] = [
        {"item_type": "PRODUCT", "item_id": line.order_product_id, "quantity": line.units} for line in approval.lines
    ]
    if approval.shipping:
        items.append({"item_type": "SHIPPING", "item_id": approval.shipping_address, "amount": str(approval.shipping)})
    return Push(
        kind=REFUND,
        business_key=approval.rma,
        lane=f"order:{approval.order_id}",
        payload={
            "order_id": approval.order_id,
            "items": items,
            "amount": str(approval.amount),
            "restocking_fee": str(approval.restocking_fee),
            "captured": str(approval.captured),
            "refunded_before": str(approval.refunded_before),
            "currency": approval.currency,
        },
        priority=Priority.REFUND,
        cause={"rma": approval.rma, "value_at_risk": str(approval.amount), "currency": approval.currency},
    )


# --- how it is paid ---

QUOTE_ABOVE = "the shop quotes more than was approved"
NOTHING_LEFT = "less is left of the payment than is due"
NO_METHOD = "the shop offers no way of paying that the settings allow"


@dataclass(frozen=True, slots=True)
class Payment:
    """What is sent: the tenders, their sum, and the tax in it. `is_override`: not what the shop itself works out."""

    tenders: tuple[Tender, ...]
    total: Decimal
    tax: Decimal
    is_override: bool


def payment(
    quote: Quote, *, approved: Decimal, fee: Decimal, left: Decimal, currency: str, settings: ReturnsSettings
) -> Payment | str:
    """How the quote is paid, or in words why it must not be: it begins with one of the reasons above.

    What counts is what the method's tenders come to, which is the quote's total, or with its tax where the shop tells
    the two apart. It may be less than was approved (a coupon's share), never more. A restocking fee is kept back of it.
    """
    method = choose(quote.methods, settings)
    if method is None:
        offered = "; ".join(sorted({tender.provider_id for method in quote.methods for tender in method})) or "none"
        return f'{NO_METHOD} (returns.tenders = "{settings.tenders}"); offered: {offered}'
    worth = sum((tender.amount for tender in method), Decimal(0))
    if worth not in (quote.total, *(() if quote.tax_inclusive else (quote.total + quote.tax,))):
        return f"{NO_METHOD}: its parts do not come to the {shown(quote.total, currency)} that it quotes"
    total = worth - fee
    if total > approved:
        return f"{QUOTE_ABOVE}: {shown(total, currency)} for {shown(approved, currency)}"
    if total > left:
        return f"{NOTHING_LEFT}: {shown(total, currency)} for {shown(left, currency)}"
    if total <= 0:
        return f"{NOTHING_LEFT}: the shop quotes {shown(worth, currency)}"
    if not fee:
        return Payment(method, total, quote.tax, False)
    return Payment(_reduced(method, fee), total, rounded(quote.tax * total / worth, currency), True)


def choose(methods: Sequence[tuple[Tender, ...]], settings: ReturnsSettings) -> tuple[Tender, ...] | None:
    """The first method that the settings allow, or None.

    "original" is what the shop pays back through the gateway itself, not store credit alone: whoever paid with money
    has a right to money.
    """
    for method in methods:
        credit = [_is_credit(tender) for tender in method]
        offline = [tender.offline for tender in method]
        match settings.tenders:
            case "original" if method and not any(offline) and not all(credit):
                return method
            case "store_credit" if method and all(credit):
                return method
            case "offline" if method and all(offline):
                return method
    return None


def _is_credit(tender: Tender) -> bool:
    return str(tender.provider_id).casefold().replace("_", "") == STORE_CREDIT


def _reduced(method: tuple[Tender, ...], fee: Decimal) -> tuple[Tender, ...]:
    """The tenders less the fee, taken of the last first; one that comes to nothing is left out."""
    kept = []
    for tender in reversed(method):
        off = min(fee, tender.amount)
        fee -= off
        if tender.amount > off:
            kept.append(replace(tender, amount=tender.amount - off))
    return tuple(reversed(kept))
