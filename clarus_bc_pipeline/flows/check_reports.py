"""A pandera validation as a report for a person: each rule in words, how many rows fail, which, whose, and what next.

What belongs here: running a schema lazily and wording its failures. What does not: the rules (a flow's `schemas.py`).
A rule's pandera check is named after the finding type that it would open, so owner and next step come from the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from clarus_bc_pipeline.decisions.findings import REGISTRY, FindingType, Severity

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that rows break. `examples` name the thing ("order 10432, SKU 00123") and show the value."""

    type: FindingType
    rule: str
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a validation found. `rules` is every rule that was held, in words, so that green means something."""

    rows: int
    rules: tuple[str, ...]
    broken: tuple[BrokenRule, ...]

    @property
    def passed(self) -> bool:
        return not self.broken

    @property
    def failing_rows(self) -> int:
        return sum(rule.rows for rule in self.broken)

    def markdown(self) -> str:
        """The report as a page; reads without knowing any code."""
        held = f"{self.rows:,} rows held to {len(self.rules)} rules."
        if self.passed:
            return f"**All well.** {held}\n\n" + "\n".join(f"- {rule}" for rule in self.rules)
        parts = [f"**{self.failing_rows:,} rows need a person.** {held}"]
        for broken in self.broken:
            more = (
                f" and {broken.rows - len(broken.examples):,} more"
                if broken.rows > len(broken.examples)
                else ""
            )
            parts.append(
                f"### {broken.type.title}: {broken.rows:,}\n*Rule:* {broken.rule}.\n\n"
                f"*Which:* {'; '.join(broken.examples)}{more}.\n\n"
                f"*Owner:* {broken.type.owner}. *Open:* {broken.type.system}.\n\n*Next step:* {broken.type.next_step}"
            )
        return "\n\n".join(parts)


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, *, name: Mapping[Any, str]) -> CheckReport:
    """Hold `frame` to `schema`, all rules at once. `name` maps the frame's index to what a person calls the row."""
    import pandera.errors as pae

    rules = {check.name: check for column in schema.columns.values() for check in column.checks} | {
        check.name: check for check in schema.checks
    }
    words = tuple(str(check.error) for check in rules.values())
    try:
        schema.validate(frame, lazy=True)
    except pae.SchemaErrors as error:
        return CheckReport(len(frame), words, _broken(error.failure_cases, rules, name))
    return CheckReport(len(frame), words, ())


def _broken(cases: pd.DataFrame, rules: Mapping[str, Any], name: Mapping[Any, str]) -> tuple[BrokenRule, ...]:
    by_words = {str(check.error): code for code, check in rules.items()}
    broken = []
    for words, group in cases.groupby("check", sort=False):
        code = by_words.get(str(words), "unreadable_record")
        rows = group.drop_duplicates("index")
        examples = tuple(
            f"{name.get(index, index)} ({value!r})" if index is not None else str(value)
            for index, value in list(zip(rows["index"], rows["failure_case"], strict=True))[:EXAMPLES]
        )
        broken.append(BrokenRule(REGISTRY[code], str(words), len(rows), examples))
    return tuple(broken)


def check_result(report: CheckReport, *, severity: Severity | None = None) -> dg.AssetCheckResult:
    """The report as an asset check's result: WARN when a person must mend rows, ERROR when a rule says so."""
    worst = severity or (
        Severity.ERROR if any(b.type.severity == Severity.ERROR for b in report.broken) else Severity.WARN
    )
    table = [
        {
            "rule": b.rule,
            "rows": b.rows,
            "owner": str(b.type.owner),
            "next step": b.type.next_step,
            "examples": "; ".join(b.examples),
        }
        for b in report.broken
    ]
    return dg.AssetCheckResult(
        passed=report.passed,
        severity=dg.AssetCheckSeverity.ERROR if worst == Severity.ERROR else dg.AssetCheckSeverity.WARN,
        description=(
            f"{report.failing_rows:,} of {report.rows:,} rows need a person"
            if report.broken
            else f"all {report.rows:,} rows keep all {len(report.rules)} rules"
        ),
        metadata={
            "report": dg.MetadataValue.md(report.markdown()),
            "rows": report.rows,
            "failing_rows": report.failing_rows,
            **({"by_rule": _table(table)} if table else {}),
        },
    )


def _table(rows: list[dict[str, Any]]) -> dg.TableMetadataValue:
    columns = [
        dg.TableColumn(key, "int" if isinstance(value, int) else "string") for key, value in rows[0].items()
    ]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=dg.TableSchema(columns))
