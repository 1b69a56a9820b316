"""The commands of returns against a served sandbox: what they say, with --json too, and what they exit with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clarus_bc_pipeline.cli import typer_app
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline_tests.conftest import _database
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[SmallWorld]:
    """A world in which every order has left."""
    with _database(postgres_url) as url, small_world(tmp_path_factory.mktemp("rma"), url) as world:
        open_ledger(url).dispose()
        with pytest.MonkeyPatch.context() as monkeypatch:
            world.point_here(monkeypatch)
            for shop in world.scenario.shops.values():
                for order_id in sorted(shop.orders):
                    shop.ship_by_hand(order_id)
            assert said("sync", "catalogue", "orders")[0] in (0, 1)
        yield world
        world.engine.dispose()


@pytest.fixture
def here(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    world.point_here(monkeypatch)
    return world


def said(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    result = CliRunner().invoke(typer_app, list(arguments))
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    """The one object that a command prints with --json."""
    result = CliRunner().invoke(typer_app, [*arguments, "--json"])
    assert result.exit_code == code, result.output
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def order_of(world: SmallWorld, n: int) -> tuple[str, int, int]:
    """The store, number and first physical line of the n-th order of the first store."""
    store, shop = next(iter(world.scenario.shops.items()))
    order_id = sorted(shop.orders)[n]
    line = next(each for each in shop.order(order_id).lines.values() if each["type"] == "physical")
    return store, order_id, int(line["id"])


def test_an_rma_is_opened_shown_listed_and_closed(here: SmallWorld) -> None:
    store, order_id, line = order_of(here, 0)
    opened = told("rma", "open", str(order_id), "--line", f"{line}:1:faulty", "--store", store)["opened"]
    number = opened[0]["number"]
    assert number == f"RMA-{order_id}-1"
    assert said("sync", "returns", "--store", store)[0] in (0, 1)

    story = told("rma", "show", number)["rmas"][0]
    assert (story["state"], story["lines"][0]["reason"]) == ("announced", "faulty")
    code, words, _ = said("rma", "show", number)
    assert code == 0
    assert f"RMA {number} of order {order_id} is announced to Clarus; the parcel is not back." in words

    assert number in {row["rma"] for row in told("rma", "list")["rmas"]}
    assert said("rma", "close", number, "--because", "customer keeps it")[0] == 0
    assert told("rma", "show", number)["rmas"][0]["sentence"].endswith("is closed: customer keeps it.")
    assert number not in {row["rma"] for row in told("rma", "list")["rmas"]}
    assert number in {row["rma"] for row in told("rma", "list", "--all")["rmas"]}


def test_what_cannot_be_right_exits_with_one_and_writes_nothing(here: SmallWorld) -> None:
    store, order_id, line = order_of(here, 1)
    refused = told("rma", "open", str(order_id), "--line", f"{line}:99999", "--store", store, code=1)
    assert refused["opened"] == []
    assert "asks for 99999" in refused["refused"][0]["why"]
    assert told("rma", "list")["rmas"] == [row for row in told("rma", "list")["rmas"] if row["order_id"] != order_id]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["open"], "Give an order and at least one --line"),
        (["open", "4711", "--line", "5:1"], "Order 4711 is not in the ledger"),
        (["open", "4711", "--line", "5"], "write the order line's id and the units"),
        (["show", "RMA-0"], "There is no RMA RMA-0"),
        (["close", "RMA-0", "--because", "x"], "There is no RMA RMA-0"),
    ],
)
def test_a_mistake_exits_with_two_and_says_what_would_be_right(
    here: SmallWorld, arguments: list[str], words: str
) -> None:
    code, _, err = said("rma", *arguments)
    assert code == 2
    assert words in err


def test_a_file_opens_an_rma_an_order(here: SmallWorld, tmp_path: Path) -> None:
    rows = [order_of(here, n) for n in (2, 3)]
    file = tmp_path / "returns.csv"
    lines = [f"{order_id},{line},1,unwanted,yes" for _, order_id, line in rows]
    file.write_text("\n".join(["order,line,units,reason,refund_shipping", *lines]))
    opened = told("rma", "open", "--csv", str(file), "--store", rows[0][0])["opened"]
    assert [each["number"] for each in opened] == [f"RMA-{order_id}-1" for _, order_id, _ in rows]


def test_a_file_with_a_wrong_row_names_it_and_opens_nothing(here: SmallWorld, tmp_path: Path) -> None:
    file = tmp_path / "returns.csv"
    file.write_text("order,line,units\n1,2,none\n")
    code, _, err = said("rma", "open", "--csv", str(file))
    assert (code, "row 2: units = 'none'" in err) == (2, True)
