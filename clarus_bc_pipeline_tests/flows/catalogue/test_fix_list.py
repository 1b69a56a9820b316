"""The fix list: nothing in it runs in a spreadsheet, nothing loses a zero, and every cell leads back to its text."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.fix_list import COLUMNS, cell, fix_rows, text_of, write_csv

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\uff1dHYPERLINK()", "\u200b=1"]
CHANGED = ["00123", "0123", "1230000000000", "1E5", "1.10", "3-1", "MAR1", "1/2", "TRUE", "'quoted"]
PLAIN = ["85123A", "JNE3365-KR-1052-XL", "22423", "gift_0001_20", "a=b", ""]


@pytest.mark.parametrize("text", HOSTILE + CHANGED)
def test_what_a_spreadsheet_would_run_or_change_stands_behind_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


@given(st.text())
@example("''=1")
def test_every_cell_leads_back_to_its_text_and_none_starts_a_formula(text: str) -> None:
    assert text_of(cell(text)) == text
    assert not cell(text).lstrip().startswith(("=", "+", "-", "@"))


def test_a_row_says_what_where_and_whose() -> None:
    found = Finding(
        "sku_leading_zeros", "SKU 00123", "Lost zeros.",
        evidence={"suggested": "123", "confidence": 0.95, "reason": "zeros"},
    )  # fmt: skip
    file = io.StringIO(newline="")
    assert write_csv(file, fix_rows("main", [Finding("unknown_sku", "SKU =cmd|x", "Not there."), found])) == 2
    header, first, second = csv.reader(io.StringIO(file.getvalue()))
    assert tuple(header) == COLUMNS
    assert (first[1], first[3], first[4]) == ("'=cmd|x", "ERROR", "ecommerce")
    assert (second[1], second[5], second[8:]) == ("'00123", "Clarus", ["123", "95%", "zeros"])
