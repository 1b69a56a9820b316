"""A workbook as a controller needs it: real numbers and dates, codes as text, frozen headings, totals as formulas.

What belongs here: how cells, tables and charts are written. What does not: what is in them (`pack.py`).

Order numbers and SKUs are text, for a spreadsheet would take their leading zeros. Text is only ever written as text,
and what begins with = + - @ gets an apostrophe before it, so that a name that a shopper typed is never a formula, here
or in what is saved from here as CSV (OWASP, CSV injection).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

Kind = Literal["text", "money", "count", "day", "time"]
MOST_ROWS = 1_048_000  # of a sheet; Excel's own limit is 1,048,576
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
NAVY, PALE, RED, GREEN = "#1F3A5F", "#EEF2F7", "#B3261E", "#1B6E3C"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what its cells are, its width in characters, whether it is added up, and whether values are kept."""

    heading: str
    kind: Kind = "text"
    width: int = 12
    is_summed: bool = False
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a table's rows are: `first` and `last` are Excel's row numbers; `last` < `first` when there are none.

    `values` are the cells of the columns that were asked to be kept, by heading.
    """

    sheet: str
    first: int
    last: int
    letters: Mapping[str, str]
    values: Mapping[str, Sequence[Any]]

    def column(self, heading: str) -> str:
        """The range of a column's cells, for a formula on another sheet."""
        letter = self.letters[heading]
        return f"'{self.sheet}'!${letter}${self.first}:${letter}${max(self.first, self.last)}"


def escaped(text: str) -> str:
    """`text` such that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


class Workbook:
    """An .xlsx file while it is written; times are shown in `zone`. Written when the block ends without an error."""

    def __init__(self, file: Path, *, zone: ZoneInfo) -> None:
        self._zone = zone
        self.book = xlsxwriter.Workbook(
            str(file), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        )
        font = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
        made = self._made = {
            "text": font | {"num_format": "@"},
            "money": font | {"num_format": "#,##0.00##"},
            "count": font | {"num_format": "#,##0"},
            "day": font | {"num_format": "dd mmm yyyy", "align": "left"},
            "time": font | {"num_format": "dd mmm yyyy hh:mm", "align": "left"},
        }
        self.formats: dict[str, Format] = {name: self.book.add_format(each) for name, each in made.items()}
        top = {"bold": True, "top": 1, "bg_color": PALE}
        for name in ("text", "money", "count"):
            self.formats[f"sum {name}"] = self.book.add_format(made[name] | top)
        self.formats |= {
            "heading": self.book.add_format(
                font | {"bold": True, "font_color": "white", "bg_color": NAVY, "text_wrap": True, "valign": "vcenter"}
            ),
            "number heading": self.book.add_format(
                font
                | {"bold": True, "font_color": "white", "bg_color": NAVY, "text_wrap": True, "valign": "vcenter"}
                | {"align": "right"}
            ),
            "title": self.book.add_format(font | {"bold": True, "font_size": 16, "font_color": NAVY}),
            "section": self.book.add_format(font | {"bold": True, "font_size": 12, "font_color": NAVY, "bottom": 1}),
            "note": self.book.add_format(font | {"italic": True, "font_color": "#555555"}),
            "wrap": self.book.add_format(font | {"text_wrap": True}),
            "box": self.book.add_format(font | {"border": 1, "bg_color": "#FFFBE6"}),
            "bad": self.book.add_format({"bold": True, "font_color": RED}),
            "good": self.book.add_format({"bold": True, "font_color": GREEN}),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.book.close()

    def sheet(self, name: str, *, colour: str = NAVY, is_landscape: bool = True) -> Worksheet:
        """A new sheet that prints one page wide, with its name and page at the foot."""
        sheet = self.book.add_worksheet(name)
        sheet.set_tab_color(colour)
        if is_landscape:
            sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&CPage &P of &N&R&F")
        sheet.hide_gridlines(2)
        return sheet

    def write(self, sheet: Worksheet, row: int, column: int, value: Any, kind: str = "text") -> None:
        """One cell, as what it is; None is an empty cell and not a zero."""
        form = self.formats[kind]
        if value is None:
            sheet.write_blank(row, column, None, form)
        elif isinstance(value, bool):
            sheet.write_string(row, column, "yes" if value else "no", form)
        elif isinstance(value, datetime):
            sheet.write_datetime(row, column, value.astimezone(self._zone).replace(tzinfo=None), form)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), form)  # noqa: DTZ001
        elif isinstance(value, (Decimal, int, float)) and not kind.endswith("text"):
            sheet.write_number(row, column, float(value), form)
        else:
            sheet.write_string(row, column, escaped(str(value)), form)

    def table(
        self, sheet: Worksheet, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, top: int = 0
    ) -> Placed:
        """From row `top` (0-based): sums as formulas, headings, rows. Headings are frozen and have a filter.

        Sums take only what the filter shows (SUBTOTAL). Rows beyond a sheet's capacity are counted in a last line.
        """
        self.widths(sheet, [column.width for column in columns])
        for i, column in enumerate(columns):
            self.heading(sheet, top + 1, i, column.heading, is_number=column.kind in ("money", "count"))
        sheet.set_row(top + 1, 30)
        first = top + 2
        row, beyond = first, 0
        kept: dict[int, list[Any]] = {i: [] for i, column in enumerate(columns) if column.is_kept}
        sums = dict.fromkeys((i for i, column in enumerate(columns) if column.is_summed), Decimal(0))
        for values in rows:
            if row - first >= MOST_ROWS:
                beyond += 1
                continue
            for i, (column, value) in enumerate(zip(columns, values, strict=True)):
                self.write(sheet, row, i, value, column.kind)
                if i in sums:
                    sums[i] += value or 0
                if i in kept:
                    kept[i].append(value)
            row += 1
        last = row - 1
        if beyond:
            sheet.write_string(row, 0, f"{beyond:,} more rows than a sheet can hold: ask for a shorter time")
        for i, column in enumerate(columns):
            letter = xl_col_to_name(i)
            words = self.formats["sum text"]
            if column.is_summed and last >= first:
                formula = f"=SUBTOTAL(109,{letter}{first + 1}:{letter}{last + 1})"
                sheet.write_formula(top, i, formula, self.formats[f"sum {column.kind}"], float(sums[i]))
            else:
                sheet.write_string(top, i, "Sum of what is shown" if i == 0 else "", words)
        sheet.freeze_panes(top + 2, 1)
        sheet.autofilter(top + 1, 0, max(top + 1, last), len(columns) - 1)
        sheet.repeat_rows(top + 1)
        letters = {column.heading: xl_col_to_name(i) for i, column in enumerate(columns)}
        by_heading = {columns[i].heading: each for i, each in kept.items()}
        return Placed(sheet.get_name(), first + 1, last + 1, letters, by_heading)

    def heading(self, sheet: Worksheet, row: int, column: int, words: str, *, is_number: bool = False) -> None:
        """Over numbers it stands on their side."""
        sheet.write_string(row, column, words, self.formats["number heading" if is_number else "heading"])

    def widths(self, sheet: Worksheet, widths: Sequence[int]) -> None:
        for i, width in enumerate(widths):
            sheet.set_column(i, i, width)
