"""What the warehouse counted and graded of an RMA, and how many of its units may be refunded.

What belongs here: decisions about units that came back, as pure functions. What does not: the RMA's sequence
(`rules.py`), money (`refunding.py`), reading receipts (`receipts.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.returns import exceptions
from clarus_bc_pipeline.flows.returns.rma import Order, Receipt, ReceiptLine, Rma, RmaLine
from clarus_bc_pipeline.settings import Grade, ReturnsSettings

UNIT = "unit"  # how a receipt's line that counts single units says so


class Graded(NamedTuple):
    """Units of an RMA's line: counted, by grade, and how many of them may be refunded."""

    received: int = 0
    sellable: int = 0
    damaged: int = 0
    missing: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What all receipts of an RMA come to.

    `is_done`: complete, every received unit graded, and nothing in doubt; only then has any unit passed.
    """

    lines: Mapping[int, Graded]
    received_at: datetime | None = None
    is_received: bool = False
    is_done: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> dict[int, int]:
        return {line: graded.passed for line, graded in self.lines.items() if graded.passed}


class Unreadable(ValueError):
    """A grade that says nothing we know. The message says what would be right."""


@dataclass
class _Tally:
    """Units of one RMA line while the receipts are added up."""

    received: int = 0
    sellable: int = 0
    damaged: int = 0
    ungraded: int = 0


class Grades(NamedTuple):
    """What a receipt line's inspection says of its units."""

    sellable: int
    damaged: int
    ungraded: int


_PARTS = re.compile(r"[,;]|\s+(?=[^\s:=]+\s*[:=])")
_COUNTED = re.compile(r"([^:=,;]+)[:=]\s*(\d{1,9})")


def grades(inspection: str, received: int, settings: ReturnsSettings) -> Grades:
    """The units of a receipt line by grade. Raises `Unreadable`.

    One word grades all units ("A"); several are counted ("A:2 C:1", with or without commas). Case does not matter.
    Units that no word covers are not graded yet. With `inspection = "holds"`, stock that is available is sellable, and
    stock that is held for no reason waits for one.
    """
    known: dict[str, Grade | None] = {word.casefold(): grade for word, grade in settings.grades.items()}
    if settings.inspection == "holds":
        known = {"available": "sellable", "held": None} | known
    found: Counter[Grade | None] = Counter()
    parts = [part.strip() for part in _PARTS.split(inspection) if part.strip()]
    for part in parts:
        counted = _COUNTED.fullmatch(part)
        if counted is None and len(parts) > 1:
            raise Unreadable(f"{part!r} has no count; write it as WORD:UNITS, for example A:2, C:1")
        word = counted[1].strip() if counted else part
        if word.casefold() not in known:
            raise Unreadable(f"{word!r} is no grade; returns.grades has {', '.join(sorted(settings.grades))}")
        found[known[word.casefold()]] += int(counted[2]) if counted else received
    sellable, damaged = found["sellable"], found["damaged"]
    if sellable + damaged > received:
        raise Unreadable(f"{sellable + damaged} units are graded, and {received} were received")
    return Grades(sellable, damaged, max(0, received - sellable - damaged - found["missing"]))


def inspect(rma: Rma, order: Order | None, receipts: Sequence[Receipt], settings: ReturnsSettings) -> Inspection:
    """Count and grade what came back against what was authorised. Findings say what is wrong and block it or not."""
    tally = {line.order_product_id: _Tally() for line in rma.lines}
    findings: list[Finding] = []
    in_doubt = False
    for receipt in receipts:
        for line in receipt.lines:
            if line.unit != UNIT or line.received != line.received.to_integral_value() or line.received < 0:
                findings.append(exceptions.unit_differs(rma, order, receipt, line))
                in_doubt = True
                continue
            units = int(line.received)
            takers = _takers(rma, line)
            if not takers:
                if units:
                    findings.append(exceptions.wrong_item(rma, order, receipt, line))
                continue
            try:
                graded = grades(line.inspection, units, settings)
            except Unreadable as error:
                findings.append(exceptions.unreadable_inspection(rma, order, receipt, line, str(error)))
                in_doubt = True
                graded = Grades(0, 0, units)
            _share(tally, takers, units, graded)
    is_received = any(each.received for each in tally.values()) or any(
        line.received for receipt in receipts for line in receipt.lines
    )
    is_complete = bool(receipts) and all(receipt.is_complete for receipt in receipts)
    is_done = is_received and is_complete and not in_doubt and not any(each.ungraded for each in tally.values())
    lines = {
        line.order_product_id: _graded(line, tally[line.order_product_id], settings, is_complete, is_done)
        for line in rma.lines
    }
    findings += exceptions.counted(rma, order, lines, is_complete=is_complete)
    times = [receipt.received_at for receipt in receipts if receipt.received_at]
    return Inspection(lines, min(times, default=None), is_received, is_done, tuple(findings))


def _takers(rma: Rma, line: ReceiptLine) -> list[RmaLine]:
    """The RMA's lines that a receipt's line can be: the one it was announced for, else those of its product."""
    of_product = [each for each in rma.lines if each.product_code == line.product_code]
    named = [each for each in of_product if line.line_reference == str(each.order_product_id)]
    return named or of_product


def _share(tally: Mapping[int, _Tally], takers: Sequence[RmaLine], units: int, graded: Grades) -> None:
    """Give the units to the lines they can be, in order and up to what each still expects; the surplus to the last."""
    left = {"sellable": graded.sellable, "damaged": graded.damaged, "ungraded": graded.ungraded}
    counted = units
    for i, line in enumerate(takers):
        mine = tally[line.order_product_id]
        room = counted if i == len(takers) - 1 else min(counted, max(0, line.units - mine.received))
        mine.received += room
        counted -= room
        for grade in left:
            part = min(room, left[grade])
            setattr(mine, grade, getattr(mine, grade) + part)
            left[grade] -= part
            room -= part


def _graded(line: RmaLine, tally: _Tally, settings: ReturnsSettings, is_complete: bool, is_done: bool) -> Graded:
    may_pass = tally.sellable + (tally.damaged if line.reason in settings.refund_damaged_for else 0)
    return Graded(
        received=tally.received,
        sellable=tally.sellable,
        damaged=tally.damaged,
        missing=max(0, line.units - tally.sellable - tally.damaged - tally.ungraded) if is_complete else 0,
        passed=min(line.units, may_pass) if is_done else 0,
    )
