"""Double entry: every journal balances, posting twice posts nothing, and the order of facts makes no difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.finance.journals import Costs, Entry, Posted, Posting, entries, postings
from clarus_bc_pipeline.flows.finance.rules import OrderFacts
from clarus_bc_pipeline_tests.flows.finance.examples import NOON, D, any_order, line, order, paid, refund, sent

LONDON = ZoneInfo("Europe/London")
FREE = Costs()
COSTS = Costs({"SKU-1": D("1.10")}, D("0.4"))


class Journal:
    """What was posted so far, as the ledger would sum it up."""

    def __init__(self) -> None:
        self.posted: dict[str, Posted] = {}
        self.postings: list[Posting] = []

    def post(self, facts: OrderFacts, costs: Costs = COSTS) -> list[Posting]:
        wanted = entries(facts, costs=costs, zone=LONDON)
        gone = {event: Entry(event, NOON.date(), 7, facts.currency, "gone", {}) for event in self.posted}
        made = postings(wanted, self.posted, gone=gone)
        for each in made:
            before = self.posted.get(each.entry.event, Posted({}, 0, "", facts.currency))
            amounts = {
                a: before.amounts.get(a, D(0)) + each.amounts.get(a, D(0)) for a in {*before.amounts, *each.amounts}
            }
            basis = each.entry.basis or before.basis
            self.posted[each.entry.event] = Posted(amounts, before.journals + 1, basis, facts.currency)
        self.postings += made
        return made

    @property
    def balances(self) -> dict[str, Decimal]:
        total: dict[str, Decimal] = {}
        for each in self.posted.values():
            for account, amount in each.amounts.items():
                total[account] = total.get(account, D(0)) + amount
        return {account: amount for account, amount in total.items() if amount}


def balances(facts: OrderFacts, costs: Costs = FREE) -> dict[str, Decimal]:
    journal = Journal()
    journal.post(facts, costs)
    return journal.balances


def test_a_paid_order_is_deferred_income() -> None:
    assert balances(replace(order(), payments=(paid("13.50"),))) == {"bank": D("13.50"), "deferred_income": D("-13.50")}


def test_an_order_that_left_is_revenue_charges_and_vat() -> None:
    facts = replace(order(), payments=(paid("13.50"),), sent=(sent(3),))
    assert balances(facts, Costs({"SKU-1": D("1.10")})) == {
        "bank": D("13.50"),
        "revenue": D("-8.33"),
        "charges": D("-2.92"),
        "vat": D("-2.25"),
        "cost_of_sales": D("3.30"),
        "stock": D("-3.30"),
    }


def test_a_cancelled_order_owes_the_customer_until_it_is_refunded() -> None:
    facts = replace(order(), payments=(paid("13.50"),), cancelled_at=NOON)
    assert balances(facts) == {"bank": D("13.50"), "refunds_owed": D("-13.50")}
    assert balances(replace(facts, refunds=(refund("13.50", tax="2.25"),))) == {}


def test_a_payment_known_by_its_status_is_not_posted_again_when_its_transaction_is_read() -> None:
    journal = Journal()
    journal.post(replace(order(), payments=(paid("13.50", transaction=None),)))
    assert journal.post(replace(order(), payments=(paid("13.50", transaction=99),))) == []
    (left,) = journal.post(replace(order(), payments=(paid("10.00", transaction=99),)))
    assert left.amounts == {"bank": D("-3.50"), "deferred_income": D("3.50")}


def test_a_despatch_undone_is_taken_back() -> None:
    journal = Journal()
    journal.post(replace(order(), payments=(paid("13.50"),), sent=(sent(3),)))
    (back,) = journal.post(replace(order(), payments=(paid("13.50"),)))
    assert (back.journal, back.adjusts) == ("despatch:914/1+1", "facts")
    assert journal.balances == {"bank": D("13.50"), "deferred_income": D("-13.50")}


def test_a_price_edited_after_despatch_is_posted_as_the_difference_and_said() -> None:
    journal = Journal()
    facts = replace(order(), payments=(paid("13.50"),), sent=(sent(3),))
    journal.post(facts)
    (edit,) = journal.post(replace(facts, total=D("12.30"), tax=D("2.05"), lines=(line(total="8.80", tax="1.47"),)))
    assert (edit.journal, edit.adjusts) == ("despatch:914/1+1", "price")
    assert edit.amounts == {"deferred_income": D("-1.20"), "revenue": D("1.00"), "vat": D("0.20")}


@given(any_order())
def test_every_journal_balances(facts: OrderFacts) -> None:
    for each in Journal().post(facts):
        assert sum(each.amounts.values()) == 0


@given(any_order())
def test_posting_the_same_facts_twice_posts_nothing(facts: OrderFacts) -> None:
    journal = Journal()
    journal.post(facts)
    assert journal.post(facts) == []


@given(any_order(), st.randoms(use_true_random=False))
def test_the_totals_are_the_same_in_whatever_order_facts_come(facts: OrderFacts, chance: Random) -> None:
    journal = Journal()
    for known in as_learnt(facts, chance):
        journal.post(known)
    assert journal.balances == balances(facts, COSTS)


@given(any_order())
def test_what_a_cancelled_order_keeps_is_never_less_than_nothing(facts: OrderFacts) -> None:
    owed = balances(replace(facts, cancelled_at=NOON)).get("refunds_owed", D(0))
    assert owed <= 0


def as_learnt(facts: OrderFacts, chance: Random) -> Sequence[OrderFacts]:
    """The order's facts one after the other, shuffled, each on top of those before."""
    steps: list[dict[str, Any]] = [
        *({"payments": each} for each in facts.payments),
        *({"sent": each} for each in facts.sent),
        *({"refunds": each} for each in facts.refunds),
        *({"returned": each} for each in facts.returned),
        *([{"cancelled_at": facts.cancelled_at}] if facts.cancelled_at else []),
    ]
    chance.shuffle(steps)
    bare = replace(facts, payments=(), sent=(), refunds=(), returned=(), cancelled_at=None)

    def learn(known: OrderFacts, step: dict[str, Any]) -> OrderFacts:
        ((name, value),) = step.items()
        change: Any = {name: value if name == "cancelled_at" else (*getattr(known, name), value)}
        return replace(known, **change)

    return list(accumulate(steps, learn, initial=bare))
