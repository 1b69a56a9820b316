"""Every command of the README against a served sandbox: what it says, with --json too, and what it exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clarus_bc_pipeline.cli import app, typer_app
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline_tests.conftest import _database
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[SmallWorld]:
    """A world that has lived a morning: orders released, the first despatches shown in the shop."""
    with _database(postgres_url) as url, small_world(tmp_path_factory.mktemp("cli"), url) as world:
        open_ledger(url).dispose()
        with pytest.MonkeyPatch.context() as monkeypatch:
            world.point_here(monkeypatch)
            assert said("sync", "catalogue", "orders")[0] in (0, 1)
            world.scenario.first_despatch()
            assert said("sync", "orders", "despatch")[0] in (0, 1)
        yield world
        world.engine.dispose()


@pytest.fixture
def here(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    world.point_here(monkeypatch)
    return world


def said(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    result = CliRunner().invoke(typer_app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str) -> dict[str, Any]:
    """The one object that a command prints with --json; nothing else may stand on standard output."""
    code, out, _ = said(*arguments, "--json")
    assert code in (0, 1), out
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def failed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a command that fails, through the same door as the installed command."""
    monkeypatch.setattr(sys, "argv", ["clarus-bc", *arguments])
    with pytest.raises(SystemExit) as ended:
        app()
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return int(ended.value.code or 0), " ".join(captured.err.split())


def test_help_names_every_command_with_what_it_is_for() -> None:
    code, out, _ = said("--help")
    assert code == 0
    for command in (
        "demo",
        "up",
        "worker",
        "sync",
        "deliver",
        "order",
        "findings",
        "gap",
        "pushes",
        "db",
        "settings",
        "sandbox",
    ):
        assert command in out
        assert said(command, "--help")[0] == 0


def test_sync_says_what_each_flow_did_and_ends_with_1_while_a_finding_is_an_error(here: SmallWorld) -> None:
    code, out, _ = said("sync", "--json")
    flows = json.loads(out)
    assert code == 1
    assert [(row["store"], row["flow"]) for row in flows["flows"]] == [
        (store, flow)
        for store in ("gifts", "homeware")
        for flow in ("catalogue", "orders", "despatch", "stock", "returns", "finance")
    ]
    assert flows["failed"] == {}


def test_sync_read_only_sends_nothing(here: SmallWorld) -> None:
    before = len(here.scenario.warehouse.goods_outs.rows)
    here.scenario.payments()
    told("sync", "orders", "--read-only")
    assert len(here.scenario.warehouse.goods_outs.rows) == before
    assert "released" not in told("sync", "orders", "--read-only")["flows"][0]


def test_deliver_sends_what_is_due_and_says_so_when_nothing_is(here: SmallWorld) -> None:
    assert told("deliver") == {"pushes": []}


def test_order_answers_where_it_is(here: SmallWorld) -> None:
    (story,) = told("order", "10001", "--store", "homeware")["orders"]
    assert story["order_id"] == 10001
    assert story["sentence"].startswith("Order 10001")


def test_order_that_nobody_knows_ends_with_2(here: SmallWorld) -> None:
    code, _, error = said("order", "999999")
    assert code == 2
    assert "Order 999999 is not in the ledger" in error


def test_findings_have_an_owner_and_a_next_step(here: SmallWorld) -> None:
    rows = told("findings")["findings"]
    assert {"unknown_sku", "bad_address"} <= {row["code"] for row in rows}
    assert all(row["owner"] and row["next_step"] and row["open"] for row in rows)
    assert said("findings")[0] == 1
    assert {row["owner"] for row in told("findings", "--owner", "ecommerce")["findings"]} == {"ecommerce"}


def test_gap_is_told_by_store(here: SmallWorld) -> None:
    stores = told("gap")["stores"]
    assert [row["store"] for row in stores] == ["gifts", "homeware"]
    assert all(row["despatched_lines"] > 0 for row in stores)


def test_a_push_can_be_listed_shown_parked_and_retried(here: SmallWorld) -> None:
    rows = told("pushes", "list", "--state", "delivered", "--store", "homeware")["pushes"]
    assert rows
    assert told("pushes", "show", str(rows[0]["push_id"]))["attempts"]
    code, _, error = said("pushes", "retry", str(rows[0]["push_id"]))
    assert code == 2
    assert str(rows[0]["push_id"]) in error


def test_the_database_is_migrated_and_purged(here: SmallWorld) -> None:
    assert told("db", "migrate")["revision"]
    assert told("db", "purge") == {"orders_purged": {"gifts": 0, "homeware": 0}}


def test_settings_are_checked_shown_and_exemplified(here: SmallWorld) -> None:
    checks = told("settings", "check")["checks"]
    assert {row["result"] for row in checks} == {"ok"}
    assert set(told("settings", "show")["stores"]) == {"gifts", "homeware"}
    assert any(row["carrier"] == "royal-mail" for row in told("settings", "carriers")["carriers"])
    assert said("settings", "example")[1].count("[stores.") > 1


