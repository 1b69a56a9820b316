"""What an order's despatches, charges and refunds come to: pure functions of its facts.

What belongs here: values, and which part of a refund is of goods that never left. What does not: debit and credit
(`journals.py`), and reading the facts (`facts.py`).

A line's value is told apart by running totals rounded in the currency's own decimals, so that the parts of a line sum
to its total in whatever order they come. Charges (delivery, wrapping, less discounts that are on no line) are the
order's total less its lines, and are earned with the first despatch; so is their VAT. Digital lines are earned when
paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from clarus_bc_pipeline.flows.returns.currency import part, rounded

ZERO = Decimal(0)
ORDER_LEVEL = "ORDER"  # a refund of an amount, for no line (orders.v3.yml, refund item types)
OF_CHARGES = ("SHIPPING", "HANDLING")


@dataclass(frozen=True, slots=True)
class Line:
    """An order line; `total` and `tax` are of all its units, after discounts."""

    order_product_id: int
    sku: str
    kind: str
    quantity: int
    total: Decimal
    tax: Decimal

    @property
    def is_sent(self) -> bool:
        """Whether it is earned by a despatch at all."""
        return self.kind == "physical" and self.quantity > 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A despatch that stands: `key` is 914/1, `units` by order line, `at` when its income is earned (UTC)."""

    key: str
    at: datetime
    units: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in. `transaction_id` None: by the order's payment status, its transactions were not read yet."""

    at: datetime
    amount: Decimal
    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class RefundItem:
    """What a refund is for: `line` is the order line of a PRODUCT."""

    kind: str
    line: int
    units: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that went back: `paid` is without what the gateway declined, `tax` the VAT in it."""

    refund_id: int
    at: datetime
    rma: str | None
    paid: Decimal
    tax: Decimal
    items: tuple[RefundItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """Units that came back and were inspected, by order line."""

    rma: str
    at: datetime
    sellable: tuple[tuple[int, int], ...] = ()
    damaged: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """All that is known of an order's money, in its own currency. `cancelled_at` None: it stands."""

    order_id: int
    currency: str
    total: Decimal
    tax: Decimal
    lines: tuple[Line, ...] = ()
    sent: tuple[Sent, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    returned: tuple[Returned, ...] = ()
    cancelled_at: datetime | None = None

    @property
    def paid(self) -> Decimal:
        return sum((rounded(payment.amount, self.currency) for payment in self.payments), ZERO)


@dataclass(frozen=True, slots=True)
class Earned:
    """Income of one event: gross of `goods` and `charges`, the VAT in both, and the units of each line."""

    goods: Decimal = ZERO
    charges: Decimal = ZERO
    goods_tax: Decimal = ZERO
    charges_tax: Decimal = ZERO
    units: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # line: (units before, units)

    @property
    def gross(self) -> Decimal:
        return self.goods + self.charges

    @property
    def tax(self) -> Decimal:
        return self.goods_tax + self.charges_tax


def charges(facts: OrderFacts) -> tuple[Decimal, Decimal]:
    """The order's total less its lines, and the VAT in that; less than nothing where a discount is on no line."""
    currency = facts.currency
    total = rounded(facts.total, currency) - sum((rounded(line.total, currency) for line in facts.lines), ZERO)
    tax = rounded(facts.tax, currency) - sum((rounded(line.tax, currency) for line in facts.lines), ZERO)
    return total, tax


def earned_by_despatch(facts: OrderFacts) -> dict[str, Earned]:
    """What each despatch earns, by its key. Units beyond a line's quantity earn nothing; they were not sold."""
    lines = {line.order_product_id: line for line in facts.lines if line.is_sent}
    before = dict.fromkeys(lines, 0)
    earned = {}
    has_charged = False
    for sent in sorted(facts.sent, key=lambda each: (each.at, each.key)):
        goods = goods_tax = ZERO
        units: dict[int, tuple[int, int]] = {}
        for line_id, wanted in sent.units:
            if (line := lines.get(line_id)) is None:
                continue
            was = before[line_id]
            now = min(wanted, line.quantity - was)
            told = {"of": line.quantity, "before": was, "units": now}
            goods += part(line.total, currency=facts.currency, **told)
            goods_tax += part(line.tax, currency=facts.currency, **told)
            before[line_id] += now
            first, count = units.get(line_id, (was, 0))
            units[line_id] = (first, count + now)
        charged, charged_tax = charges(facts) if units and not has_charged else (ZERO, ZERO)
        has_charged = has_charged or bool(units)
        earned[sent.key] = Earned(goods, charged, goods_tax, charged_tax, units)
    return earned


def earned_when_paid(facts: OrderFacts) -> Earned | None:
    """What needs no despatch: digital lines, and the charges of an order that has nothing to send. None while unpaid.

    Gift certificates are money held for the shopper, and stay deferred.
    """
    if facts.paid <= 0 or facts.cancelled_at is not None:
        return None
    digital = [line for line in facts.lines if line.kind == "digital"]
    goods = sum((rounded(line.total, facts.currency) for line in digital), ZERO)
    tax = sum((rounded(line.tax, facts.currency) for line in digital), ZERO)
    nothing_to_send = bool(digital) and not any(line.is_sent for line in facts.lines)
    charged, charged_tax = charges(facts) if nothing_to_send else (ZERO, ZERO)
    return Earned(goods, charged, tax, charged_tax) if goods or charged else None


@dataclass(frozen=True, slots=True)
class SplitRefund:
    """A refund apart: `deferred` was never earned; the rest takes back income (`earned`, net) and its VAT (`tax`)."""

    deferred: Decimal
    earned: Decimal
    tax: Decimal


def split_refunds(facts: OrderFacts) -> dict[int, SplitRefund]:
    """Of each refund, which part is of goods that never left. Never less than nothing, never more than was paid back.

    A refund by an RMA is of goods that came back, so all of it was earned. Any other is of units that have not left
    first: cancelling what is not there is what most of them are for.
    """
    currency = facts.currency
    by_despatch = earned_by_despatch(facts)
    at_payment = earned_when_paid(facts)
    all_earned = sum((each.gross for each in by_despatch.values()), at_payment.gross if at_payment else ZERO)
    held = max(facts.paid, rounded(facts.total, currency)) - all_earned  # never earned so far
    unsent = {
        line.order_product_id: line.quantity
        - sum(e.units.get(line.order_product_id, (0, 0))[1] for e in by_despatch.values())
        for line in facts.lines
        if line.is_sent
    }
    found = {}
    for refund in sorted(facts.refunds, key=lambda each: (each.at, each.refund_id)):
        paid = max(ZERO, rounded(refund.paid, currency))
        share = (
            ZERO
            if refund.rma
            else _unsent_share(
                refund, unsent, held=held, charges_held=not any(each.units for each in by_despatch.values())
            )
        )
        deferred = min(rounded(paid * share, currency), max(ZERO, held))
        held -= deferred
        tax_paid = min(max(ZERO, refund.tax), paid)
        tax = rounded(tax_paid * (paid - deferred) / paid, currency) if paid else ZERO
        found[refund.refund_id] = SplitRefund(deferred, paid - deferred - tax, tax)
    return found


def _unsent_share(refund: Refund, unsent: dict[int, int], *, held: Decimal, charges_held: bool) -> Decimal:
    """Which part of a refund's items, by amount, is of what never left; uses up `unsent`."""
    whole = deferred = ZERO
    for item in refund.items or (RefundItem(ORDER_LEVEL, 0, 0, refund.paid),):
        amount = max(ZERO, item.amount)
        whole += amount
        if item.kind in ("PRODUCT", "GIFT_WRAPPING") and item.line in unsent and item.units > 0:
            taken = min(item.units, unsent[item.line])
            if item.kind == "PRODUCT":
                unsent[item.line] -= taken
            deferred += amount * taken / item.units
        elif item.kind in OF_CHARGES:
            deferred += amount if charges_held else ZERO
        elif item.line not in unsent:
            deferred += min(amount, max(ZERO, held - deferred))
    return min(Decimal(1), deferred / whole) if whole else ZERO


def unit_cost(line: Line, *, by_sku: Mapping[str, Decimal], share: Decimal) -> Decimal | None:
    """What a unit cost, without VAT; None where nobody says."""
    if line.sku in by_sku:
        return by_sku[line.sku]
    return (line.total - line.tax) / line.quantity * share if share and line.quantity else None
