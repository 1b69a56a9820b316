"""`report finance` and `period`: the pack and what is told of it, and months that close once and for good."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from clarus_bc_pipeline.cli import audit
from clarus_bc_pipeline.cli import finance as cli
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.urls import URL_VARIABLE
from clarus_bc_pipeline_tests.flows.finance.books import KEY, Books

commands = typer.Typer()
commands.add_typer(audit.report, name="report")
commands.add_typer(cli.period, name="period")

SETTINGS = """
[stores.main]
[stores.main.bigcommerce]
store_hash = "main"
[stores.main.clarus]
subdomain = "sandbox"
account = "ACME"
warehouse = "WHS01"
"""
DECEMBER = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
DAYS = ("--from", "2026-11-01", "--to", "2026-11-30")


@pytest.fixture
def books(ledger: sa.Engine, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Books:
    """November 2026, of which one order left and another waits; it is December."""
    file = tmp_path / "clarus_bc.toml"
    file.write_text(SETTINGS)
    monkeypatch.setenv("CLARUS_BC_SETTINGS", str(file))
    monkeypatch.setenv(URL_VARIABLE, ledger_url)
    monkeypatch.setattr(cli, "utc_now", lambda: DECEMBER)
    monkeypatch.chdir(tmp_path)
    books = Books(ledger)
    books.order(1, (2, "20.00"))
    books.read_payments(1, "20.00")
    books.send(1, 2)
    books.order(2, (1, "5.00"))
    return books


def said(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str) -> dict[str, Any]:
    code, out, err = said(*arguments, "--json")
    assert code == 0, err
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def test_the_pack_is_written_beside_its_exports_and_says_that_it_ties(books: Books, tmp_path: Path) -> None:
    [store] = told("report", "finance", *DAYS, "--out", str(tmp_path / "pack"))["stores"]
    assert store["control_total_difference"] == "0.00"
    assert store["orders"] == {"read": 2, "matched": 1, "listed": 1, "left_out": {}}
    assert store["journal_lines"] > 0
    assert openpyxl.load_workbook(store["file"]).sheetnames[0] == "Control"
    assert [Path(file).exists() for file in store["exports"]] == [True, True]


def test_people_read_the_totals_as_a_table_and_default_to_this_month(books: Books, tmp_path: Path) -> None:
    code, out, _ = said("report", "finance", "--out", "here")
    assert code == 0
    assert "money in" in out
    assert "2026-12-01 to 2026-12-02" in out
    assert (tmp_path / "here").is_dir()


def test_a_total_that_differs_ends_with_one_and_names_itself(books: Books) -> None:
    books.prove()
    given = {
        "store": KEY, "period": "2026-11", "journal": "by hand", "posting_date": date(2026, 11, 3), "nominal": "1",
        "currency": "GBP", "event": "payment:nobody/1", "narrative": "", "evidence": {}, "posted_at": books.at,
    }  # fmt: skip
    with books.engine.begin() as connection:
        connection.execute(
            sa.insert(tables.journal_line).values(
                [{**given, "account": a, "debit": d, "credit": c} for a, d, c in [("bank", 5, 0), ("revenue", 0, 5)]]
            )
        )
    code, out, _ = said("report", "finance", *DAYS, "--json")
    assert code == 1
    [store] = json.loads(out)["stores"]
    assert [each["what"] for each in store["control_totals"] if float(each["difference"])] == ["money in"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "finance", "--from", "2026-12-01", "--to", "2026-11-01"), "give the earlier day first"),
        (("report", "finance", "--store", "nobody"), "no such store"),
        (("period", "close", "2026-13"), "write it as 2026-11"),
        (("period", "close", "2026-12"), "is not over"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_two(books: Books, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = said(*arguments)
    assert (code, words in err.replace("\n", " ")) == (2, True)


def test_a_folder_that_cannot_be_written_is_named(books: Books, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    code, _, err = said("report", "finance", *DAYS, "--out", "taken")
    assert (code, "taken" in err) == (2, True)


def test_a_month_closes_once_and_what_comes_later_goes_to_the_next(books: Books) -> None:
    [closed] = told("period", "close", "2026-11", "--by", "Ada")["closed"]
    assert (closed["closed_by"], closed["journal_lines"] > 0) == ("Ada", True)
    code, _, err = said("period", "close", "2026-11", "--by", "Ada")
    assert (code, "was closed by Ada" in err.replace("\n", " ")) == (2, True)
    left_at = books.at
    books.at = DECEMBER
    books.send(2, 1, at=left_at)
    told("report", "finance", *DAYS)
    [listed] = told("period", "list")["periods"]
    assert listed["unchanged"] is True
    assert listed["sha256"] == closed["sha256"]
    line = tables.journal_line
    with books.engine.connect() as connection:
        late = connection.execute(sa.select(line.c.period, line.c.belongs_to).where(line.c.event == "despatch:2/1"))
        assert {tuple(row) for row in late} == {("2026-12", "2026-11")}


def test_a_month_that_somebody_changed_behind_the_lock_is_told(books: Books) -> None:
    told("period", "close", "2026-11", "--by", "Ada")
    with books.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE journal_line DISABLE TRIGGER USER"))
        connection.execute(sa.text("DELETE FROM journal_line WHERE account = 'bank'"))
        connection.execute(sa.text("ALTER TABLE journal_line ENABLE TRIGGER USER"))
    code, out, _ = said("period", "list", "--json")
    assert (code, json.loads(out)["periods"][0]["unchanged"]) == (1, False)


def test_without_a_name_the_month_is_closed_by_who_is_signed_in(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    assert told("period", "close", "2026-11")["closed"][0]["closed_by"] == "grace"
