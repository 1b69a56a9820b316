"""The pack's schedules: a sheet each, with the ids by which every row can be traced to its source.

What belongs here: which columns a schedule has. What does not: the control sheet (`pack.py`) and how cells are written
(`sheets.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from xlsxwriter.worksheet import Worksheet

from clarus_bc_pipeline.decisions.findings import REGISTRY, Owner
from clarus_bc_pipeline.flows.finance.control import Control
from clarus_bc_pipeline.flows.finance.exports import DaySum
from clarus_bc_pipeline.flows.finance.sheets import Column, Placed, Workbook
from clarus_bc_pipeline.ledger.findings import OpenFinding
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("pack.sql"))

# Days from the event, not from our noticing: the heading, and the first day of the bucket.
BUCKETS = (("0-7 days", 0), ("8-30 days", 8), ("31-60 days", 31), ("61-90 days", 61), ("over 90 days", 91))
# What the matching lists that is no finding: nobody has to mend it.
PLAIN = {
    "paid_in_time": "Paid and not despatched, within the agreed time",
    "not_checked": "Not checked: payments not read yet",
    "refund_owed": "Cancelled, money not paid back yet",
    "rounding": "Rounding of parts",
}
COLOURS = ("#7FA6D6", "#4F7FBF", "#E0A83B", "#D9772B", "#B3261E")


IN_TIME = "paid_in_time"  # paid and not despatched, and the agreed time is not over


def title_of(code: str) -> str:
    """A break's code in words."""
    return REGISTRY[code].title if code in REGISTRY else PLAIN.get(code, code.replace("_", " "))


def is_ours(finding: OpenFinding) -> bool:
    """Whether an open finding belongs in the pack: finance's own, and all about money, payments and returns."""
    return finding.type.owner is Owner.FINANCE or finding.scope.split(".")[0] in ("finance", "returns")


def breaks(book: Workbook, rows: Iterable[sa.Row[Any]], *, until: datetime, late_after: timedelta) -> Placed:
    """What does not agree, with its age at `until`. What is paid and not despatched is late after `late_after`."""

    def code_of(row: sa.Row[Any]) -> str:
        is_in_time = row.code == "paid_not_despatched" and row.since > until - late_after
        return IN_TIME if is_in_time else str(row.code)

    columns = [
        Column("Break", width=34),
        Column("Code", width=24, is_kept=True),
        Column("Order", width=12),
        Column("Order line", width=12),
        Column("Currency", width=9),
        Column("Amount", "money", 14, is_summed=True),
        Column("Since", "time", 17),
        Column("Age, days", "count", 9, is_kept=True),
        Column("Material", width=9, is_kept=True),
        Column("Owner", width=12),
        Column("What is known", width=70),
        Column("Next step", width=60),
    ]
    shown = (
        (
            title_of(code),
            code,
            row.order_id,
            row.order_product_id or None,
            row.currency,
            row.amount,
            row.since,
            max(0, (until - row.since).days),
            row.is_material,
            str(REGISTRY[code].owner) if code in REGISTRY else None,
            row.detail,
            REGISTRY[code].next_step if code in REGISTRY else None,
        )
        for row in rows
        for code in [code_of(row)]
    )
    return book.table(book.sheet("Breaks", colour="#B3261E"), columns, shown)


def ageing(book: Workbook, sheet: Worksheet, listed: Placed, sums: Sequence[DaySum]) -> None:
    """Breaks by type and age, and what was despatched day by day; formulas over the schedule, and a chart of each."""
    f = book.formats
    book.widths(sheet, (44, *([13] * 6), 16, 26))
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, "Ageing: breaks by the days since the event", f["title"])
    for i, heading in enumerate(("Break", *(name for name, _ in BUCKETS), "All", "Below materiality", "Code")):
        book.heading(sheet, 2, i, heading, is_number=0 < i < 8)
    row = 3
    for code, counted in sorted(listed_ages(listed).items()):
        sheet.write_string(row, 0, title_of(code), f["text"])
        sheet.write_string(row, 8, code, f["text"])
        for i, (_, first) in enumerate(BUCKETS):
            where = f'{listed.column("Code")},$H{row + 1},{listed.column("Age, days")},">={first}"'
            if i + 1 < len(BUCKETS):
                where += f',{listed.column("Age, days")},"<{BUCKETS[i + 1][1]}"'
            sheet.write_formula(row, i + 1, f"=COUNTIFS({where})", f["count"], counted[i])
        sheet.write_formula(row, 6, f"=SUM(B{row + 1}:F{row + 1})", f["sum count"], sum(counted))
        where = f'{listed.column("Code")},$I{row + 1},{listed.column("Material")},"no"'
        pairs = zip(listed.values["Code"], listed.values["Material"], strict=True)
        small = sum(1 for of, is_material in pairs if of == code and not is_material)
        sheet.write_formula(row, 7, f"=COUNTIFS({where})", f["count"], small)
        row += 1
    if row == 3:
        sheet.write_string(row, 0, "Nothing: everything agrees.", f["note"])
        row += 1
    else:
        _ageing_chart(book, sheet, last=row, at=row + 2)
    _daily(book, sheet, sums, top=row + 22)


