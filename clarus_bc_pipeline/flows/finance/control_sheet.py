"""The pack's first page: days, sources, control totals, and whether all of them tie.

What belongs here: the control sheet. What does not: the totals themselves (`control.py`) and the schedules.

Differences are formulas over cells that are read apart, so that a reader sees the proof and need not take our word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa
from xlsxwriter.worksheet import Worksheet

from clarus_bc_pipeline.flows.finance.control import Completeness, Control, Movement, Proof
from clarus_bc_pipeline.flows.finance.schedules import SQL
from clarus_bc_pipeline.flows.finance.sheets import Placed, Workbook
from clarus_bc_pipeline.settings import StoreSettings

ZERO = Decimal(0)


def code_version() -> str:
    """The installed version of this package."""
    try:
        return version("clarus_bc_pipeline")
    except PackageNotFoundError:
        return "not installed"


@dataclass
class ControlSheet:
    """The sheet while it is written: the next row, and the cells that must all be nothing."""

    book: Workbook
    sheet: Worksheet
    row: int = 0

    def __post_init__(self) -> None:
        self.checks: list[str] = []

    def write(
        self,
        connection: sa.Connection,
        settings: StoreSettings,
        given: Mapping[str, Any],
        *,
        now: datetime,
        sha256: str,
        control: Control,
        journal: Placed,
    ) -> None:
        """All of it; `given` are the days as pack.sql takes them."""
        self.book.widths(self.sheet, (44, 18, *([14] * 8)))
        self._about(settings, given, now, sha256)
        self._deferred(control.deferred)
        self._proofs(control.proofs)
        self._completeness(control.completeness)
        self._by_status(control)
        self._accounts(connection, given, journal)
        self._cut_offs(connection, settings, given)
        self._sources(connection, given)
        self._verdict(bool(control.difference))

    def _about(self, settings: StoreSettings, given: Mapping[str, Any], now: datetime, sha256: str) -> None:
        cut_off = "on despatch"
        if settings.finance.cut_off == "delivery":
            cut_off = f"on delivery, {settings.finance.delivery_days} days after despatch"
        f = self.book.formats
        self.sheet.set_row(0, 26)
        self.sheet.write_string(0, 0, f"Finance pack: {settings.name or settings.key}", f["title"])
        at = now.astimezone(given["start"].tzinfo)
        about = (
            ("Days", f"{given['first']:%d %b %Y} to {given['last']:%d %b %Y}, {settings.timezone}, both included"),
            ("Income is recognised", cut_off),
            ("Data as of", f"{at:%d %b %Y %H:%M:%S}; each source is at the foot of this sheet"),
            ("Code version", code_version()),
            ("SHA-256 of the rows of the schedules", sha256),
        )
        for row, (label, value) in enumerate(about, 2):
            self.sheet.write_string(row, 0, label, f["text"])
            self.sheet.write_string(row, 1, value, f["text"])
        for row, label in ((2, "Prepared by, date"), (4, "Reviewed by, date")):
            self.sheet.write_string(row, 7, label, f["text"])
            self.sheet.merge_range(row, 8, row, 9, "", f["box"])
        self.row = 8

    def _section(self, title: str, *headings: str) -> None:
        for column, heading in enumerate(headings):
            self.sheet.write_string(self.row, column, title if column == 0 else "", self.book.formats["section"])
            is_number = column > 0 and heading not in ("Currency", "Nominal", "At")
            self.book.heading(self.sheet, self.row + 1, column, heading, is_number=is_number)
        self.sheet.set_row(self.row + 1, 28)
        self.row += 2

    def _line(self, *cells: tuple[Any, str]) -> int:
        """One row of values; returns its number in Excel."""
        for column, (value, kind) in enumerate(cells):
            self.book.write(self.sheet, self.row, column, value, kind)
        self.row += 1
        return self.row

    def _formula(self, column: int, formula: str, value: Decimal | int, kind: str = "money") -> None:
        """In the row that was written last."""
        self.sheet.write_formula(self.row - 1, column, formula, self.book.formats[kind], float(value))

    def _check(self, column: int, formula: str, value: Decimal | int, kind: str = "sum money") -> None:
        """A difference that must be nothing."""
        self._formula(column, formula, value, kind)
        self.checks.append(f"{chr(ord('A') + column)}{self.row}")

    def _deferred(self, moved: Sequence[Movement]) -> None:
        """Opening + in - out = closing."""
        self._section(
            "Deferred income: what customers have paid for and not had",
            "Currency", "Opening", "+ Paid in", "- Despatched", "- Refunded", "- Cancelled", "Closing", "Difference",
        )  # fmt: skip
        for each in moved:
            amounts = (each.opening, each.paid, each.earned, each.refunded, each.cancelled, each.closing)
            n = self._line((each.currency, "text"), *((amount, "money") for amount in amounts))
            difference = each.opening + each.paid - each.earned - each.refunded - each.cancelled - each.closing
            self._check(7, f"=ROUND(B{n}+C{n}-D{n}-E{n}-F{n}-G{n},4)", difference)
        self.row += 1

    def _proofs(self, proofs: Sequence[Proof]) -> None:
        self._section(
            "Control totals: the facts against the books",
            "What is told twice", "Currency", "Facts", "Books", "Listed by name", "Difference",
        )  # fmt: skip
        for each in proofs:
            amounts = ((amount, "money") for amount in (each.facts, each.books, each.explained))
            n = self._line((each.name, "text"), (each.currency, "text"), *amounts)
            self._check(5, f"=ROUND(C{n}-D{n}-E{n},4)", each.difference)
        self.row += 1

    def _completeness(self, complete: Completeness) -> None:
        reasons = sorted(complete.excluded)
        self._section(
            "Completeness: every order that was read is matched, listed, or left out with a reason",
            "Orders", "Read", "Matched", "Listed", *(f"Left out: {reason}" for reason in reasons), "Difference",
        )  # fmt: skip
        left_out = [complete.excluded[reason] for reason in reasons]
        counts = (complete.read, complete.matched, complete.listed, *left_out)
        n = self._line(("All orders of the store", "text"), *((count, "count") for count in counts))
        last = chr(ord("D") + len(reasons))
        difference = complete.read - sum(counts[1:])
        self._check(4 + len(reasons), f"=B{n}-SUM(C{n}:{last}{n})", difference, "sum count")
        self.row += 1

    def _accounts(self, connection: sa.Connection, given: Mapping[str, Any], journal: Placed) -> None:
        """An account's movement is a formula over the journal's sheet; its balances are read from the ledger."""
        opening: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for each in connection.execute(SQL["roll_forward"], given):
            if each.kind == "opening":
                opening[each.currency, each.account] += each.amount
        moved = {(each.currency, each.account): each for each in connection.execute(SQL["debits_and_credits"], given)}
        spans = {name: journal.column(name) for name in ("Account", "Currency", "Debit", "Credit")}
        self._section(
            "Accounts: debits less credits",
            "Account", "Currency", "Nominal", "Opening", "Debits", "Credits", "Closing", "Difference",
        )  # fmt: skip
        for each in connection.execute(SQL["closing_balances"], given):
            key = (each.currency, each.account)
            n = self._line(
                (each.account, "text"), (each.currency, "text"), (each.nominal, "text"), (opening[key], "money"),
                (None, "money"), (None, "money"), (each.balance, "money"),
            )  # fmt: skip
            debit, credit = (getattr(moved.get(key), side, ZERO) for side in ("debit", "credit"))
            where = f"{spans['Account']},A{n},{spans['Currency']},B{n}"
            self._formula(4, f"=SUMIFS({spans['Debit']},{where})", debit)
            self._formula(5, f"=SUMIFS({spans['Credit']},{where})", credit)
            self._check(7, f"=ROUND(D{n}+E{n}-F{n}-G{n},4)", opening[key] + debit - credit - each.balance)
        self.row += 1

    def _by_status(self, control: Control) -> None:
        if control.by_status:
            self._section("Taken as paid by the order's status: transactions not read yet", "Currency", "Amount")
            for currency, amount in sorted(control.by_status.items()):
                self._line((currency, "text"), (amount, "money"))
            self.row += 1

    def _cut_offs(self, connection: sa.Connection, settings: StoreSettings, given: Mapping[str, Any]) -> None:
        headings = ("Currency", "By despatch", "By delivery", "Moved by the choice")
        self._section("Cut-off: income without VAT by both policies (FRS 102 section 23)", *headings)
        both = {**given, "days": settings.finance.delivery_days, "zone": settings.timezone}
        for each in connection.execute(SQL["at_both_cut_offs"], both):
            sent, delivered = each.by_despatch or ZERO, each.by_delivery or ZERO
            n = self._line((each.currency, "text"), (sent, "money"), (delivered, "money"))
            self._formula(3, f"=B{n}-C{n}", sent - delivered)
        self.row += 1

    def _sources(self, connection: sa.Connection, given: Mapping[str, Any]) -> None:
        self._section("Sources, and when each was last read or worked on", "Feed", "At")
        for each in connection.execute(SQL["read_until"], given):
            self._line((each.feed, "text"), (each.updated_at, "time"))

    def _verdict(self, differs: bool) -> None:
        good, bad = "All control totals tie to 0.00, or are listed by name", "Control totals differ: see below"
        terms = "+".join(f"(ABS({cell})>0)" for cell in self.checks) or "0"
        said, form = (bad, "bad") if differs else (good, "good")
        self.sheet.write_formula(1, 0, f'=IF({terms}=0,"{good}","{bad}")', self.book.formats[form], said)
