"""The fix list: one row a fault, saying what to change, where and whose work it is, as a CSV that a spreadsheet keeps.

What belongs here: rows and cells. What does not: finding faults (`rules.py`, `faults.py`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.findings import REGISTRY

COLUMNS = (
    "store", "SKU", "type", "severity", "owner", "where", "what is wrong", "what to change", "suggested Clarus code",
    "confidence", "reason",
)  # fmt: skip

# What a spreadsheet runs as a formula (also in full width and behind spaces), or turns into another value: numbers with
# leading zeros, of more digits than it holds (15), with an exponent, and dates. An apostrophe of its own is doubled.
_CHANGED = re.compile(
    r"'|[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]|0\d+(?:\.\d+)?$|\d{12,}$|\d+(?:[.,]\d*)?e[+-]?\d+$"
    r"|\d+[.,]\d*0$|\d{1,4}[-/. ]\w{1,9}(?:[-/. ]\d{1,4})?$|[a-z]{3,9}[-/. ]?\d{1,4}$|true$|false$",
    re.IGNORECASE,
)


def cell(text: str) -> str:
    """`text` as a spreadsheet shows it unharmed: behind an apostrophe where it would run or change it."""
    return f"'{text}" if _CHANGED.match(text) else text


def text_of(cell: str) -> str:
    """What `cell` was made of."""
    return cell.removeprefix("'")


def fix_rows(store: str, findings: Iterable[Finding]) -> list[dict[str, str]]:
    """A row a finding, the urgent first, by the columns of `COLUMNS`."""
    rows = []
    for finding in findings:
        kind, given = REGISTRY[finding.code], finding.evidence
        code = str(given.get("suggested", ""))
        values = (
            store, finding.subject.removeprefix("SKU "), finding.code, str(kind.severity), str(kind.owner),
            str(kind.system), finding.message, kind.next_step, code,
            f"{given['confidence']:.0%}" if code else "", str(given.get("reason", "")),
        )  # fmt: skip
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return sorted(rows, key=lambda row: (row["severity"], row["type"], row["SKU"]))


def write_csv(file: TextIO, rows: Iterable[dict[str, str]]) -> int:
    """Write the header and the rows; returns how many rows. Open `file` with newline="" and encoding "utf-8-sig"."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    written = [writer.writerow([cell(row[column]) for column in COLUMNS]) for row in rows]
    return len(written)
