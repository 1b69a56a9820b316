"""What the warehouse counts and grades, against what was authorised: examples of everything that can come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.returns.inspection import Graded, Inspection, Unreadable, grades, inspect
from clarus_bc_pipeline.settings import ReturnsSettings
from clarus_bc_pipeline_tests.flows.returns.rma_examples import MUG, SETTINGS, TIN, back, order, receipt, rma

HOLDS = ReturnsSettings(inspection="holds", grades={"DMG": "damaged", "GONE": "missing"})

WORDS = ["", "A", "B", "MISSING", "A:1, B:1", "?"]


def codes(found: Inspection) -> list[str]:
    return sorted(finding.code for finding in found.findings)


def test_sellable_units_pass() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(2))], SETTINGS)
    assert found.is_done
    assert found.lines[MUG] == Graded(received=2, sellable=2, damaged=0, missing=0, passed=2)
    assert found.findings == ()


@pytest.mark.parametrize(("reason", "passed"), [("unwanted", 0), ("faulty", 2)])
def test_damaged_units_pass_for_the_merchants_own_fault_only(reason: str, passed: int) -> None:
    found = inspect(rma((MUG, 2, reason)), order(), [receipt(back(2, "C"))], SETTINGS)
    assert found.lines[MUG] == Graded(2, 0, 2, 0, passed)


def test_nothing_passes_before_the_receipt_is_complete() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(2), complete=False)], SETTINGS)
    assert (found.is_received, found.is_done, found.passed) == (True, False, {})
    assert codes(found) == []  # units may still come


def test_nothing_passes_before_every_unit_is_graded() -> None:
    found = inspect(rma((MUG, 2), (TIN, 1)), order(), [receipt(back(2), back(1, "", line=TIN))], SETTINGS)
    assert (found.is_done, found.passed) == (False, {})


def test_more_units_than_authorised_do_not_pass_and_are_told() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(3))], SETTINGS)
    assert found.lines[MUG].passed == 2
    [finding] = found.findings
    assert (finding.code, finding.evidence["rma"]) == ("return_over_received", "RMA-7-1")
    assert "1 of SKU MUG" in finding.message
    assert str(finding.value_at_risk) == "3.33"  # a third of the line's 10.00


def test_fewer_units_than_authorised_are_missing_once_the_receipt_is_complete() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(1))], SETTINGS)
    assert found.lines[MUG] == Graded(1, 1, 0, 1, 1)
    assert codes(found) == ["return_missing_units"]


def test_a_complete_receipt_of_nothing_is_no_return() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(0, ""))], SETTINGS)
    assert (found.is_received, found.is_done) == (False, False)
    assert codes(found) == ["return_missing_units"]


def test_a_product_that_is_not_on_the_rma_does_not_stop_the_rest() -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(2), back(1, "A", line=None, code="C-HAT"))], SETTINGS)
    assert (found.is_done, found.passed) == (True, {MUG: 2})
    [finding] = found.findings
    assert finding.code == "return_wrong_item"
    assert "C-HAT" in finding.message


@pytest.mark.parametrize(("units", "unit"), [("2", "case"), ("1.5", "unit"), ("-1", "unit")])
def test_a_receipt_in_another_unit_passes_nothing(units: str, unit: str) -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(units, unit=unit), back(1, line=TIN))], SETTINGS)
    assert (found.is_done, found.passed) == (False, {})
    assert "return_unit_differs" in codes(found)


@pytest.mark.parametrize("inspection", ["X", "A:3", "A, C", "A:1, X:1", "A:x"])
def test_an_inspection_that_cannot_be_read_passes_nothing(inspection: str) -> None:
    found = inspect(rma((MUG, 2)), order(), [receipt(back(2, inspection))], SETTINGS)
    assert (found.is_done, found.passed) == (False, {})
    assert "inspection_unreadable" in codes(found)


@pytest.mark.parametrize(
    ("inspection", "expected"),
    [
        ("A", (3, 0, 0)),
        ("a", (3, 0, 0)),
        ("A:2, C:1", (2, 1, 0)),
        ("A=1;B=1", (1, 1, 1)),
        ("MISSING", (0, 0, 0)),
        ("A:2, MISSING:1", (2, 0, 0)),
        ("", (0, 0, 3)),
    ],
)
def test_a_line_is_graded_by_one_word_or_by_counts(inspection: str, expected: tuple[int, int, int]) -> None:
    assert grades(inspection, 3, SETTINGS) == expected


@pytest.mark.parametrize(
    ("inspection", "expected"),
    [("available:3", (3, 0, 0)), ("available:1, DMG:2", (1, 2, 0)), ("available:2, held:1", (2, 0, 1))],
)
def test_held_stock_is_graded_by_its_reason_and_waits_for_one(inspection: str, expected: tuple[int, int, int]) -> None:
    assert grades(inspection, 3, HOLDS) == expected


def test_a_hold_reason_that_no_setting_knows_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match=r"'QC' is no grade; returns\.grades has DMG, GONE"):
        grades("QC:1", 1, HOLDS)


def test_the_word_available_means_nothing_where_grades_come_from_a_slot() -> None:
    with pytest.raises(Unreadable):
        grades("available:1", 1, SETTINGS)


def test_two_receipts_of_one_rma_count_together() -> None:
    found = inspect(rma((MUG, 3)), order(), [receipt(back(1)), receipt(back(2, "C"), receipt_id=6)], SETTINGS)
    assert found.lines[MUG] == Graded(3, 1, 2, 0, 1)


def test_a_line_that_names_its_order_line_with_another_product_is_a_wrong_item() -> None:
    found = inspect(rma((MUG, 1)), order(), [receipt(back(1, line=MUG, code="C-HAT"))], SETTINGS)
    assert "return_wrong_item" in codes(found)
    assert found.passed == {}


@given(
    authorised=st.integers(1, 5),
    counted=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(["", "A", "B", "MISSING", "A:1, B:1", "?"])), max_size=4
    ),
    reason=st.sampled_from(["unwanted", "faulty"]),
    complete=st.booleans(),
)
def test_no_more_passes_than_was_authorised_and_is_there(
    authorised: int, counted: list[tuple[int, str]], reason: str, complete: bool
) -> None:
    lines = [back(units, words) for units, words in counted]
    found = inspect(rma((MUG, authorised, reason)), order(mugs=9), [receipt(*lines, complete=complete)], SETTINGS)
    graded = found.lines[MUG]
    assert 0 <= graded.passed <= min(authorised, graded.sellable + graded.damaged, graded.received)
    assert graded.received == sum(units for units, _ in counted)
    assert not (graded.passed and (not complete or "inspection_unreadable" in codes(found)))
