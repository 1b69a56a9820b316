"""The journal in the forms that accounts packages import: Xero's manual journals, and Sage 50's audit trail.

What belongs here: columns, signs and codes of the two forms. What does not: which lines there are (`posting.py`). Both
are by day and kind of event, net: a line an order would drown the ledger, and the pack holds every line.

Xero (help.xero.com, ManualJournalsImport): lines of one narration and date are one journal, a debit is positive, and a
file holds at most 300 lines. Sage 50 (gb-kb.sage.com, import of audit trail transactions): a journal line is of type JD
or JC and amounts are positive. Both post in the ledger's own currency, so each currency has files of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import accounts
from clarus_bc_pipeline.flows.returns.currency import rounded
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("pack.sql"))

XERO_LINES = 300  # of one file
XERO_NO_TAX = "No VAT"  # VAT is a line of its own
XERO_COLUMNS = (
    "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount",
    "TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2",
)  # fmt: skip
SAGE_COLUMNS = (
    "Type", "Account Reference", "Nominal A/C Ref", "Department Code", "Date", "Reference", "Details", "Net Amount",
    "Tax Code", "Tax Amount", "Exchange Rate", "Extra Reference",
)  # fmt: skip
SAGE_NO_VAT = "T9"
# Sage's VAT return adds up what carries the code: sales net of VAT, and the VAT on them.
OF_VAT_RETURN = (accounts.REVENUE, accounts.CHARGES, accounts.REFUNDS, accounts.VAT)


@dataclass(frozen=True, slots=True)
class DaySum:
    """What one kind of event (payment, despatch ...) did to one account on one day: `amount` is debit less credit."""

    day: date
    kind: str
    account: str
    nominal: str
    currency: str
    amount: Decimal


def day_sums(connection: sa.Connection, *, store: str, first: date, last: date) -> list[DaySum]:
    """The journal from `first` to `last` (posting dates, both included), by day, kind of event and account."""
    rows = connection.execute(SQL["day_sums"], {"store": store, "first": first, "last": last})
    return [DaySum(*row) for row in rows]


def xero_rows(sums: Iterable[DaySum], *, store: str) -> Iterator[dict[str, str]]:
    """Rows of Xero's manual-journal import."""
    for each in sums:
        yield dict.fromkeys(XERO_COLUMNS, "") | {
            "*Narration": _narration(each, store),
            "*Date": f"{each.day:%d/%m/%Y}",
            "Description": accounts.ACCOUNTS[each.account].title,
            "*AccountCode": each.nominal,
            "*TaxRate": XERO_NO_TAX,
            "*Amount": f"{rounded(each.amount, each.currency)}",
        }


def sage_rows(sums: Iterable[DaySum], *, store: str, vat_code: str) -> Iterator[dict[str, str]]:
    """Rows of Sage 50's audit-trail import."""
    for each in sums:
        yield dict.fromkeys(SAGE_COLUMNS, "") | {
            "Type": "JD" if each.amount > 0 else "JC",
            "Nominal A/C Ref": each.nominal,
            "Department Code": "0",
            "Date": f"{each.day:%d/%m/%Y}",
            "Reference": f"{each.kind[:8].upper()}{each.day:%y%m%d}",
            "Details": _narration(each, store)[:60],
            "Net Amount": f"{abs(rounded(each.amount, each.currency))}",
            "Tax Code": vat_code if each.account in OF_VAT_RETURN else SAGE_NO_VAT,
            "Tax Amount": "0",
            "Exchange Rate": "1",
        }


def write_exports(sums: Sequence[DaySum], folder: Path, *, store: str, stem: str, vat_code: str) -> list[Path]:
    """Write both forms, currency by currency, and return the files. Xero's are cut between journals at 300 lines.

    Raises `OSError` when a file cannot be written.
    """
    written: list[Path] = []
    for currency, of_currency in groupby(sorted(sums, key=_order), key=lambda each: each.currency):
        these = list(of_currency)
        name = f"{stem}-{currency}"
        sage = sage_rows(these, store=store, vat_code=vat_code)
        written.append(_write(folder / f"{name}-sage50.csv", SAGE_COLUMNS, sage))
        files = list(_cut(these))
        for number, part in enumerate(files, 1):
            suffix = f"-{number}" if len(files) > 1 else ""
            written.append(_write(folder / f"{name}-xero{suffix}.csv", XERO_COLUMNS, xero_rows(part, store=store)))
    return written


def _order(each: DaySum) -> tuple[Any, ...]:
    return (each.currency, each.day, each.kind, each.nominal, each.account)


def _narration(each: DaySum, store: str) -> str:
    return f"{store} {each.kind} {each.day:%Y-%m-%d} {each.currency}"


def _cut(sums: Sequence[DaySum]) -> Iterator[list[DaySum]]:
    """Whole journals, as many as one file may hold."""
    held: list[DaySum] = []
    for _, journal in groupby(sums, key=lambda each: (each.day, each.kind)):
        lines = list(journal)
        if held and len(held) + len(lines) > XERO_LINES:
            yield held
            held = []
        held = [*held, *lines]
    if held:
        yield held


def _write(file: Path, columns: Sequence[str], rows: Iterable[dict[str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, columns)
        writer.writeheader()
        writer.writerows(rows)
    return file