def test_no_secret_is_ever_shown(here: SmallWorld) -> None:
    assert here.environment["CLARUS_BC_GIFTS_BC_TOKEN"] not in said("settings", "show", "--json")[1]


def test_a_store_that_does_not_exist_is_named_with_those_that_do(here: SmallWorld) -> None:
    for command in ("sync", "deliver", "findings", "gap", "worker"):
        code, _, error = said(command, "--store", "nobody")
        assert code == 2
        assert "--store nobody: no such store; the settings have gifts, homeware" in " ".join(error.split())


def test_a_flow_that_does_not_exist_is_named_with_those_that_do() -> None:
    code, _, error = said("sync", "refunds")
    assert code == 2
    assert "no such flow: refunds; flows are catalogue, orders, despatch, stock, returns, finance" in " ".join(
        error.split()
    )


def test_a_bad_setting_names_key_value_and_what_would_be_right(
    here: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(here.settings.read_text().replace('base_url = "http', 'base_url = "ftp', 1))
    monkeypatch.setenv("CLARUS_BC_SETTINGS", str(bad))
    code, error = failed(capsys, monkeypatch, "settings", "show")
    assert code == 2
    assert "stores.gifts.bigcommerce.base_url = 'ftp" in error
    assert "must be an http(s) address" in error


def test_a_secret_that_is_not_set_is_named(
    here: SmallWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLARUS_BC_GIFTS_CLARUS_CLIENT_ID")
    code, error = failed(capsys, monkeypatch, "sync", "--store", "gifts")
    assert code == 2
    assert "CLARUS_BC_GIFTS_CLARUS_CLIENT_ID is not set" in error


def test_wrong_credentials_end_with_3_and_the_other_store_goes_on(
    here: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARUS_BC_GIFTS_BC_TOKEN", "wrong")
    code, out, error = said("sync", "orders", "--json")
    assert code == 3
    answer = json.loads(out)
    assert list(answer["failed"]) == ["gifts"]
    assert [row["store"] for row in answer["flows"]] == ["homeware"]
    assert "Check this store's secrets" in " ".join(error.split())
    assert "auth_failed" in {row["code"] for row in told("findings", "--store", "gifts")["findings"]}
    monkeypatch.undo()
    here.point_here(monkeypatch)
    said("sync", "orders", "--store", "gifts")
    assert "auth_failed" not in {row["code"] for row in told("findings", "--store", "gifts")["findings"]}


def test_a_scope_that_is_missing_is_refused_in_words(here: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = here.scenario.shops["gifts"]
    scopes = {token: frozenset(s for s in had if "product" not in s) for token, had in shop.tokens.items()}
    monkeypatch.setattr(shop, "tokens", scopes)
    code, _, error = said("sync", "catalogue", "--store", "gifts")
    assert code == 3
    assert "403" in error
    assert "credentials lack a scope" in " ".join(error.split())


def test_a_store_hash_that_nobody_knows_is_refused_in_words(
    here: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(here.settings.read_text().replace('store_hash = "gifts"', 'store_hash = "nothere"'))
    monkeypatch.setenv("CLARUS_BC_SETTINGS", str(other))
    code, _, error = said("sync", "orders", "--store", "gifts")
    assert code == 3
    assert "store_hash" in error


def test_a_vendor_out_of_reach_ends_with_3_and_is_a_finding(
    here: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "away.toml"
    away.write_text(
        here.settings.read_text().replace(f'base_url = "{here.address}/bigcommerce"', 'base_url = "http://127.0.0.1:9"')
    )
    monkeypatch.setenv("CLARUS_BC_SETTINGS", str(away))
    code, _, error = said("sync", "orders", "--store", "homeware")
    assert code == 3
    assert "Nothing was lost" in " ".join(error.split())
    assert "out_of_reach" in {row["code"] for row in told("findings", "--store", "homeware")["findings"]}
    assert said("settings", "check", "--store", "homeware")[0] == 3
    monkeypatch.undo()
    here.point_here(monkeypatch)
    said("sync", "orders", "--store", "homeware")
    assert "out_of_reach" not in {row["code"] for row in told("findings", "--store", "homeware")["findings"]}


def test_a_database_out_of_reach_ends_with_3(
    here: SmallWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLARUS_BC_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    code, error = failed(capsys, monkeypatch, "findings")
    assert code == 3
    assert "cannot be reached" in error


def test_the_installed_command_speaks_json_on_standard_output_and_nothing_on_standard_error(here: SmallWorld) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "clarus_bc_pipeline.cli", "gap", "--json"],
        env=here.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(json.loads(ran.stdout)) == {"stores"}
    assert ran.stderr == ""
