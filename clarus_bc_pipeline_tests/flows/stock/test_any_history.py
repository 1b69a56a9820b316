"""Whatever happens, in whatever order: never above the newest target read, and equal to it in the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline_tests.flows.stock.counter_world import Counters

STORES = itertools.count(1)
SKU = st.sampled_from(["MUG", "TIN"])

verb = st.sampled_from([("pull", True), ("pull", False), ("decide",), ("deliver",), ("prove",)])
people = st.one_of(
    st.tuples(st.just("move"), SKU, st.sampled_from([-8, -3, 2, 5]), st.booleans()),
    st.tuples(st.just("place"), SKU, st.integers(1, 4)),
)
hidden = st.sampled_from(
    [("pull_orders",), ("allocate",), ("pull_goods_outs",), ("apply",), ("tick", 20), ("tick", 70)]
)
fault = st.tuples(st.just("fault"), st.sampled_from(["not_applied", "lost", "unheard"]))
step = st.one_of(verb, verb, verb, people, hidden, fault)


MORE = [("move", "MUG", 5, True)]
LESS = [("move", "MUG", -8, True)]
SOLD = [("place", "MUG", 4), ("pull_orders",)]


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def turn(world: Counters, *, sweep: bool = True) -> None:
    sync.pull(world.store, sweep=sweep)
    sync.decide(world.store)
    sync.deliver(world.store)
    world.apply()
    world.tick(70)
    sync.prove(world.store)


def _is_open(ledger: sa.Engine, world: Counters) -> bool:
    query = sa.text("SELECT count(*) FROM push WHERE store = :store AND state NOT IN ('delivered', 'superseded')")
    with ledger.connect() as connection:
        return bool(connection.scalar(query, {"store": world.key}))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, min_size=6, max_size=24), st.integers(0, 2))
@example([*MORE, ("pull", False), ("decide",), *LESS, ("pull", False), ("deliver",)], 0)  # decided, and overtaken
@example([*SOLD, ("decide",), ("deliver",), ("allocate",), ("pull_goods_outs",), ("decide",), ("deliver",)], 0)
@example([*MORE, ("pull", False), ("decide",), ("fault", "unheard"), ("deliver",), *LESS, ("pull", False)], 1)
def test_published_stock_is_never_above_the_newest_target_read_and_equals_it_after_the_last_sync(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, history: list[tuple[object, ...]], buffer: int
) -> None:
    world = Counters(ledger, f"s{next(STORES)}", settings={"buffer": buffer}).install(patch)
    turn(world)
    calls = len(world.calls)
    for name, *more in history:
        world.tick()
        match name:
            case "fault":
                world.fault = str(more[0])
            case "pull":
                sync.pull(world.store, sweep=bool(more[0]))
            case "decide" | "deliver" | "prove":
                getattr(sync, name)(world.store)
            case "move":
                world.move(str(more[0]), int(str(more[1])), told=bool(more[2]))
            case _:
                getattr(world, str(name))(*more)
        for levels in world.calls[calls:]:
            assert all(level.quantity <= world.target(level.sku) for level in levels)
        calls = len(world.calls)
    world.fault = None
    world.tick(3600)
    world.pull_orders()
    world.pull_goods_outs()
    world.tick()
    for _ in range(6):  # what nobody heard of is read back twice before it is sent again
        turn(world)
        if not _is_open(ledger, world):
            break
    assert not _is_open(ledger, world)
    assert {sku: world.shop[sku, 1] for sku in world.skus} == {sku: world.target(sku) for sku in world.skus}
    before = len(world.calls)
    turn(world)
    assert len(world.calls) == before  # nothing is left to say