def listed_ages(listed: Placed) -> dict[str, list[int]]:
    """How many breaks of each code are in each bucket, from the rows that were written."""
    found: dict[str, list[int]] = defaultdict(lambda: [0] * len(BUCKETS))
    for code, days in zip(listed.values["Code"], listed.values["Age, days"], strict=True):
        bucket = max(i for i, (_, first) in enumerate(BUCKETS) if days >= first)
        found[code][bucket] += 1
    return found


def _ageing_chart(book: Workbook, sheet: Worksheet, *, last: int, at: int) -> None:
    chart = book.book.add_chart({"type": "bar", "subtype": "stacked"})
    for i, (name, _) in enumerate(BUCKETS):
        chart.add_series(
            {
                "name": name,
                "categories": ["Ageing", 3, 0, last - 1, 0],
                "values": ["Ageing", 3, i + 1, last - 1, i + 1],
                "fill": {"color": COLOURS[i]},
                "gap": 60,
            }
        )
    chart.set_title({"name": "Breaks by age", "name_font": {"size": 12}})
    chart.set_legend({"position": "bottom"})
    chart.set_y_axis({"reverse": True, "num_font": {"size": 9}})
    chart.set_x_axis({"major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}, "num_format": "0"})
    chart.set_size({"width": 900, "height": 360})
    sheet.insert_chart(at, 0, chart)


def _daily(book: Workbook, sheet: Worksheet, sums: Sequence[DaySum], *, top: int) -> None:
    """Paid in, despatched and refunded by day, in the currency that moved most."""
    kinds = {"payment": "Paid in", "despatch": "Despatched", "refund": "Refunded"}
    moved: dict[str, Decimal] = defaultdict(Decimal)
    days: dict[tuple[str, Any], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for each in sums:
        is_money = each.account == ("deferred_income" if each.kind == "despatch" else "bank")
        if each.kind in kinds and is_money:
            days[each.currency, each.day][each.kind] += abs(each.amount)
            moved[each.currency] += abs(each.amount)
    if not moved:
        return
    currency = max(moved, key=lambda each: (moved[each], each))
    f = book.formats
    sheet.write_string(top, 0, f"Day by day, {currency}", f["section"])
    for i, heading in enumerate(("Day", *kinds.values())):
        book.heading(sheet, top + 1, i, heading, is_number=i > 0)
    row = top + 2
    for (of, day), amounts in sorted(days.items()):
        if of == currency:
            book.write(sheet, row, 0, day, "day")
            for i, kind in enumerate(kinds, 1):
                book.write(sheet, row, i, amounts[kind], "money")
            row += 1
    chart = book.book.add_chart({"type": "column"})
    for i, (heading, colour) in enumerate(zip(kinds.values(), ("#7FA6D6", "#1F3A5F", "#B3261E"), strict=True), 1):
        chart.add_series(
            {
                "name": heading,
                "categories": ["Ageing", top + 2, 0, row - 1, 0],
                "values": ["Ageing", top + 2, i, row - 1, i],
                "fill": {"color": colour},
            }
        )
    chart.set_title({"name": f"Paid in, despatched and refunded, {currency}", "name_font": {"size": 12}})
    chart.set_legend({"position": "bottom"})
    chart.set_x_axis({"num_format": "dd mmm", "num_font": {"size": 9}})
    chart.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}})
    chart.set_size({"width": 900, "height": 320})
    sheet.insert_chart(top, 5, chart)


def differences(book: Workbook, control: Control) -> Placed:
    """The orders by which books and facts differ, each with the break that explains it."""
    columns = [
        Column("Order"), Column("Currency", width=9), Column("Difference", "money", 14, is_summed=True),
        Column("Explained by", width=60), Column("Codes", width=40),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (each.order_id, each.currency, each.amount, ", ".join(map(title_of, each.codes)) or "NOTHING",
         " ".join(each.codes))
        for each in control.differences
    ]  # fmt: skip
    if control.more:
        rows.append((None, None, None, f"and {control.more:,} more orders, which the control total holds", ""))
    return book.table(book.sheet("Differences", colour="#C58B00"), columns, rows)


