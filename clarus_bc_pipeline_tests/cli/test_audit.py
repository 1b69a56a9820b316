"""`audit` and `report catalogue` on a world with mismatches: what they say, write and exit with."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from clarus_bc_pipeline.cli import audit
from clarus_bc_pipeline.flows.catalogue import sync
from clarus_bc_pipeline.flows.stock.evidence import Counted, keep_pairs, pair_of
from clarus_bc_pipeline.flows.store import open_store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import load_settings
from clarus_bc_pipeline_tests.conftest import _database
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world

commands = typer.Typer()
commands.command()(audit.audit)
commands.add_typer(audit.report, name="report")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[SmallWorld]:
    with _database(postgres_url) as url, small_world(tmp_path_factory.mktemp("audit"), url) as world:
        open_ledger(url).dispose()
        yield world
        world.engine.dispose()


@pytest.fixture
def here(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    world.point_here(monkeypatch)
    return world


def said(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str) -> list[dict[str, Any]]:
    code, out, error = said(*arguments, "--json")
    assert code in (0, 1), error
    stores = json.loads(out)["stores"]
    assert isinstance(stores, list)
    return stores


def test_a_store_that_was_never_read_is_told_how_to_read_it(here: SmallWorld) -> None:
    code, _, error = said("audit")
    assert code == 2
    assert "--read" in error


def test_audit_reads_compares_and_moves_no_finding(here: SmallWorld) -> None:
    stores = told("audit", "--read")
    assert [row["store"] for row in stores] == ["gifts", "homeware"]
    assert all(row["bigcommerce_skus"] > 0 and row["clarus_products"] > 0 for row in stores)
    assert sum(sum(row["by_type"].values()) for row in stores) == sum(len(row["fix_list"]) for row in stores) > 0
    with here.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM finding WHERE scope = 'catalogue'")) == 0


def test_the_fix_list_is_a_row_a_fault(here: SmallWorld, tmp_path: Path) -> None:
    file = tmp_path / "fix.csv"
    stores = told("audit", "--read", "--csv", str(file))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == sum(len(row["fix_list"]) for row in stores)
    assert all(row["what to change"] and row["owner"] and row["where"] for row in rows)


def test_a_file_that_cannot_be_written_ends_with_2(here: SmallWorld, tmp_path: Path) -> None:
    code, _, error = said("audit", "--read", "--csv", str(tmp_path / "none" / "fix.csv"))
    assert code == 2
    assert "cannot be written" in error


def test_rules_that_collide_are_refused_with_the_skus_named(here: SmallWorld, tmp_path: Path) -> None:
    told("audit", "--read")
    with here.engine.connect() as connection:
        one, other = connection.scalars(
            sa.text("SELECT DISTINCT sku FROM bigcommerce_variant WHERE store = 'gifts' AND sku <> '' LIMIT 2")
        )
    rules = tmp_path / "rules.toml"
    swap = f"{{ {json.dumps(one)} = {json.dumps(other)} }}"
    rules.write_text(f'[[skus.rules]]\nrule = "map_characters"\ncharacters = {swap}\n')
    code, out, _ = said("audit", "--store", "gifts", "--preview", str(rules), "--json")
    (tried,) = (row["preview"] for row in json.loads(out)["stores"])
    assert (code, tried["accepted"]) == (1, False)
    assert one in tried["refused_because"]
    assert other in tried["refused_because"]


def test_rules_that_change_nothing_keep_every_pair(here: SmallWorld, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("rules = []\n")
    (row,) = told("audit", "--read", "--store", "gifts", "--preview", str(tmp_path / "rules.toml"))
    tried = row["preview"]
    assert (tried["accepted"], tried["new"], tried["lost"], tried["changed"]) == (True, [], [], [])
    assert tried["kept"] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [("rules = [", "not valid TOML"), ('[[rules]]\nrule = "shout"\n', "rules"), ("rulez = []", "rulez")],
)
def test_rules_that_are_none_end_with_2(here: SmallWorld, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "rules.toml").write_text(text)
    code, _, error = said("audit", "--preview", str(tmp_path / "rules.toml"))
    assert code == 2
    assert words in " ".join(error.split())


def test_report_shows_what_is_open_and_the_trend(here: SmallWorld) -> None:
    settings = load_settings()
    with open_store(settings.stores["gifts"], here.engine) as store:
        sync.pull_warehouse(store)
        sync.pull_shop(store)
        found = sync.decide(store)
    (row,) = told("report", "catalogue", "--store", "gifts")
    assert sum(row["open"].values()) == len({(f.code, f.subject) for f in found}) > 0
    assert len(row["trend"]) == len(row["open"])
    code, out, _ = said("report", "catalogue", "--store", "gifts")
    assert code == 0
    assert "over time" in out


def test_a_person_reads_it_as_tables(here: SmallWorld) -> None:
    code, out, _ = said("audit", "--read", "--store", "gifts")
    assert code in (0, 1)
    assert "What differs" in out


def test_the_audit_says_what_the_data_say_of_available_or_that_they_cannot_tell(here: SmallWorld) -> None:
    (row,) = told("audit", "--read", "--store", "gifts")
    assert row["available_excludes_allocated"]["data_say"] is None
    assert row["available_excludes_allocated"]["warning"] is None
    assert "cannot tell yet" in said("audit", "--store", "gifts")[1]
    before, after = Counted(9, 0, 9, 0), Counted(9, 2, 9, 0)
    pair = pair_of("MUG", "WHS01", before, after, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    assert pair is not None
    with here.engine.begin() as connection:
        keep_pairs(connection, store="gifts", pairs=[pair] * 5, now=datetime.now(UTC))
    code, out, _ = said("audit", "--store", "gifts", "--json")
    (row,) = json.loads(out)["stores"]
    assert code == 1
    assert row["available_excludes_allocated"]["data_say"] is False
    assert "available_excludes_allocated = false" in row["available_excludes_allocated"]["warning"]
    assert row["available_excludes_allocated"]["evidence"][0]["allocated"] == "0 -> 2"
    assert "Readings around allocations" in said("audit", "--store", "gifts")[1]
