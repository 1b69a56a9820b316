"""What people do with returns at the double's goods-in bay: count, quarantine, inspect.

What belongs here: receipts, their lines and the stock that they bring. What does not: announcing one over REST
(`writes.py`), and stock that comes without a receipt (`world.py`).

Returned units are held until somebody grades them, in one of two ways: a word in a custom slot of the receipt's line
(`grade`), or by taking stock off hold and naming a reason for what stays (`pass_inspection`, `fail_inspection`). Either
way the balance follows once. Stock records are kept of what receipts brought in; other stock has none here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarus_bc_pipeline.sandbox.clarus.tables import Record
from clarus_bc_pipeline.sandbox.clarus.tenant import Tenant, one

RETURN = "return"
OPEN = ("draft", "pending", "receiving")
AVAILABLE, HELD = "available", "held"
SLOTS = tuple(f"string{n}" for n in range(1, 6))


@dataclass(frozen=True, slots=True)
class ReceivedReturn:
    """What truly came back: units of a product (negative: of this grade no more). The grade is empty until somebody
    looked; then the slot's word, "available", or the reason code for which the units stay held.
    """

    reference: str
    code: str
    units: float
    grade: str
    at: str


class GoodsInBay(Tenant):
    """A tenant whose people book returns in. A receipt is named by its id, or its reference where only one has it; a
    line by its id, by what it was announced with, or by its product's code.
    """

    sellable_grades: tuple[str, ...] = ("A",)  # units of these are free for sale at once
    missing_grades: tuple[str, ...] = ("MISSING",)  # the box was empty: units that were counted are taken off again

    def __post_init__(self) -> None:
        super().__post_init__()
        self.goods_in_receipts = self.tables["goods_in_receipts"]
        self.goods_in_receipt_lines = self.tables["goods_in_receipt_lines"]
        self.stocks = self.tables["stocks"]
        self.received_returns: list[ReceivedReturn] = []
        self._reason_codes: dict[str, Record] = {}

    # --- announcing ---

    def new_receipt(self, attributes: Record, *, account: Record, warehouse: Record) -> Record:
        blank = dict.fromkeys(("reference", "receipt_type", "expected_date_of_receipt", "actual_date_of_receipt"))
        links = {"account": account, "warehouse": warehouse, "status": "pending"}
        return self.goods_in_receipts.add({**blank, "notes": None, **attributes, **links})

    def new_receipt_line(self, receipt: Record, product: Record, expected: float, **fields: Any) -> Record:
        blank: Record = {"alt_line_reference": None, "stock_configuration": "unit", **dict.fromkeys(SLOTS)}
        counts = {"expected_quantity": expected, "received_quantity": 0.0, "units_each": 1.0, "graded": Counter()}
        return self.goods_in_receipt_lines.add(
            {**blank, **counts, **fields, "goods_in_receipt": receipt, "product": product}
        )

    def announce_return(
        self,
        account: str,
        warehouse: str,
        reference: str,
        lines: Sequence[tuple[str, float] | tuple[str, float, str]] = (),
        *,
        kind: str = RETURN,
    ) -> int:
        """A receipt made by hand; `lines` are (product code, units[, line reference])."""
        with self.lock:
            receipt = self.new_receipt(
                {"reference": reference, "receipt_type": kind},
                account=one(self.accounts, code=account),
                warehouse=one(self.warehouses, code=warehouse),
            )
            for code, units, *rest in lines:
                product = one(self.products, code=code, account_id=receipt["account"]["id"])
                self.new_receipt_line(receipt, product, float(units), alt_line_reference=rest[0] if rest else None)
            return int(receipt["id"])

    # --- at the bay ---

    def receive_return(
        self,
        receipt: int | str,
        units: Mapping[int | str, float] | Mapping[str, float] | Mapping[int, float] | None = None,
        *,
        complete: bool = True,
        on_hold: bool = True,
    ) -> None:
        """Count units in, by line: all that is expected where none are named. More than was expected is counted too; a
        product that no line has (the wrong item) gets a line of its own, which expects none.
        """
        with self.lock:
            booked = self.receipt(receipt)
            if booked["status"] not in OPEN:
                raise ValueError(f"receipt {booked['id']} is {booked['status']}")
            if units is None:
                units = {line["id"]: line["expected_quantity"] for line in self.receipt_lines(booked["id"])}
            for key, counted in units.items():
                self._count_in(self._line_to_book(booked, key), float(counted), on_hold)
            booked["actual_date_of_receipt"] = booked["actual_date_of_receipt"] or self.time()
            self.goods_in_receipts.change(booked, status="completed" if complete else "receiving")

    def receive_unannounced(
        self,
        account: str,
        warehouse: str,
        reference: str,
        units: Mapping[str, float],
        *,
        kind: str = RETURN,
        complete: bool = True,
    ) -> int:
        """A parcel that nobody announced: a receipt whose lines expect nothing. Units are by product code."""
        with self.lock:
            receipt_id = self.announce_return(account, warehouse, reference, kind=kind)
            self.receive_return(receipt_id, units, complete=complete)
            return receipt_id

    def count_in(self, receipt: int | str, line: int | str, configuration: str, units_each: float) -> None:
        """From now on a line is counted in cases, inners or outers of so many units."""
        with self.lock:
            row = self.receipt_line(receipt, line)
            row.update(stock_configuration=configuration, units_each=float(units_each))

    def complete_receipt(self, receipt: int | str) -> None:
        with self.lock:
            self.goods_in_receipts.change(self.receipt(receipt), status="completed")

    def cancel_receipt(self, receipt: int | str) -> None:
        """Nothing came. Raises `ValueError` once something did."""
        with self.lock:
            row = self.receipt(receipt)
            if row["actual_date_of_receipt"]:
                raise ValueError(f"receipt {row['id']} has begun to be received")
            self.goods_in_receipts.change(row, status="cancelled")

    # --- inspection ---

    def grade(
        self, receipt: int | str, line: int | str, word: str, units: float | None = None, *, slot: str = "string1"
    ) -> None:
        """Grade units of a line, all that are left where none are named: the slot holds "A", or "A:2 B:1"."""
        with self.lock:
            row = self.receipt_line(receipt, line)
            looked_at = self._ungraded(row) if units is None else float(units)
            if word in self.missing_grades:
                self._take_off(row, looked_at)
            elif word in self.sellable_grades:
                self._settle(row, looked_at, AVAILABLE, None)
            else:  # stays held; the slot says why
                self._check_ungraded(row, looked_at)
            self._judge(row, word, looked_at)
            row[slot] = _words(row["graded"], row["received_quantity"] * row["units_each"])

    def pass_inspection(self, receipt: int | str, line: int | str, units: float | None = None) -> None:
        """Off hold: units of a line are free for sale; all that nobody has judged yet where none are named."""
        with self.lock:
            row = self.receipt_line(receipt, line)
            passed = self._ungraded(row) if units is None else float(units)
            self._settle(row, passed, AVAILABLE, None)
            self._judge(row, AVAILABLE, passed)

    def fail_inspection(self, receipt: int | str, line: int | str, units: float | None, reason_code: str) -> None:
        """Units of a line stay held, and why; all that nobody has judged yet where none are named."""
        with self.lock:
            row = self.receipt_line(receipt, line)
            failed = self._ungraded(row) if units is None else float(units)
            self._settle(row, failed, HELD, reason_code)
            self._judge(row, reason_code, failed)

    def type_in_slot(self, receipt: int | str, line: int | str, text: str | None, *, slot: str = "string1") -> None:
        """What somebody types, right or wrong. Stock does not follow."""
        with self.lock:
            self.receipt_line(receipt, line)[slot] = text

    # --- looking ---

    def receipt(self, receipt: int | str) -> Record:
        """Raises `ValueError` where the id or reference names none, or more than one."""
        if isinstance(receipt, int):
            found = [self.goods_in_receipts.rows[receipt]] if receipt in self.goods_in_receipts.rows else []
        else:
            found = self.goods_in_receipts.where(reference=receipt)
        if len(found) != 1:
            raise ValueError(f"receipt {receipt!r}: there are {len(found)}; name one by its id or its reference")
        return found[0]

    def receipt_lines(self, receipt: int | str) -> list[Record]:
        """Lines of a receipt, in the order in which they were added."""
        with self.lock:
            return self.goods_in_receipt_lines.where(goods_in_receipt_id=self.receipt(receipt)["id"])

    def receipt_line(self, receipt: int | str, line: int | str) -> Record:
        found = self._lines_named(self.receipt(receipt), line)
        if not found:
            raise ValueError(f"receipt {receipt!r} has no line {line!r}")
        return found[0]

    def returned(self, reference: str) -> dict[tuple[str, str], float]:
        """What truly came back for a reference: units by product code and grade."""
        with self.lock:
            units: dict[tuple[str, str], float] = {}
            for each in self.received_returns:
                if each.reference == reference:
                    units[each.code, each.grade] = units.get((each.code, each.grade), 0.0) + each.units
            return {key: count for key, count in units.items() if count}

    # --- the books behind it ---

    def _lines_named(self, receipt: Record, name: int | str) -> list[Record]:
        lines = self.receipt_lines(receipt["id"])
        by_id = [line for line in lines if line["id"] == name]
        by_reference = [line for line in lines if line["alt_line_reference"] == name]
        return by_id or by_reference or [line for line in lines if line["product"]["code"] == name]

    def _line_to_book(self, receipt: Record, name: int | str) -> Record:
        found = self._lines_named(receipt, name)
        if found:
            return found[0]
        product = one(self.products, code=name, account_id=receipt["account"]["id"])
        return self.new_receipt_line(receipt, product, 0.0)

    def _count_in(self, line: Record, counted: float, on_hold: bool) -> None:
        if counted <= 0:
            return
        units = counted * line["units_each"]
        self.stock.change(self._balance_of(line), on_hand=units, received=units, held=units if on_hold else 0.0)
        line["received_quantity"] += counted
        self._add_stock(line, units, HELD if on_hold else AVAILABLE, None)
        self._movement("RCV", line, units)
        self._truth(line, units, "")
        if not on_hold:
            self._judge(line, AVAILABLE, units)

    def _settle(self, line: Record, units: float, status: str, reason_code: str | None) -> None:
        """Units that wait for their inspection become available, or stay held with a reason."""
        self._check_ungraded(line, units)
        if status == AVAILABLE:  # may be refused, and then nothing has changed
            self.stock.change(self._balance_of(line), held=-units)
            self._movement("RELEASE", line, units)
        self._take_from_waiting(line, units)
        self._add_stock(line, units, status, reason_code)

    def _take_off(self, line: Record, units: float) -> None:
        self._check_ungraded(line, units)
        self.stock.change(self._balance_of(line), on_hand=-units, held=-units)
        self._movement("ADJUST", line, units)
        self._take_from_waiting(line, units)

    def _balance_of(self, line: Record) -> Record:
        return self.stock.balance(line["product"], line["goods_in_receipt"]["warehouse"])

    def _ungraded(self, line: Record) -> float:
        return float(line["received_quantity"] * line["units_each"] - sum(line["graded"].values()))

    def _check_ungraded(self, line: Record, units: float) -> None:
        if not 0 < units <= self._ungraded(line):
            raise ValueError(f"receipt line {line['id']} has {self._ungraded(line):g} units to inspect, not {units:g}")

    def _judge(self, line: Record, grade: str, units: float) -> None:
        line["graded"][grade] += units
        self._truth(line, -units, "")
        self._truth(line, units, grade)

    def _truth(self, line: Record, units: float, grade: str) -> None:
        reference, code = line["goods_in_receipt"]["reference"] or "", line["product"]["code"]
        self.received_returns.append(ReceivedReturn(reference, code, units, grade, self.time()))

    def _stock_of(self, line: Record) -> Iterator[Record]:
        for stock in self.stocks.where(product_id=line["product"]["id"]):
            if stock.get("line") is line:
                yield stock

    def _take_from_waiting(self, line: Record, units: float) -> None:
        for stock in list(self._stock_of(line)):
            if stock["status"] == HELD and stock["reason_code"] is None and units > 0:
                taken = min(units, stock["quantity"])
                stock["quantity"] -= taken
                units -= taken
                if not stock["quantity"]:
                    self.stocks.remove(stock)

    def _add_stock(self, line: Record, units: float, status: str, reason_code: str | None) -> None:
        receipt, reason = line["goods_in_receipt"], self._reason(reason_code)
        for stock in self._stock_of(line):
            if stock["status"] == status and stock["reason_code"] is reason:
                stock["quantity"] += units
                return
        self.stocks.add({
            "quantity": units, "status": status, "fifo_date": self.time(), "product": line["product"],
            "account": receipt["account"], "warehouse": receipt["warehouse"], "location": None, "storage_unit": None,
            "goods_in_receipt": receipt, "reason_code": reason, "line": line,
        })  # fmt: skip

    def _reason(self, code: str | None) -> Record | None:
        if code is None:
            return None
        return self._reason_codes.setdefault(code, {"id": len(self._reason_codes) + 1, "code": code})

    def _movement(self, subtype: str, line: Record, units: float) -> None:
        warehouse = line["goods_in_receipt"]["warehouse"]
        self.note_movement(subtype, line["product"], warehouse, units, at=self.time(), order=None)


def _words(graded: Mapping[str, float], received: float) -> str:
    """One word alone grades the whole line; several are counted."""
    if len(graded) == 1 and sum(graded.values()) == received:
        return next(iter(graded))
    return " ".join(f"{word}:{units:g}" for word, units in graded.items())
