"""Sensors: a run only when something changed, none twice, and one store's trouble is not another's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from clarus_bc_pipeline.definitions import defs
from clarus_bc_pipeline.flows import sensing
from clarus_bc_pipeline.flows.catalogue.automation import catalogue_sensor
from clarus_bc_pipeline.flows.despatch.automation import despatch_sensor
from clarus_bc_pipeline.flows.orders.automation import orders_sensor
from clarus_bc_pipeline.flows.resources import STORE_TAG, Stores
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.http import Contact
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.ledger.worker_lease import claim_store
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world

SECRET = "CLARUS_BC_GIFTS_BC_TOKEN"


@pytest.fixture
def world(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallWorld]:
    with small_world(tmp_path, ledger_url) as world:
        world.point_here(monkeypatch)
        yield world
        world.engine.dispose()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, *, cursor: str = ""
) -> tuple[set[str], str, dg.SensorResult]:
    """The stores that a run is requested for, and why not for the others."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"stores": Stores()})
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    stores = {str(request.partition_key) for request in result.run_requests or ()}
    reason = result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else result.skip_reason
    return stores, reason or "", result


def run(job: str, store: str, instance: dg.DagsterInstance) -> None:
    ran = defs.resolve_job_def(job).execute_in_process(partition_key=store, instance=instance)
    assert ran.success


def test_a_new_order_is_worth_a_run_and_once_it_is_read_nothing_is(
    world: SmallWorld, instance: dg.DagsterInstance
) -> None:
    assert tick(orders_sensor, instance)[0] == {"gifts", "homeware"}
    for store in ("gifts", "homeware") * 2:  # the second takes what the first left to be tried again
        run("sync_orders", store, instance)
    _, reason, result = tick(orders_sensor, instance)
    assert [request.run_key for request in result.run_requests or ()] == []
    assert reason == "gifts: nothing changed; homeware: nothing changed"
    shop = world.scenario.shops["homeware"]
    shop.touch(min(shop.orders))
    assert tick(orders_sensor, instance)[0] == {"homeware"}


def test_a_quiet_warehouse_is_worth_no_run_and_a_despatch_is(world: SmallWorld, instance: dg.DagsterInstance) -> None:
    run("sync_orders", "homeware", instance)
    run("sync_despatch", "homeware", instance)
    assert "homeware" not in tick(despatch_sensor, instance)[0]
    world.scenario.second_despatch()
    assert "homeware" in tick(despatch_sensor, instance)[0]


def test_a_new_store_has_its_catalogues_read_once(world: SmallWorld, instance: dg.DagsterInstance) -> None:
    assert tick(catalogue_sensor, instance)[0] == {"gifts", "homeware"}
    run("sync_catalogue", "gifts", instance)
    assert tick(catalogue_sensor, instance)[0] == {"homeware"}


def test_a_run_that_is_under_way_is_not_asked_for_again(world: SmallWorld, instance: dg.DagsterInstance) -> None:
    instance.create_run_for_job(
        defs.resolve_job_def("sync_orders"), tags={STORE_TAG: "gifts"}, status=dg.DagsterRunStatus.STARTED
    )
    assert tick(orders_sensor, instance)[0] == {"homeware"}


def test_the_key_of_a_run_that_failed_does_not_swallow_the_next(
    world: SmallWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys() -> set[str | None]:
        return {request.run_key for request in tick(orders_sensor, instance)[2].run_requests or ()}

    monkeypatch.setattr(sensing, "_minute", lambda: "2026-01-01T00:00")
    first = keys()
    assert keys() == first
    monkeypatch.setattr(sensing, "_minute", lambda: "2026-01-01T00:01")
    assert not keys() & first


def test_a_store_that_a_worker_serves_is_left_to_it(world: SmallWorld, instance: dg.DagsterInstance) -> None:
    with world.engine.begin() as connection:
        claim_store(connection, store="gifts", worker="host:1", seconds=60, now=utc_now())
    assert tick(orders_sensor, instance)[0] == {"homeware"}


def test_a_missing_secret_skips_its_store_with_the_reason_and_the_others_go_on(
    world: SmallWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync_orders", "homeware", instance)
    monkeypatch.delenv(SECRET)
    stores, reason, _ = tick(orders_sensor, instance)
    assert stores == set()
    assert f"gifts: could not be asked: {SECRET} is not set" in reason
    assert "homeware: nothing changed" in reason


def test_wrong_credentials_skip_their_store_become_a_finding_and_resolve_themselves(
    world: SmallWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings() -> list[tuple[str, str]]:
        with world.engine.connect() as connection:
            return [(f.code, f.subject) for f in open_findings(connection, store="gifts")]

    right = world.environment[SECRET]
    monkeypatch.setenv(SECRET, "wrong")
    assert tick(orders_sensor, instance)[0] == {"homeware"}
    assert findings() == [("auth_failed", "BigCommerce")]
    monkeypatch.setenv(SECRET, right)
    assert tick(orders_sensor, instance)[0] == {"gifts", "homeware"}
    assert findings() == []


def test_clocks_that_differ_are_a_finding_and_cost_no_call(
    world: SmallWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings() -> list[str]:
        with world.engine.connect() as connection:
            return [f.message for f in open_findings(connection, store="gifts") if f.code == "clock_skew"]

    def calls() -> int:
        return len(world.scenario.shops["gifts"].log)

    before = calls()
    tick(orders_sensor, instance)
    one_tick = calls() - before
    assert findings() == []
    with monkeypatch.context() as skewed:

        def fast(contact: Contact, response: object) -> None:
            contact.clock_ahead = timedelta(minutes=5)

        skewed.setattr(Contact, "read_clock", fast)
        before = calls()
        tick(orders_sensor, instance)
        assert calls() - before == one_tick
        assert findings() == [
            "BigCommerce's clock is about 5 min ahead of this machine's; they should differ by less than 60 s."
        ]
    tick(orders_sensor, instance)
    assert findings() == []


def test_a_tick_that_takes_too_long_ends_and_the_next_begins_where_it_stopped(
    world: SmallWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensing, "ASK_FOR_SECONDS", -1.0)
    stores, reason, result = tick(orders_sensor, instance)
    assert stores == set()
    assert reason == "gifts: asked at the next tick; homeware: asked at the next tick"
    assert result.cursor == "gifts"
    monkeypatch.undo()
    world.point_here(monkeypatch)
    requests = tick(orders_sensor, instance, cursor="homeware")[2].run_requests or ()
    assert [request.partition_key for request in requests] == ["homeware", "gifts"]
