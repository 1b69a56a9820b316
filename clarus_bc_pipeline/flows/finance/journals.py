"""Double entry: which lines an order's facts ask for, and what is left to post of them. Pure.

What belongs here: debit and credit. What does not: the ledger (`posting.py`), which period is open (`periods.py`).

| event | debit | credit |
| --- | --- | --- |
| payment | bank | deferred income |
| despatch (by setting: delivery), digital goods paid | deferred income; cost of sales | revenue, charges, VAT; stock |
| refund | deferred income (never left), refunds and VAT (had left) | bank |
| return inspected | stock (sellable), written off (damaged) | cost of sales |
| cancelled with money kept | deferred income | owed to customers |

Income is recognised when goods are handed over, FRS 102 section 23; VAT is posted with it. A VAT return goes by its own
tax points (a payment in advance is one): make it in the accounts package.

Facts change and arrive late. What is posted stands; the difference to it is posted. So posting the same facts twice
posts nothing, and the totals are the same in whatever order facts came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from clarus_bc_pipeline.flows.finance import accounts, rules
from clarus_bc_pipeline.flows.finance.rules import ZERO, Earned, Line, OrderFacts
from clarus_bc_pipeline.flows.returns.currency import rounded

Amounts = Mapping[str, Decimal]  # by account; a debit is positive, a credit negative


@dataclass(frozen=True, slots=True)
class Costs:
    """What units cost, without VAT: by SKU, else as a share of the price."""

    by_sku: Mapping[str, Decimal] = field(default_factory=dict)
    share: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event should have posted by now, all of it. `amounts` sum to nothing.

    `basis` says which prices of the order it rests on: where that changed after posting, somebody edited the order.
    """

    event: str
    on: date
    order_id: int
    currency: str
    narrative: str
    amounts: Amounts
    evidence: Mapping[str, Any] = field(default_factory=dict)
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """What an event has posted so far: its amounts, in how many journals, on which basis, and the currency."""

    amounts: Amounts
    journals: int
    basis: str
    currency: str


@dataclass(frozen=True, slots=True)
class Posting:
    """A journal to post: what an event asks for less what it has posted. Debits and credits are equal."""

    journal: str
    entry: Entry
    amounts: Amounts
    adjusts: str | None  # None: the first of its event; price: the order was edited; facts: anything else


def entries(facts: OrderFacts, *, costs: Costs, zone: tzinfo) -> list[Entry]:
    """What every event of the order should have posted. Dates are the store's, in `zone`."""
    made = [*_payments(facts), *_income(facts, costs), *_refunds(facts), *_returns(facts, costs), *_cancellation(facts)]
    basis = _basis(facts)
    return [
        Entry(
            event,
            at.astimezone(zone).date(),
            facts.order_id,
            facts.currency,
            narrative,
            {account: amount for account, amount in amounts.items() if amount},
            evidence,
            basis,
        )
        for event, at, narrative, amounts, evidence in made
    ]


def postings(wanted: Sequence[Entry], posted: Mapping[str, Posted], *, gone: Mapping[str, Entry]) -> list[Posting]:
    """The journals that bring what is posted to what is wanted; none where they agree.

    An event that was posted and is not wanted any more (a despatch undone) is taken back: `gone` has an empty entry
    for each of those.
    """
    found = []
    for entry in (*wanted, *(gone[event] for event in sorted(posted.keys() - {each.event for each in wanted}))):
        before = posted.get(entry.event)
        if before is None:
            if entry.amounts:
                found.append(Posting(entry.event, entry, entry.amounts, None))
            continue
        left = difference(entry.amounts, before.amounts)
        if left:
            is_edited = bool(entry.amounts) and any(before.amounts.values()) and before.basis != entry.basis
            name = f"{entry.event}+{before.journals}"
            found.append(Posting(name, entry, left, "price" if is_edited else "facts"))
    return found


def difference(wanted: Amounts, posted: Amounts) -> dict[str, Decimal]:
    """`wanted` less `posted`, by account; what is the same is left out."""
    accounts_of_both = [*wanted, *(account for account in posted if account not in wanted)]
    left = {account: wanted.get(account, ZERO) - posted.get(account, ZERO) for account in accounts_of_both}
    return {account: amount for account, amount in left.items() if amount}


_Made = tuple[str, datetime, str, Amounts, dict[str, Any]]


def _payments(facts: OrderFacts) -> list[_Made]:
    """Numbered by time and not by transaction, so that a payment known by its status only is not posted twice."""
    made: list[_Made] = []
    ordered = sorted(facts.payments, key=lambda each: (each.at, each.transaction_id or 0))
    for number, payment in enumerate(ordered, 1):
        amount = rounded(payment.amount, facts.currency)
        said = f"transaction {payment.transaction_id}" if payment.transaction_id else "by its payment status"
        evidence = {"transaction_id": payment.transaction_id} if payment.transaction_id else {"by": "payment_status"}
        made.append(
            (
                f"payment:{facts.order_id}/{number}",
                payment.at,
                f"Order {facts.order_id} paid, {said}",
                {accounts.BANK: amount, accounts.DEFERRED_INCOME: -amount},
                evidence,
            )
        )
    return made


