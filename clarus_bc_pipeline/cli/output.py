"""How every command speaks: a table or sentence for people, one JSON object with `--json`, and what its exit code says.

What belongs here: printing, progress and exit codes. What does not: any command.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

FINE, FINDINGS, USAGE, OUT_OF_REACH = 0, 1, 2, 3

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
StoreOption = Annotated[str | None, typer.Option("--store", help="Only this store (default: all).")]

console = Console()
errors = Console(stderr=True)


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, default=_plain, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return str(value)


def print_table(title: str, rows: Sequence[Mapping[str, Any]], *, empty: str = "none") -> None:
    if not rows:
        console.print(f"{title}: {empty}")
        return
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for name in rows[0]:
        numeric = isinstance(rows[0][name], (int, float, Decimal)) and not isinstance(rows[0][name], bool)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row.values()))
    console.print(table)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%d %b %H:%M:%S}"
    return "" if value is None else str(value)


def fail(message: str, code: int) -> NoReturn:
    errors.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@contextmanager
def progress_bar(what: str, *, quiet: bool = False, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, so that standard output stays clean; silent with `quiet` or when nobody watches."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=quiet or not errors.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.update(task, advance=n)
