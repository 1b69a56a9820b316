"""The workbook, opened again: its figures are those of the ledger, its formulas tie, and no text is a formula."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from openpyxl.worksheet.worksheet import Worksheet

from clarus_bc_pipeline.flows.finance.control import control_totals
from clarus_bc_pipeline.flows.finance.pack import Pack, write_pack
from clarus_bc_pipeline.flows.finance.sheets import escaped
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline_tests.flows.finance.books import Books, D, settings_of

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


@pytest.fixture
def books(ledger: sa.Engine) -> Books:
    """Nine orders: matched, late, captured in part, captured twice, refunded by RMA and by hand, and cancelled."""
    books = Books(ledger, settings_of(cost_share="0.4"))
    for order in range(1, 10):
        books.order(order, (2, "20.00"), total="24.00", status_id=5 if order == 9 else 11)
    for order, paid in ((1, "24.00"), (3, "12.00"), (4, "48.00"), (5, "24.00"), (6, "24.00"), (9, "24.00")):
        books.read_payments(order, paid)
    books.tick(hours=3)
    for order in (1, 3, 4, 5, 6):
        books.send(order, 2)
    books.tick(days=3)
    books.come_back("RMA-5", 5, sellable=1, damaged=1)
    books.refund(77, 5, "20.00", units=2, rma="RMA-5")
    books.refund(78, 6, "5.00")
    approved = {
        "store": "main", "rma": "RMA-5", "order_id": 5, "currency": "GBP", "amount": D(20), "shipping": D(0),
        "restocking_fee": D(0), "captured": D(24), "refunded_before": D(0), "approved_at": books.at, "refund_id": 77,
    }  # fmt: skip
    with ledger.begin() as connection:
        connection.execute(sa.insert(tables.refund_approval).values(approved))
    return books


def packed(books: Books, folder: Path, *, first: date = FIRST, last: date = LAST) -> Pack:
    books.prove()
    with books.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        control = control_totals(connection, books.settings, first=first, last=last)
        assert control is not None
        return write_pack(
            connection, books.settings, folder, first=first, last=last, now=books.at, control=control
        )  # fmt: skip


def opened(pack: Pack, *, as_shown: bool = True) -> openpyxl.Workbook:
    return openpyxl.load_workbook(pack.file, data_only=as_shown)


def rows_of(sheet: Worksheet) -> list[dict[str, Any]]:
    """A schedule's rows by heading: sums are above the headings."""
    _, headings, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, headings), row, strict=True)) for row in rows]


def cells(sheet: Worksheet) -> Iterator[Any]:
    for row in sheet.iter_rows():
        yield from row


def test_every_schedule_holds_the_ledgers_rows_and_its_sums(books: Books, tmp_path: Path) -> None:
    pack = packed(books, tmp_path)
    book = opened(pack)
    assert book.sheetnames == [
        "Control", "Ageing", "Differences", "Breaks", "Orders", "Returns", "Refunds by hand", "Journal", "Findings",
        "Sign-off",
    ]  # fmt: skip
    journal = rows_of(book["Journal"])
    line = tables.journal_line
    with books.engine.connect() as connection:
        count, debits = connection.execute(sa.select(sa.func.count(), sa.func.sum(line.c.debit))).one()
    assert len(journal) == pack.rows["journal"] == count
    assert D(str(book["Journal"]["G1"].value)) == debits == D(str(book["Journal"]["H1"].value))
    assert {row["Order"] for row in rows_of(book["Orders"])} == {str(n) for n in range(1, 10)}
    assert [row["RMA"] for row in rows_of(book["Returns"])] == ["RMA-5"]
    assert [row["Refund id"] for row in rows_of(book["Refunds by hand"])] == ["78"]


def test_the_control_sheet_ties_and_every_difference_is_a_formula(books: Books, tmp_path: Path) -> None:
    pack = packed(books, tmp_path)
    assert pack.control.difference == 0
    shown, formulas = opened(pack)["Control"], opened(pack, as_shown=False)["Control"]
    assert shown["A2"].value == "All control totals tie to 0.00, or are listed by name"
    assert str(formulas["A2"].value).startswith("=IF(")
    found = 0
    for row in shown.iter_rows():
        for cell in row:
            if cell.value != "Difference":
                continue
            at = cell.row + 1
            while shown.cell(at, cell.column).value is not None:
                assert shown.cell(at, cell.column).value == 0
                assert str(formulas.cell(at, cell.column).value).startswith("=")
                found += 1
                at += 1
    assert found >= 10
    assert pack.sha256 in {cell.value for cell in cells(shown)}


