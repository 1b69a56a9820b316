"""The despatch schemas on real frames: each rule breaks on its own row, and a missing value is no crash."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from clarus_bc_pipeline.flows.check_reports import CheckReport, validate
from clarus_bc_pipeline.flows.despatch.schemas import despatched_lines, parcel_frame, parcels
from clarus_bc_pipeline.settings import DespatchSettings

SETTINGS = DespatchSettings()
RIGHT, WRONG = "AB100000003GB", "AB100000004GB"


def lines(*despatched: object, matched: bool = True, not_over: bool = True) -> CheckReport:
    count = len(despatched)
    frame = pd.DataFrame(
        {
            "despatched": pd.Series(despatched, dtype=object),
            "matched": pd.Series([matched] * count, dtype=bool),
            "not_over": pd.Series([not_over] * count, dtype=bool),
        }
    )
    return validate(frame, despatched_lines, name={n: f"order {n}" for n in range(count)})


def tracked(*rows: tuple[int, str | None, str | None]) -> dict[str, int | None]:
    given = [dict(zip(("order_id", "carrier_code", "tracking_number"), row, strict=True)) for row in rows]
    report = validate(parcel_frame(given, SETTINGS), parcels, name={n: f"order {r[0]}" for n, r in enumerate(rows)})
    return {broken.type.code: broken.rows for broken in report.broken}


def broken(report: CheckReport) -> dict[str, int | None]:
    return {rule.type.code: rule.rows for rule in report.broken}


def test_whole_quantities_pass_and_no_rows_pass_too() -> None:
    assert lines(Decimal(2), Decimal("3.000"), Decimal(0)).passed
    assert lines().passed
    assert tracked() == {}


def test_a_fraction_names_its_row_and_value() -> None:
    [rule] = lines(Decimal(2), Decimal("1.5")).broken
    assert (rule.type.code, rule.examples) == ("fractional_quantity", ("order 1 (1.5)",))


def test_less_than_nothing_despatched_is_unreadable() -> None:
    assert broken(lines(Decimal(-1))) == {"unreadable_record": 1}


@pytest.mark.parametrize("nothing", [None, float("nan"), Decimal("NaN")])
def test_an_unknown_quantity_is_a_broken_record_and_not_a_zero(nothing: object) -> None:
    [rule] = lines(Decimal(2), nothing).broken
    assert (rule.type.code, rule.rule, rule.rows) == ("unreadable_record", "despatched is filled in", 1)


def test_lines_that_fit_no_order_line_or_pass_the_order_are_named() -> None:
    assert broken(lines(Decimal(1), Decimal(2), matched=False)) == {"ambiguous_line": 2}
    assert broken(lines(Decimal(1), not_over=False)) == {"over_despatched": 1}


def test_each_tracking_fault_has_its_rule() -> None:
    assert tracked((1, "RM", RIGHT)) == {}
    assert tracked((1, "RM", "")) == {"despatch_without_tracking": 1}
    assert tracked((1, "RM", WRONG)) == {"tracking_invalid": 1}
    assert tracked((1, "RM", f"{RIGHT} AB200000006GB")) == {"tracking_multiple": 1}
    assert tracked((1, "ZZ-7", "ABC123")) == {"unmapped_carrier": 1}


def test_a_number_on_two_orders_is_reused_however_it_is_written_and_on_one_order_is_not() -> None:
    assert tracked((1, "RM", RIGHT), (2, "RM", "ab 1000 0000 3 gb")) == {"tracking_reused": 2}
    assert tracked((1, "RM", RIGHT), (1, "RM", RIGHT)) == {}


def test_parcels_of_which_nothing_is_known_are_without_tracking_and_do_not_share_it() -> None:
    assert tracked((1, None, None), (2, None, None), (3, "RM", "N/A")) == {"despatch_without_tracking": 3}
