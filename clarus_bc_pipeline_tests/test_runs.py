"""A whole run of each job against the doubles: it succeeds, proves itself, leaves nothing personal or secret behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.definitions import defs
from clarus_bc_pipeline.flows.sensing import tags_for
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.sandbox.scenario import CLIENT_SECRET, TOKEN
from clarus_bc_pipeline_tests.conftest import _database
from clarus_bc_pipeline_tests.small_world import SmallWorld, small_world

STORES = ("gifts", "homeware")
ALLOWED = {"order_personal", "order_metafield"}  # and push.payload: what a release needs, purged after despatch


@dataclass(frozen=True)
class Day:
    """A working day through Dagster: the world, the runs' results by (job, store), and every word of their events."""

    world: SmallWorld
    results: dict[tuple[str, str], dg.ExecuteInProcessResult]
    events: str


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("day")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        _database(postgres_url) as url,
        small_world(folder, url) as world,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        open_ledger(url).dispose()
        world.point_here(monkeypatch)
        results: dict[tuple[str, str], dg.ExecuteInProcessResult] = {}
        events: list[str] = []

        def run(job: str) -> None:
            for store, tags in tags_for(job, list(STORES)):
                result = defs.resolve_job_def(job).execute_in_process(
                    instance=instance, partition_key=store, tags=tags, raise_on_error=False
                )
                results[job, store] = result
                events.extend(str(record) for record in instance.all_logs(result.run_id))

        run("sync_catalogue")
        run("sync_orders")
        world.scenario.first_despatch()
        run("sync_despatch")
        world.scenario.changes()
        run("sync_orders")
        run("sync_despatch")
        run("sync_stock")
        run("sync_returns")
        run("sync_finance")
        yield Day(world, results, "\n".join(events))
        world.engine.dispose()


def test_every_job_succeeds_in_every_store(day: Day) -> None:
    assert {key: result.success for key, result in day.results.items()} == {
        (job, store): True
        for job in ("sync_catalogue", "sync_orders", "sync_despatch", "sync_stock", "sync_returns", "sync_finance")
        for store in STORES
    }


def test_every_check_was_made_and_none_broke(day: Day) -> None:
    made = {
        (store, evaluation.check_name)
        for (_, store), result in day.results.items()
        for evaluation in result.get_asset_check_evaluations()
    }
    expected = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert made == {(store, name) for store in STORES for name in expected}


def test_what_left_the_warehouse_shows_in_the_shop(day: Day) -> None:
    state = day.world.scenario
    assert state.warehouse.despatched
    assert any(order.shipments for shop in state.shops.values() for order in shop.orders.values())
    for store in STORES:
        gap = day.results["sync_despatch", store].asset_materializations_for_node("despatch_gap")[0].metadata
        assert gap["despatched_lines"].value > 0
        assert gap["confirmed_lines"].value > 0


def test_dagsters_history_holds_no_secret_and_nobodys_data(day: Day) -> None:
    assert "ASSET_MATERIALIZATION" in day.events
    assert [word for word in _private(day.world) if word in day.events] == []


def test_the_ledger_holds_no_secret_and_personal_data_only_where_it_is_purged(day: Day) -> None:
    private = _private(day.world)
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    with day.world.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            left_out = "- 'payload'" if table == "push" else ""
            rows = connection.scalars(sa.text(f"SELECT (to_jsonb(t) {left_out})::text FROM {table} t")).all()
            words = {word for word in private if any(word in row for row in rows)}
            if table in ALLOWED:
                seen |= words
            else:
                found += [(table, word) for word in words]
    assert found == []
    assert seen, "the personal data that we look for is not there at all, so this test looks for the wrong words"


def _private(world: SmallWorld) -> set[str]:
    """Secrets, and each customer's e-mail, telephone, street and message, as they stand in the shops."""
    words = {TOKEN, CLIENT_SECRET}
    for shop in world.scenario.shops.values():
        for order in shop.orders.values():
            people = [order.record["billing_address"], *order.addresses.values()]
            words |= {str(p.get(field) or "") for p in people for field in ("email", "phone", "street_1")}
            words.add(str(order.record.get("customer_message") or "")[:40])
    return {word for word in words if len(word) > 6}
