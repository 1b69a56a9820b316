"""A pandera validation as a report for a person: each rule in words, which rows fail, whose they are, what
next.

What belongs here: running a schema lazily and wording its failures. What does not: the rules (a flow's
`schemas.py`). A rule's pandera check is named after the finding type that it would open, so that owner and
next step come from the registry. What breaks the table itself (a value or column missing, a rule that cannot
be run) is an unreadable record: never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import dagster as dg

from clarus_bc_pipeline.decisions.findings import REGISTRY, FindingType, Severity

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

EXAMPLES = 10
UNREADABLE = "unreadable_record"


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that rows break. `examples` name the thing ("order 10432, SKU 00123") and show its value, at
    most ten.

    `rows` is None where the table as a whole breaks the rule.
    """

    type: FindingType
    rule: str
    rows: int | None
    examples: tuple[str, ...]

    @property
    def count(self) -> str:
        return "the whole table" if self.rows is None else f"{self.rows:,}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a validation found. `rules` is every rule that rows were held to, in words: green means something.

    `failing_rows` counts a row once, however many rules it breaks; it is all rows where the table itself is
    broken.
    """

    rows: int
    rules: tuple[str, ...]
    broken: tuple[BrokenRule, ...] = ()
    failing_rows: int = 0

    @property
    def passed(self) -> bool:
        return not self.broken

    def markdown(self) -> str:
        """The report as a page; reads without knowing any code."""
        held = f"{_rows(self.rows)} held to {len(self.rules)} rules."
        if self.passed:
            return f"**All well.** {held}\n\n" + "\n".join(f"- {rule}" for rule in self.rules)
        parts = [f"**{_rows(self.failing_rows)} {'needs' if self.failing_rows == 1 else 'need'} a person.** {held}"]
        for broken in self.broken:
            kind, hidden = broken.type, (broken.rows or 0) - len(broken.examples)
            more = f" and {hidden:,} more" if hidden > 0 else ""
            parts += [
                f"### {kind.title}: {broken.count}\n*Rule:* {_literal(broken.rule)}.",
                f"*Which:* {_literal('; '.join(broken.examples))}{more}.",
                f"*Owner:* {kind.owner}. *Open:* {kind.system}.",
                f"*Next step:* {_literal(kind.next_step)}",
            ]
        return "\n\n".join(parts)


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, *, name: Mapping[Any, str]) -> CheckReport:
    """Hold `frame` to `schema`, all rules at once.

    `name` maps the frame's index to what a person calls the row.
    """
    import pandera.errors as pae

    checks = [*(check for column in schema.columns.values() for check in column.checks), *schema.checks]
    codes = {_words(check): str(check.name) for check in checks}
    try:
        schema.validate(frame, lazy=True)
    except pae.SchemaErrors as error:
        return _report(len(frame), error.failure_cases, codes, name)
    return CheckReport(len(frame), tuple(codes))


def _words(check: pa.Check) -> str:
    """A rule in words, as pandera gives them back in its failure cases."""
    return str(check.error or check.name)


def _report(rows: int, cases: pd.DataFrame, codes: Mapping[str, str], name: Mapping[Any, str]) -> CheckReport:
    """`cases` is pandera's: a row for each value that fails, without an index where the whole table does."""
    broken: dict[tuple[str, str], dict[Any, str]] = {}
    for case in cases.to_dict("records"):
        is_table = _is_nothing(case["index"])
        index = None if is_table else case["index"]
        code, rule = _rule(case, codes, could_not_run=is_table and isinstance(case["failure_case"], str))
        example = "the whole table" if is_table else name.get(index, f"row {index}")
        # A rule about whole rows gives each column's value; a yes-or-no value says no more than the rule.
        if not is_table and case["schema_context"] == "Column" and not isinstance(case["failure_case"], bool):
            example += f" ({_shown(case['failure_case'])})"
        broken.setdefault((code, rule), {}).setdefault(index, example)
    failing = {index for examples in broken.values() for index in examples}
    return CheckReport(
        rows,
        tuple(codes),
        tuple(
            BrokenRule(
                REGISTRY[code],
                rule,
                None if None in examples else len(examples),
                tuple(islice(examples.values(), EXAMPLES)),
            )
            for (code, rule), examples in broken.items()
        ),
        rows if None in failing else len(failing),
    )


def _rule(case: Mapping[Hashable, Any], codes: Mapping[str, str], *, could_not_run: bool) -> tuple[str, str]:
    """The finding type and the words of the rule that a failure case breaks, ours or pandera's own."""
    words, column = str(case["check"]), case["column"]
    if words in codes and could_not_run:
        return UNREADABLE, f"{words} (could not be checked: {case['failure_case']})"
    if words in codes:
        return codes[words], words
    match words.partition("(")[0]:
        case "not_nullable":
            return UNREADABLE, f"{column} is filled in"
        case "column_in_dataframe":
            return UNREADABLE, f"the table has the column {case['failure_case']}"
        case "dtype":
            return UNREADABLE, f"{column} is of {words}, and it is {case['failure_case']}"
        case _:
            return UNREADABLE, words


def _is_nothing(value: Any) -> bool:
    return value is None or value != value  # NaN is what pandas makes of None


def _shown(value: Any) -> str:
    if _is_nothing(value):
        return "empty"
    return repr(value) if isinstance(value, str) else str(value)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _literal(text: str) -> str:
    """Text that Markdown shows as it is written: a SKU such as *A_1* is not emphasis."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", text)


def check_result(report: CheckReport, *, severity: Severity | None = None) -> dg.AssetCheckResult:
    """The report as an asset check's result: WARN when a person must mend rows, ERROR when a rule says so."""
    worst = severity or (
        Severity.ERROR if any(b.type.severity == Severity.ERROR for b in report.broken) else Severity.WARN
    )
    table = [
        {
            "rule": b.rule,
            "rows": b.count,
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
            f"{report.failing_rows:,} of {_rows(report.rows)} need a person"
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


def _table(rows: list[dict[str, str]]) -> dg.TableMetadataValue:
    columns = [dg.TableColumn(key, "string") for key in rows[0]]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=dg.TableSchema(columns))
