"""What goes to Xero and Sage 50: columns, signs, codes; every journal whole and balanced, whatever its file."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.finance.exports import (
    SAGE_COLUMNS,
    XERO_COLUMNS,
    XERO_LINES,
    DaySum,
    _cut,
    day_sums,
    sage_rows,
    write_exports,
    xero_rows,
)
from clarus_bc_pipeline_tests.flows.finance.books import KEY, Books

NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
D = Decimal


@pytest.fixture
def books(ledger: sa.Engine) -> Books:
    books = Books(ledger)
    books.order(1, (2, "20.00"), total="24.00")
    books.read_payments(1, "24.00")
    books.send(1, 2)
    books.tick(days=1)
    books.refund(77, 1, "5.00")
    books.prove()
    return books


def read(file: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened)
        rows = list(reader)
    return reader.fieldnames or (), rows


def sums(books: Books) -> list[DaySum]:
    with books.engine.connect() as connection:
        return day_sums(connection, store=KEY, first=NOVEMBER[0], last=NOVEMBER[1])


def test_xero_gets_its_columns_with_debits_positive_and_journals_that_come_to_nothing(
    books: Books, tmp_path: Path
) -> None:
    files = write_exports(sums(books), tmp_path, store=KEY, stem="nov", vat_code="T1")
    columns, rows = read(next(file for file in files if "xero" in file.name))
    assert tuple(columns) == XERO_COLUMNS
    journals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        journals[row["*Narration"], row["*Date"]] += D(row["*Amount"])
    assert set(journals.values()) == {D(0)}
    assert {row["*Amount"] for row in rows if row["*AccountCode"] == "1250"} == {"24.00", "-5.00"}
    assert {row["*Date"] for row in rows} == {"03/11/2026", "04/11/2026"}


def test_sage_gets_debits_and_credits_of_positive_amounts_and_vat_codes_where_its_return_adds_up(
    books: Books, tmp_path: Path
) -> None:
    files = write_exports(sums(books), tmp_path, store=KEY, stem="nov", vat_code="T1")
    columns, rows = read(next(file for file in files if "sage50" in file.name))
    assert tuple(columns) == SAGE_COLUMNS
    by_type: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        assert D(row["Net Amount"]) > 0
        by_type[row["Type"]] += D(row["Net Amount"])
    assert by_type["JD"] == by_type["JC"]
    assert {row["Tax Code"] for row in rows if row["Nominal A/C Ref"] in ("4000", "2200")} == {"T1"}
    assert {row["Tax Code"] for row in rows if row["Nominal A/C Ref"] in ("1250", "2109")} == {"T9"}


def test_each_currency_has_files_of_its_own(tmp_path: Path) -> None:
    def day(currency: str, amount: str) -> list[DaySum]:
        return [
            DaySum(date(2026, 11, 3), "payment", "bank", "1250", currency, D(amount)),
            DaySum(date(2026, 11, 3), "payment", "deferred_income", "2109", currency, -D(amount)),
        ]

    files = write_exports([*day("GBP", "1"), *day("JPY", "500")], tmp_path, store=KEY, stem="x", vat_code="T1")
    assert [file.name for file in files] == [
        "x-GBP-sage50.csv", "x-GBP-xero.csv", "x-JPY-sage50.csv", "x-JPY-xero.csv",
    ]  # fmt: skip
    assert [row["*Amount"] for row in read(files[3])[1]] == ["500", "-500"]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=120))
@settings(max_examples=50, deadline=None)
def test_no_file_holds_more_than_xero_takes_and_no_journal_is_cut_in_two(sizes: list[int]) -> None:
    lines = [
        DaySum(date(2026, 1, 1) + timedelta(days=n), "payment", "bank", f"{i}", "GBP", D(1))
        for n, size in enumerate(sizes)
        for i in range(size)
    ]
    files = list(_cut(lines))
    assert [line for file in files for line in file] == lines
    assert all(len(file) <= XERO_LINES for file in files)
    days = [{line.day for line in file} for file in files]
    assert sum(map(len, days)) == len(set().union(*days))


def test_what_is_corrected_on_the_same_day_is_told_net() -> None:
    row = DaySum(date(2026, 11, 3), "despatch", "revenue", "4000", "GBP", D("-16.67"))
    [xero], [sage] = list(xero_rows([row], store=KEY)), list(sage_rows([row], store=KEY, vat_code="T1"))
    assert (xero["*Amount"], sage["Type"], sage["Net Amount"]) == ("-16.67", "JC", "16.67")
