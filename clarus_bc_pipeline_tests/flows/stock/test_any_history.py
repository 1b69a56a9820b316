"""Whatever happens, in whatever order: never above the newest target read, and equal to it in the end."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.inventory import InventorySettings
from clarus_bc_pipeline.flows.stock import deliveries, published, rules, sync, targets
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.settings import StockSettings
from clarus_bc_pipeline_tests.flows.stock.counter_world import Counters
from clarus_bc_pipeline_tests.flows.stock.histories import (
    FAULTS,
    HIDDEN,
    MOVES,
    SKUS,
    VERBS,
    Step,
    play,
    random_history,
)

STORES = itertools.count(1)
SKU = st.sampled_from(SKUS)

verb = st.sampled_from(VERBS)
people = st.one_of(
    st.tuples(st.just("move"), SKU, st.sampled_from(MOVES), st.booleans()),
    st.tuples(st.just("place"), SKU, st.integers(1, 4)),
    st.tuples(st.just("refund"), st.integers(0, 9)),
    st.tuples(st.just("edit"), st.integers(0, 9), st.integers(1, 5)),
    st.tuples(st.just("meddle"), SKU, st.integers(0, 20)),
)
fault = st.tuples(st.just("fault"), st.sampled_from(FAULTS))
step = st.one_of(verb, verb, verb, people, st.sampled_from(HIDDEN), fault)

MORE: list[Step] = [("move", "MUG", 5, True)]
LESS: list[Step] = [("move", "MUG", -8, True)]
SOLD: list[Step] = [("place", "MUG", 4), ("pull_orders",)]
OVERTAKEN: list[Step] = [*MORE, ("pull", False), ("decide",), *LESS, ("pull", False), ("deliver",)]
COUNTED_TWICE: list[Step] = [
    *SOLD, ("decide",), ("deliver",), ("allocate",), ("pull_goods_outs",), ("decide",), ("deliver",),
]  # fmt: skip


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def world_of(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, *, buffer: int, adjusts: bool, opening: int = 10
) -> Counters:
    available = dict.fromkeys(SKUS, opening)
    world = Counters(ledger, f"s{next(STORES)}", settings={"buffer": buffer}, available=available).install(patch)
    world.rules = InventorySettings("order_placed", adjusts, adjusts)
    return world


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, min_size=6, max_size=24), st.integers(0, 2), st.booleans())
@example(OVERTAKEN, 0, False)
@example(COUNTED_TWICE, 0, False)
@example([*MORE, ("pull", False), ("decide",), ("fault", "unheard"), ("deliver",), *LESS, ("pull", False)], 1, False)
def test_published_stock_is_never_above_the_newest_target_read_and_equals_it_after_the_last_sync(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, history: list[Step], buffer: int, adjusts: bool
) -> None:
    play(world_of(ledger, patch, buffer=buffer, adjusts=adjusts), history)


# --- each way to be wrong is caught, by random histories alone ---

Mutant = Callable[[pytest.MonkeyPatch], None]


def _overtaken(patch: pytest.MonkeyPatch) -> None:
    """A decision is sent as it was made, whatever was read since."""
    patch.setattr(deliveries, "never_above", lambda levels, *_: [tuple(level) for level in levels])


def _counted_twice(patch: pytest.MonkeyPatch) -> None:
    """What Clarus set aside counts before a reading holds it, so its units are offered for a moment."""
    query = str(targets.SQL["open_demand"])
    start, end = query.index("AND w.seen_at <"), query.index(") c ON true")
    patch.setitem(targets.SQL, "open_demand", sa.text(query[:start] + query[end:]))


def _blind_to_orders(patch: pytest.MonkeyPatch) -> None:
    """Paid orders are left to Clarus."""
    told = rules.targets
    patch.setattr(rules, "targets", lambda **given: told(**{**given, "demand": {}}))


def _no_buffer(patch: pytest.MonkeyPatch) -> None:
    """The buffer is forgotten."""
    patch.setattr(StockSettings, "buffer_of", lambda *_: 0)


def _never_reads_back(patch: pytest.MonkeyPatch) -> None:
    """The shop's own word is never asked for again."""
    first: set[str] = set()
    ask = published.read_back

    def once(store: Store, *, whole: bool = False) -> published.ReadBack:
        if store.key in first:
            return published.ReadBack()
        first.add(store.key)
        return ask(store, whole=whole)

    patch.setattr(sync, "read_back", once)
    patch.setattr("clarus_bc_pipeline.flows.stock.pulling.read_back", once)


def _asleep(patch: pytest.MonkeyPatch) -> None:
    """Only what moved in Clarus makes a decision: orders do not."""
    query = "SELECT EXISTS (SELECT FROM stock_balance WHERE store = :store AND seen_at >= :since)"
    patch.setitem(sync.SQL, "changed_since", sa.text(query))


MUTANTS: list[Mutant] = [
    _overtaken, _counted_twice, _blind_to_orders, _no_buffer, _never_reads_back, _asleep,
]  # fmt: skip
MOST_HISTORIES = 120


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__.removeprefix("_"))
def test_a_flow_that_is_wrong_in_one_way_is_caught_by_a_random_history(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    assert _caught_after(ledger, patch, mutant) <= MOST_HISTORIES


def _caught_after(ledger: sa.Engine, patch: pytest.MonkeyPatch, mutant: Mutant) -> int:
    """How many histories it took."""
    mutant(patch)
    for seed in range(MOST_HISTORIES):
        world = world_of(ledger, patch, buffer=seed % 3, adjusts=seed % 2 == 0, opening=60)
        try:
            play(world, random_history(random.Random(seed), world.skus, meddled=mutant is _never_reads_back))
        except AssertionError:
            return seed + 1
    return MOST_HISTORIES + 1