def test_a_control_total_that_differs_is_said_on_the_first_page(books: Books, tmp_path: Path) -> None:
    books.prove()
    line = tables.journal_line
    given = {
        "store": "main", "period": "2026-11", "journal": "by hand", "posting_date": date(2026, 11, 3), "nominal": "1",
        "currency": "GBP", "event": "payment:nobody/1", "narrative": "", "evidence": {}, "posted_at": books.at,
    }  # fmt: skip
    sides = [("bank", 5, 0), ("deferred_income", 0, 5)]
    with books.engine.begin() as connection:
        connection.execute(
            sa.insert(line).values([{**given, "account": a, "debit": d, "credit": c} for a, d, c in sides])
        )
    pack = packed(books, tmp_path)
    assert pack.control.difference == 10  # money in, and what it is owed for
    assert opened(pack)["Control"]["A2"].value == "Control totals differ: see below"


def test_numbers_are_text_money_is_money_and_days_are_days(books: Books, tmp_path: Path) -> None:
    with books.engine.begin() as connection:
        connection.execute(sa.update(tables.bigcommerce_order_line).values(sku="00123"))
    sheet = opened(packed(books, tmp_path))["Orders"]
    row = rows_of(sheet)[0]
    assert (row["Order"], row["SKU"]) == ("1", "00123")
    assert isinstance(row["Line with VAT"], (int, float))
    assert isinstance(row["Placed"], datetime)
    assert (sheet.freeze_panes, sheet.auto_filter.ref is not None) == ("B3", True)


@pytest.mark.parametrize("nasty", ["=1+1", "+44", "-2", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_text_that_looks_like_a_formula_is_never_one(books: Books, tmp_path: Path, nasty: str) -> None:
    with books.engine.begin() as connection:
        connection.execute(sa.update(tables.bigcommerce_order_line).values(sku=nasty))
    found = [row["SKU"] for row in rows_of(opened(packed(books, tmp_path), as_shown=False)["Orders"])]
    assert set(found) == {escaped(nasty)}
    assert not escaped(nasty).startswith(("=", "+", "-", "@"))


def test_ages_are_counted_from_the_event_by_formulas_over_the_schedule(books: Books, tmp_path: Path) -> None:
    books.tick(days=20)
    pack = packed(books, tmp_path)
    breaks, ageing = rows_of(opened(pack)["Breaks"]), opened(pack)["Ageing"]
    assert breaks
    assert {row["Age, days"] for row in breaks if row["Code"] == "paid_not_despatched"} == {23}
    headings, *rows = [[cell.value for cell in row] for row in ageing.iter_rows(3, 12)]
    for row in rows:
        if row[8] is None:
            break
        of_code = [each for each in breaks if each["Code"] == row[8]]
        assert row[headings.index("All")] == len(of_code)
        assert row[headings.index("8-30 days")] == sum(8 <= each["Age, days"] <= 30 for each in of_code)
    assert rows[0][8] is not None


def test_what_is_paid_and_waits_within_the_agreed_time_is_told_apart_from_what_is_late(
    books: Books, tmp_path: Path
) -> None:
    books.order(11, (1, "8.00"))
    books.at, late = books.at.replace(day=5, hour=11), books.at
    in_time = rows_of(opened(packed(books, tmp_path))["Breaks"])
    assert {row["Code"] for row in in_time if row["Order"] == "11"} == {"paid_in_time"}
    books.at = late
    now_late = rows_of(opened(packed(books, tmp_path))["Breaks"])
    assert {row["Code"] for row in now_late if row["Order"] == "11"} == {"paid_not_despatched"}


def test_the_same_ledger_gives_the_same_hash_and_another_gives_another(books: Books, tmp_path: Path) -> None:
    first = packed(books, tmp_path)
    assert packed(books, tmp_path).sha256 == first.sha256
    books.refund(79, 6, "1.00")
    assert packed(books, tmp_path).sha256 != first.sha256


def test_days_in_the_wrong_order_are_refused_by_name(books: Books, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2026-11-30 is after 2026-11-01"):
        packed(books, tmp_path, first=LAST, last=FIRST)


def test_a_store_without_any_order_has_a_pack_that_says_so(ledger: sa.Engine, tmp_path: Path) -> None:
    pack = packed(Books(ledger), tmp_path)
    assert pack.control.difference == Decimal(0)
    assert opened(pack)["Ageing"]["A4"].value == "Nothing: everything agrees."
    assert pack.exports == ()
