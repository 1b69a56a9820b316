"""Whether `available` excludes what is allocated, told from what moves and not from what adds up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.stock.evidence import FEWEST, Counted, allocation_says, judged, setting_differs

BEFORE = Counted(available=20, allocated=3, received=100, picked=5)


def pairs(*says: bool) -> list[dict[str, Any]]:
    return [{"product": f"P{n}", "excludes": each} for n, each in enumerate(says)]


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (Counted(16, 7, 100, 5), True),  # four more are set aside, and four fewer available
        (Counted(20, 7, 100, 5), False),
        (Counted(18, 7, 100, 5), None),  # something else happened too
        (Counted(16, 7, 104, 5), None),  # goods came in meanwhile
        (Counted(16, 7, 100, 6), None),  # picked meanwhile
        (Counted(24, 0, 100, 5), None),  # less is set aside: taken back, or sent
        (BEFORE, None),
    ],
)
def test_only_more_that_is_allocated_and_nothing_else_tells(after: Counted, says: bool | None) -> None:
    assert allocation_says(BEFORE, after) is says


@given(st.integers(1, 50), st.booleans(), st.integers(0, 99), st.integers(0, 99))
def test_held_and_despatched_units_before_do_not_disturb_the_evidence(
    units: int, excludes: bool, held: int, despatched: int
) -> None:
    free = 500 - held - despatched
    before = Counted(free if excludes else free + 7, 7, 500, 0)
    after = Counted(before.available - (units if excludes else 0), 7 + units, 500, 0)
    assert allocation_says(before, after) is excludes


def test_few_pairs_or_pairs_that_differ_say_nothing() -> None:
    assert judged(pairs(*[True] * (FEWEST - 1))).excludes is None
    assert judged(pairs(*[True] * FEWEST, *[False] * FEWEST)).excludes is None
    assert judged([]).excludes is None


def test_nine_of_ten_pairs_are_enough_and_are_shown_newest_first() -> None:
    verdict = judged(pairs(*[False] * 9, True))
    assert (verdict.excludes, verdict.pairs, verdict.agreeing) == (False, 10, 9)
    assert [example["product"] for example in verdict.examples] == ["P8", "P7", "P6"]


def test_a_setting_that_the_data_speak_against_is_told_with_what_to_write() -> None:
    finding = setting_differs(judged(pairs(*[False] * 5)), setting=True, store="main")
    assert finding is not None
    assert "available_excludes_allocated = false in [stores.main.stock]" in finding.message
    assert setting_differs(judged(pairs(*[False] * 5)), setting=False, store="main") is None
    assert setting_differs(judged([]), setting=True, store="main") is None