def orders(book: Workbook, rows: Iterable[sa.Row[Any]]) -> Placed:
    """Order, payment and despatch, line by line."""
    columns = [
        Column("Order"), Column("Order line"), Column("SKU", width=20), Column("Placed", "time", 17),
        Column("Currency", width=9), Column("Shop's status", "count", 8), Column("Payment status", width=14),
        Column("Ordered", "count", 9, is_summed=True), Column("Despatched", "count", 10, is_summed=True),
        Column("Refunded units", "count", 9, is_summed=True),
        Column("Line with VAT", "money", 13, is_summed=True), Column("VAT of line", "money", 12, is_summed=True),
        Column("Order with VAT", "money", 13), Column("Paid", "time", 17), Column("Gateway", width=16),
        Column("Payment ids", width=16), Column("Payments read", "time", 17), Column("Despatched at", "time", 17),
        Column("Goods-outs", width=18), Column("Tracking", width=24),
        Column("Refunded", "money", 12, is_summed=True), Column("Refund ids", width=12), Column("Breaks", width=36),
    ]  # fmt: skip
    return book.table(book.sheet("Orders"), columns, rows)


def returns(book: Workbook, rows: Iterable[sa.Row[Any]]) -> Placed:
    """Return, inspection and refund, line by line."""
    columns = [
        Column("RMA", width=14), Column("Order"), Column("Order line"), Column("SKU", width=20),
        Column("Reason", width=18), Column("State", width=12), Column("Authorised", "count", 10, is_summed=True),
        Column("Received", "count", 10, is_summed=True), Column("Sellable", "count", 10, is_summed=True),
        Column("Damaged", "count", 10, is_summed=True), Column("Missing", "count", 10, is_summed=True),
        Column("Passed", "count", 10, is_summed=True), Column("Opened", "time", 17), Column("Received at", "time", 17),
        Column("Inspected at", "time", 17), Column("Refunded at", "time", 17), Column("Restocked at", "time", 17),
        Column("Refund id", width=10), Column("Approved for the RMA", "money", 13),
        Column("Refunded for the RMA", "money", 13), Column("VAT of refund", "money", 12),
        Column("Currency", width=9), Column("Closed because", width=30),
    ]  # fmt: skip
    return book.table(book.sheet("Returns"), columns, rows)


def refunds_by_hand(book: Workbook, rows: Iterable[sa.Row[Any]]) -> Placed:
    columns = [
        Column("Refund id"), Column("Order"), Column("Made", "time", 17),
        Column("Amount", "money", 13, is_summed=True), Column("VAT", "money", 12, is_summed=True),
        Column("Declined", "money", 12, is_summed=True), Column("Currency", width=9),
    ]  # fmt: skip
    return book.table(book.sheet("Refunds by hand"), columns, rows)


def journal(book: Workbook, rows: Iterable[sa.Row[Any]]) -> Placed:
    """Every line; proposed, for nothing is posted in the merchant's own ledger by us."""
    columns = [
        Column("Journal", width=22), Column("Date", "day", 12), Column("Period", width=9),
        Column("Belongs to", width=10), Column("Nominal", width=9), Column("Account", width=18),
        Column("Debit", "money", 13, is_summed=True), Column("Credit", "money", 13, is_summed=True),
        Column("Currency", width=9), Column("Narrative", width=52), Column("Event", width=22), Column("Order"),
        Column("Evidence", width=40), Column("Posted", "time", 17), Column("Line", width=10),
    ]  # fmt: skip
    return book.table(book.sheet("Journal"), columns, rows)


def findings(book: Workbook, found: Sequence[OpenFinding]) -> Placed:
    """What a person has to mend, as it stands now."""
    columns = [
        Column("Finding", width=10), Column("What", width=34), Column("Subject", width=24), Column("Owner", width=12),
        Column("Severity", width=9), Column("Message", width=80), Column("At risk", "money", 12), Column("Currency"),
        Column("Since", "time", 17), Column("Assigned to", width=16), Column("Next step", width=60),
    ]  # fmt: skip
    rows = (
        (
            f.finding_id, f.type.title, f.subject, str(f.type.owner), str(f.type.severity), f.message, f.value_at_risk,
            f.currency, f.first_seen_at, f.assigned_to, f.type.next_step,
        )
        for f in found
    )  # fmt: skip
    return book.table(book.sheet("Findings", colour="#B3261E"), columns, rows)


def sign_off(book: Workbook) -> None:
    """Who prepared and reviewed what, by hand."""
    sheet = book.sheet("Sign-off", colour="#1B6E3C")
    book.widths(sheet, (52, 24, 16, 24, 16, 40))
    sheet.write_string(0, 0, "Sign-off", book.formats["title"])
    for i, heading in enumerate(("What", "Prepared by", "On", "Reviewed by", "On", "Note")):
        sheet.write_string(2, i, heading, book.formats["heading"])
    steps = (
        "Control totals tie to 0.00, or each difference is explained",
        "Breaks over 30 days have an owner and a date",
        "Refunds by hand are explained",
        "Returns received and not refunded are within 14 days",
        "Cut-off: goods on their way at the last day are looked at",
        "Journals are entered in the accounts package",
        "The period is closed here (clarus-bc period close)",
    )
    for i, step in enumerate(steps, 3):
        sheet.set_row(i, 24)
        sheet.write_string(i, 0, step, book.formats["wrap"])
        for column in range(1, 6):
            sheet.write_blank(i, column, None, book.formats["box"])