def _income(facts: OrderFacts, costs: Costs) -> list[_Made]:
    made: list[_Made] = []
    sent = {each.key: each.at for each in facts.sent}
    for key, earned in rules.earned_by_despatch(facts).items():
        amounts = _recognised(earned) | _cost(facts, earned, costs)
        lines = {str(line): units for line, (_, units) in earned.units.items()}
        words = f"Order {facts.order_id} sent, goods-out {key}"
        made.append((f"despatch:{key}", sent[key], words, amounts, {"goods_out": key, "units": lines}))
    if paid := rules.earned_when_paid(facts):
        at = min(payment.at for payment in facts.payments)
        words = f"Order {facts.order_id}, digital goods"
        made.append((f"digital:{facts.order_id}", at, words, _recognised(paid), {}))
    return made


def _recognised(earned: Earned) -> dict[str, Decimal]:
    return {
        accounts.DEFERRED_INCOME: earned.gross,
        accounts.REVENUE: -(earned.goods - earned.goods_tax),
        accounts.CHARGES: -(earned.charges - earned.charges_tax),
        accounts.VAT: -earned.tax,
    }


def _cost(facts: OrderFacts, earned: Earned, costs: Costs) -> dict[str, Decimal]:
    lines = {line.order_product_id: line for line in facts.lines}
    cost = sum((_cost_of(lines[i], before, n, facts, costs) for i, (before, n) in earned.units.items()), ZERO)
    return {accounts.COST_OF_SALES: cost, accounts.STOCK: -cost}


def _cost_of(line: Line, before: int, units: int, facts: OrderFacts, costs: Costs) -> Decimal:
    each = rules.unit_cost(line, by_sku=costs.by_sku, share=costs.share)
    if each is None:
        return ZERO
    return rounded(each * (before + units), facts.currency) - rounded(each * before, facts.currency)


def _refunds(facts: OrderFacts) -> list[_Made]:
    made: list[_Made] = []
    split = rules.split_refunds(facts)
    for refund in facts.refunds:
        parts = split[refund.refund_id]
        amounts = {
            accounts.DEFERRED_INCOME: parts.deferred,
            accounts.REFUNDS: parts.earned,
            accounts.VAT: parts.tax,
            accounts.BANK: -(parts.deferred + parts.earned + parts.tax),
        }
        by = f"RMA {refund.rma}" if refund.rma else "made in BigCommerce"
        words = f"Order {facts.order_id}, refund {refund.refund_id}, {by}"
        evidence = {"refund_id": refund.refund_id, **({"rma": refund.rma} if refund.rma else {})}
        made.append((f"refund:{refund.refund_id}", refund.at, words, amounts, evidence))
    return made


def _returns(facts: OrderFacts, costs: Costs) -> list[_Made]:
    """Goods that came back, at what they cost; none where no cost is known."""
    made: list[_Made] = []
    lines = {line.order_product_id: line for line in facts.lines}
    for back in facts.returned:
        sellable, damaged = (
            sum((_cost_of(lines[i], 0, n, facts, costs) for i, n in units if i in lines), ZERO)
            for units in (back.sellable, back.damaged)
        )
        amounts = {
            accounts.STOCK: sellable,
            accounts.STOCK_WRITTEN_OFF: damaged,
            accounts.COST_OF_SALES: -(sellable + damaged),
        }
        words = f"Order {facts.order_id}, goods back under RMA {back.rma}"
        made.append((f"return:{back.rma}", back.at, words, amounts, {"rma": back.rma}))
    return made


def _cancellation(facts: OrderFacts) -> list[_Made]:
    """What a cancelled order still holds of the customer's money; its refunds bring this back to nothing."""
    if facts.cancelled_at is None:
        return []
    earned = sum((each.gross for each in rules.earned_by_despatch(facts).values()), ZERO)
    deferred = sum((each.deferred for each in rules.split_refunds(facts).values()), ZERO)
    kept = max(ZERO, facts.paid - earned - deferred)
    amounts = {accounts.DEFERRED_INCOME: kept, accounts.REFUNDS_OWED: -kept}
    return [(f"cancellation:{facts.order_id}", facts.cancelled_at, f"Order {facts.order_id} cancelled", amounts, {})]


def _basis(facts: OrderFacts) -> str:
    lines = (f"{line.order_product_id}={line.quantity}x{line.total:f}/{line.tax:f}" for line in facts.lines)
    prices = f"{facts.total:f}/{facts.tax:f} {' '.join(lines)}"
    return hashlib.sha256(prices.encode()).hexdigest()[:16]
