"""Control totals: what the facts come to and what the journal holds, to 0.00 or with each difference named.

What belongs here: the proofs of the books and how they are kept. What does not: the matching (`matching.py`) and the
journal (`posting.py`). The facts are summed by SQL over all orders, apart from the rules that made the journal, so that
a fault in either shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.finance.matching import Matched, match
from clarus_bc_pipeline.flows.returns.currency import shown
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries
from clarus_bc_pipeline.settings import StoreSettings

SQL = read_queries(Path(__file__).with_name("control.sql"))

PROVEN = "finance_control"
SCOPE = "finance.control"
ZERO = Decimal(0)
LISTED = 1000  # differences kept by name; the others are counted
# Breaks for which an order's deferred income is not the value of what is left to send.
EXPLAINING = (
    "duplicate_capture", "partial_capture", "despatched_not_paid", "amounts_do_not_add_up", "refund_by_hand",
    "currency_differs", "refunded_without_money",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """One control total. `explained` is what named breaks explain; what then is left must be nothing."""

    name: str
    currency: str
    facts: Decimal
    books: Decimal
    explained: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        return self.facts - self.books - self.explained


@dataclass(frozen=True, slots=True)
class Difference:
    """An order whose deferred income is not what is left to send of it, and the breaks that explain it."""

    order_id: int
    currency: str
    amount: Decimal
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """Deferred income in a time: closing = opening + paid - earned - refunded - cancelled."""

    currency: str
    opening: Decimal
    paid: Decimal
    earned: Decimal
    refunded: Decimal
    cancelled: Decimal
    closing: Decimal

    @property
    def difference(self) -> Decimal:
        return self.opening + self.paid - self.earned - self.refunded - self.cancelled - self.closing


@dataclass(frozen=True, slots=True)
class Completeness:
    """Orders read = matched + listed + excluded, each of these by its reason."""

    read: int = 0
    matched: int = 0
    listed: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> int:
        return self.read - self.matched - self.listed - sum(self.excluded.values())


@dataclass(frozen=True, slots=True)
class Control:
    """The books as last proven. `differences` are the first by order; `more` of them are not listed.

    `by_status` is what was taken as paid, by currency, because the order says so and its transactions were not read.
    """

    as_of: datetime
    proofs: tuple[Proof, ...] = ()
    differences: tuple[Difference, ...] = ()
    more: int = 0
    completeness: Completeness = Completeness()
    by_status: Mapping[str, Decimal] = field(default_factory=dict)
    deferred: tuple[Movement, ...] = ()

    @property
    def difference(self) -> Decimal:
        """What nothing explains, all together, signs left off."""
        return sum((abs(each.difference) for each in self.proofs), ZERO)


def prove_books(engine: sa.Engine, settings: StoreSettings, *, now: datetime) -> tuple[Matched, Control]:
    """Match all orders, hold the journal against them, and keep what came of it with a finding for each difference."""
    matched, control = match(engine, settings, now=now, whole=True, then=_control)
    assert control is not None
    with engine.begin() as connection:
        position = {"until": now.isoformat(), "control": msgspec.to_builtins(control, enc_hook=str)}
        write_cursor(connection, store=settings.key, feed=PROVEN, position=position, now=now)
    return matched, control


def tell(engine: sa.Engine, settings: StoreSettings, control: Control, *, now: datetime) -> None:
    """A finding for each control total that nothing explains; the others resolve."""
    findings = [
        Finding(
            "control_total_differs",
            f"control total {each.name}, {each.currency}",
            f"{each.name} ({each.currency}): the facts come to {shown(each.facts, each.currency)}, the journal to "
            f"{shown(each.books, each.currency)}, named breaks explain {shown(each.explained, each.currency)}: "
            f"{shown(each.difference, each.currency)} is unexplained.",
            value_at_risk=abs(each.difference),
            currency=each.currency,
        )
        for each in control.proofs
        if each.difference
    ]
    with engine.begin() as connection:
        record_findings(connection, store=settings.key, scope=SCOPE, findings=findings, now=now)


def control_totals(connection: sa.Connection, settings: StoreSettings, *, first: date, last: date) -> Control | None:
    """The books as last proven, with how deferred income moved from `first` to `last`; None before the first proof."""
    position = read_cursor(connection, store=settings.key, feed=PROVEN)
    if position is None:
        return None
    control = msgspec.convert(position["control"], Control)
    given = {"store": settings.key, "first": first, "last": last}
    return replace(control, deferred=tuple(Movement(*row) for row in connection.execute(SQL["movements"], given)))


def _control(connection: sa.Connection, given: Mapping[str, Any], matched: Matched) -> Control:
    facts = connection.execute(SQL["fact_totals"]).all()
    books = connection.execute(SQL["book_totals"], given).all()
    connection.execute(SQL["match_deferred"], {**given, "explaining": list(EXPLAINING)})
    named = connection.execute(SQL["deferred_differences"], {"most": LISTED})
    differences = [Difference(row.order_id, row.currency, row.amount, tuple(row.codes)) for row in named]
    sums = connection.execute(SQL["deferred_explained"]).all()
    explained = {row.currency: row.explained for row in sums}
    currencies = sorted({row.currency for row in facts} | {row.currency for row in books})
    by_currency = {row.currency: row for row in facts}
    proofs: list[Proof] = []
    for currency in currencies:
        said = by_currency.get(currency)
        of = [row for row in books if row.currency == currency]
        proofs += [
            Proof("money in", currency, said.paid if said else ZERO, _net(of, "bank", ("payment",))),
            Proof("money out", currency, said.refunded if said else ZERO, -_net(of, "bank", ("refund",))),
            Proof(
                "income earned", currency, said.earned if said else ZERO,
                _net(of, "deferred_income", ("despatch", "digital")),
            ),
            Proof("VAT on it", currency, said.earned_tax if said else ZERO, -_net(of, "vat", ("despatch", "digital"))),
            Proof(
                "deferred income", currency, said.held if said else ZERO, -_net(of, "deferred_income"),
                explained.get(currency, ZERO),
            ),
            Proof(
                "debits and credits", currency, sum((row.debit for row in of), ZERO),
                sum((row.credit for row in of), ZERO),
            ),
        ]  # fmt: skip
    read = connection.scalar(sa.text("SELECT count(*) FROM match_order")) or 0
    return Control(
        given["now"],
        tuple(proofs),
        tuple(differences),
        sum(row.orders for row in sums) - len(differences),
        Completeness(int(read), matched.matched, matched.listed, dict(matched.excluded)),
        {row.currency: row.by_status for row in facts if row.by_status},
    )


def _net(rows: Sequence[sa.Row[Any]], account: str, kinds: Sequence[str] | None = None) -> Decimal:
    """Debits less credits of an account, in entries of these kinds of event."""
    these = (row for row in rows if row.account == account and (kinds is None or row.kind in kinds))
    return sum((row.debit - row.credit for row in these), ZERO)
