"""The resident worker as a process: serves alone, wakes by a hint, stops when asked, is replaced when killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from clarus_bc_pipeline.flows.orders.automation import orders_sensor
from clarus_bc_pipeline.flows.resources import Stores
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.ledger.notify import notify
from clarus_bc_pipeline.ledger.worker_lease import live_worker
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world

PATIENCE = 120.0  # for a condition, on a busy machine
QUICK = "\n[worker]\norders_every_seconds = 1\ndespatch_every_seconds = 1\nlease_seconds = 3\n"
ONLY_BY_HINT = "\n[worker]\norders_every_seconds = 3600\ndespatch_every_seconds = 3600\n"


@pytest.fixture
def world(tmp_path: Path, ledger_url: str) -> Iterator[SmallWorld]:
    with small_world(tmp_path, ledger_url, more=QUICK) as world:
        yield world


@contextmanager
def worker(world: SmallWorld, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "clarus_bc_pipeline.cli", "worker", "--store", "homeware", *options]
    process = subprocess.Popen(command, env=world.environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(happened: Callable[[], object]) -> None:
    """Wait for a condition; fails when it does not come."""
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def served_by(world: SmallWorld) -> str | None:
    with world.engine.connect() as connection:
        return live_worker(connection, store="homeware", now=utc_now())


def orders_in_clarus(world: SmallWorld) -> int:
    return sum(1 for g in list(world.scenario.warehouse.goods_outs.rows.values()) if g["account"]["code"] == "HOME")


def test_it_carries_orders_and_despatches_and_tells_dagster_once_a_cycle(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.point_here(monkeypatch)
    with worker(world):
        until(lambda: orders_in_clarus(world) > 3)
        world.scenario.first_despatch()
        shop = world.scenario.shops["homeware"]
        until(lambda: any(order.shipments for order in list(shop.orders.values())))
        world.scenario.second_despatch()
        with dg.DagsterInstance.from_config(world.environment["DAGSTER_HOME"]) as instance:
            told = dg.AssetKey("bigcommerce_shipments")
            until(lambda: instance.get_latest_materialization_event(told))
            events = instance.fetch_materializations(told, limit=100).records
    created = sum(len(order.shipments) for order in shop.orders.values())
    assert 0 < len(events) <= created
    assert all(record.partition_key == "homeware" for record in events)


def _order_again(world: SmallWorld) -> int:
    """A new, paid order of what Clarus has, for the address of another."""
    shop = world.scenario.shops["homeware"]
    line = {"sku": min(world.scenario.known["homeware"]), "name": "Again", "quantity": 1, "price_inc_tax": "2.50"}
    address = {
        "first_name": "Ann", "last_name": "Other", "street_1": "1 Desk Lane", "city": "Leeds", "zip": "LS1 1AA",
        "country": "United Kingdom", "country_iso2": "GB",
    }  # fmt: skip
    return shop.add_order({"status_id": 11, "payment_status": "captured", "addresses": [address], "lines": [line]})


def test_a_hint_wakes_it_before_its_time(tmp_path: Path, ledger_url: str) -> None:
    with small_world(tmp_path, ledger_url, more=ONLY_BY_HINT) as world, worker(world, "--no-dagster"):
        until(lambda: orders_in_clarus(world) > 3)
        reference = f"BC-{_order_again(world)}"

        def hinted() -> bool:
            with world.engine.begin() as connection:
                notify(connection, store="homeware")
            return any(g["reference"] == reference for g in list(world.scenario.warehouse.goods_outs.rows.values()))

        until(hinted)


def test_sensors_stand_back_while_it_lives_and_sigterm_gives_the_store_back(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.point_here(monkeypatch)
    with worker(world, "--no-dagster") as process, dg.DagsterInstance.ephemeral() as instance:
        until(lambda: served_by(world))
        context = dg.build_sensor_context(instance=instance, resources={"stores": Stores()})
        result = orders_sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert {request.partition_key for request in result.run_requests or ()} == {"gifts"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert served_by(world) is None


def test_a_second_worker_takes_over_from_one_that_was_killed_and_only_then(world: SmallWorld) -> None:
    with worker(world, "--no-dagster") as first:
        until(lambda: served_by(world))
        killed = served_by(world)
        with worker(world, "--no-dagster"):
            until(lambda: orders_in_clarus(world) > 3)
            assert served_by(world) == killed
            first.kill()
            until(lambda: served_by(world) not in (None, killed))


def test_wrong_credentials_are_a_finding_that_resolves_when_they_are_right(world: SmallWorld) -> None:
    shop = world.scenario.shops["homeware"]
    right, shop.tokens = shop.tokens, {}

    def found() -> list[str]:
        with world.engine.connect() as connection:
            return [f.subject for f in open_findings(connection, store="homeware") if f.code == "auth_failed"]

    with worker(world, "--no-dagster"):
        until(found)
        assert found() == ["BigCommerce"]
        shop.tokens = right
        until(lambda: not found())


def test_a_secret_that_is_not_set_is_said_without_a_traceback(world: SmallWorld) -> None:
    del world.environment["CLARUS_BC_HOMEWARE_BC_TOKEN"]
    with worker(world, "--no-dagster") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.terminate()
        _, rest = process.communicate(timeout=PATIENCE)
    assert "CLARUS_BC_HOMEWARE_BC_TOKEN is not set" in said
    assert "Traceback" not in rest
