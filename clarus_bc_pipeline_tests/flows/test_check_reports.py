"""A check's report is for a person who has never seen the code: which order, which rule, whose, what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pytest

from clarus_bc_pipeline.decisions import Severity
from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.check_reports import EXAMPLES, CheckReport, check_result, validate

SKU_KNOWN = "Clarus has the SKU, as mapped"
NOT_ZERO = "a line's quantity is above zero"
NO_CLASH = "no two SKUs differ only by case"

SCHEMA = pa.DataFrameSchema(
    {
        "quantity": pa.Column(
            object, pa.Check(lambda s: s.map(lambda q: q > 0), name="zero_quantity_line", error=NOT_ZERO)
        ),
        "sku": pa.Column(
            str,
            pa.Check(lambda s: s.str.startswith("S"), name="tracking_invalid", error="a SKU begins with S"),
        ),
        "known": pa.Column(bool, pa.Check(lambda s: s, name="unknown_sku", error=SKU_KNOWN)),
    },
    checks=pa.Check(
        lambda f: f.groupby(f["sku"].str.casefold())["sku"].transform("nunique") <= 1,
        name="sku_case_clash",
        error=NO_CLASH,
    ),
)


def held(*rows: tuple[Any, Any, bool], names: Sequence[str] | None = None) -> CheckReport:
    frame = pd.DataFrame(
        {
            "quantity": pd.Series([r[0] for r in rows], dtype=object),
            "sku": pd.Series([r[1] for r in rows], dtype=str),
            "known": pd.Series([r[2] for r in rows], dtype=bool),
        }
    )
    said = names or [f"order {10432 + n}, SKU {r[1]!r}" for n, r in enumerate(rows)]
    return validate(frame, SCHEMA, name=dict(enumerate(said)))


def test_a_broken_rule_names_order_and_sku_the_rule_in_words_owner_and_next_step() -> None:
    page = held((1, "S1", True), (1, "S2", False)).markdown()
    unknown = REGISTRY["unknown_sku"]
    for words in ("order 10433", "SKU 'S2'", SKU_KNOWN, unknown.owner, unknown.next_step, unknown.system):
        assert words in page
    assert "10432" not in page
    assert "(False)" not in page


def test_a_value_that_says_more_than_the_rule_is_shown() -> None:
    [rule] = held((0, "S1", True), names=["order 10432"]).broken
    assert rule.examples == ("order 10432 (0)",)


def test_a_passing_report_lists_every_rule_that_was_held_in_words() -> None:
    report = held((1, "S1", True))
    assert report.passed
    assert set(report.rules) == {NOT_ZERO, "a SKU begins with S", SKU_KNOWN, NO_CLASH}
    assert all(rule in report.markdown() for rule in report.rules)
    assert "All well" in report.markdown()
    assert "1 row held to 4 rules" in report.markdown()


def test_no_rows_keep_all_rules() -> None:
    assert held().passed


def test_a_row_that_breaks_two_rules_is_one_row_that_needs_a_person() -> None:
    report = held((0, "S1", False), (1, "S2", True))
    assert (len(report.broken), report.failing_rows) == (2, 1)
    assert "1 row needs a person" in report.markdown()


def test_a_rule_about_the_whole_row_counts_each_row_once() -> None:
    [rule] = held((1, "Sa", True), (1, "SA", True), (1, "Sb", True)).broken
    assert (rule.type.code, rule.rows) == ("sku_case_clash", 2)
    assert rule.examples == ("order 10432, SKU 'Sa'", "order 10433, SKU 'SA'")


def test_examples_are_capped_and_the_rest_is_counted() -> None:
    report = held(*[(1, f"S{n}", False) for n in range(1234)])
    [rule] = report.broken
    assert (rule.rows, len(rule.examples)) == (1234, EXAMPLES)
    assert f"and {1234 - EXAMPLES:,} more" in report.markdown()


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_missing_value_is_a_broken_record_said_in_words(nothing: object) -> None:
    report = held((nothing, "S1", True), (1, None, True))
    assert {(b.type.code, b.rule, b.examples) for b in report.broken} >= {
        ("unreadable_record", "quantity is filled in", ("order 10432, SKU 'S1' (empty)",)),
        ("unreadable_record", "sku is filled in", ("order 10433, SKU None (empty)",)),
    }
    assert report.failing_rows == 2


def test_a_rule_that_could_not_run_is_said_and_never_a_pass() -> None:
    report = held(("many", "S1", True), (1, "S2", True))
    [rule] = report.broken
    assert (rule.type.code, rule.rows, rule.examples) == ("unreadable_record", None, ("the whole table",))
    assert NOT_ZERO in rule.rule
    assert "could not be checked: TypeError" in rule.rule
    assert report.failing_rows == 2


def test_a_missing_column_is_said() -> None:
    frame = pd.DataFrame({"quantity": pd.Series([1], dtype=object), "sku": ["S1"]})
    report = validate(frame, SCHEMA, name={0: "order 10432"})
    assert "the table has the column known" in [rule.rule for rule in report.broken]
    assert not report.passed


def test_a_column_of_another_type_is_said() -> None:
    frame = pd.DataFrame({"quantity": pd.Series([1], dtype=object), "sku": ["S1"], "known": ["yes"]})
    report = validate(frame, SCHEMA, name={0: "order 10432"})
    assert any(rule.rule.startswith("known is of dtype") for rule in report.broken)


def test_a_row_that_nobody_named_is_named_by_its_number() -> None:
    frame = pd.DataFrame({"quantity": pd.Series([0], dtype=object), "sku": ["S1"], "known": [True]})
    frame.index = pd.Index([41])
    assert validate(frame, SCHEMA, name={}).broken[0].examples == ("row 41 (0)",)


def test_a_sku_with_markdown_in_it_is_shown_as_it_is_written() -> None:
    assert r"\*S\_1\*" in held((1, "S1", False), names=["SKU *S_1*"]).markdown()


def test_two_columns_may_break_the_same_type_by_rules_of_their_own() -> None:
    def column(words: str) -> pa.Column:
        return pa.Column(int, pa.Check(lambda s: s >= 0, name="unreadable_record", error=words))

    schema = pa.DataFrameSchema({"a": column("a is zero or more"), "b": column("b is zero or more")})
    report = validate(pd.DataFrame({"a": [-1], "b": [-1]}), schema, name={0: "order 10432"})
    assert report.rules == ("a is zero or more", "b is zero or more")
    assert [rule.rule for rule in report.broken] == list(report.rules)


class TestAsDagsterShowsIt:
    def test_a_pass_says_how_much_was_held_to_how_many_rules(self) -> None:
        result = check_result(held((1, "S1", True)))
        assert result.passed
        assert result.description == "all 1 rows keep all 4 rules"
        assert "by_rule" not in result.metadata

    def test_a_failure_carries_the_page_the_counts_and_a_table(self) -> None:
        result = check_result(held((1, "S1", False), (1, "S2", True)))
        assert not result.passed
        assert result.severity == dg.AssetCheckSeverity.ERROR  # unknown_sku stops the order
        assert result.description == "1 of 2 rows need a person"
        assert result.metadata["failing_rows"].value == 1
        table = result.metadata["by_rule"]
        assert isinstance(table, dg.TableMetadataValue)
        [row] = table.records
        assert (row.data["owner"], row.data["rows"]) == ("ecommerce", "1")
        assert row.data["examples"] == "order 10432, SKU 'S1'"

    def test_rows_to_mend_warn_and_a_broken_table_is_an_error(self) -> None:
        assert check_result(held((0, "S1", True))).severity == dg.AssetCheckSeverity.WARN
        assert check_result(held((None, "S1", True))).severity == dg.AssetCheckSeverity.ERROR

    def test_a_check_may_say_its_own_severity(self) -> None:
        result = check_result(held((0, "S1", True)), severity=Severity.ERROR)
        assert result.severity == dg.AssetCheckSeverity.ERROR
