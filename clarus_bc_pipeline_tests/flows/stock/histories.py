"""Histories of the stock flow: what may happen, in any order, and what must hold all the while and in the end.

What belongs here: the steps and the promise. What does not: the two systems (`counter_world.py`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import sqlalchemy as sa

from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline_tests.flows.stock.counter_world import Counters

Step = tuple[object, ...]
SKUS = ("MUG", "TIN")
VERBS: tuple[Step, ...] = (("pull", True), ("pull", False), ("decide",), ("deliver",), ("prove",))
HIDDEN: tuple[Step, ...] = (
    ("pull_orders",), ("allocate",), ("pull_goods_outs",), ("apply",), ("tick", 20), ("tick", 70),
)  # fmt: skip
FAULTS = ("not_applied", "lost", "unheard")
MOVES = (-8, -3, 2, 5, 9)


def random_history(dice: random.Random, skus: Sequence[str], *, meddled: bool) -> list[Step]:
    """Sixty to 120 steps: verbs, people, the systems' own doings and faults, as often as hypothesis has them.

    `meddled`: at last, somebody sets a level in the shop by hand.
    """
    steps = [_random_step(dice, skus) for _ in range(dice.randint(60, 120))]
    if meddled:
        steps.append(("meddle", dice.choice(skus), dice.randint(0, 20)))
    return steps


def _random_step(dice: random.Random, skus: Sequence[str]) -> Step:
    kind = dice.choice(("verb", "verb", "verb", "people", "hidden", "fault"))
    if kind == "verb":
        return dice.choice(VERBS)
    if kind == "hidden":
        return dice.choice(HIDDEN)
    if kind == "fault":
        return ("fault", dice.choice(FAULTS))
    return dice.choice((
        ("move", dice.choice(skus), dice.choice(MOVES), dice.random() < 0.5),
        ("place", dice.choice(skus), dice.randint(1, 4)),
        ("place", dice.choice(skus), dice.randint(1, 4)),
        ("refund", dice.randint(0, 9)),
        ("edit", dice.randint(0, 9), dice.randint(1, 5)),
    ))  # fmt: skip


def play(world: Counters, history: Sequence[Step]) -> None:
    """Turn the history, then let everything become known.

    Raises `AssertionError` where a level above the newest target was sent, or where it does not end at the target.
    """
    turn(world)
    calls = len(world.calls)
    for name, *more in history:
        world.tick()
        _take(world, str(name), more)
        for levels in world.calls[calls:]:
            assert all(level.quantity <= world.target(level.sku) for level in levels), (name, levels)
        calls = len(world.calls)
    world.fault = None
    world.tick(3600)
    world.pull_orders()
    world.pull_goods_outs()
    world.tick()
    for _ in range(6):  # what nobody heard of is read back twice before it is sent again
        turn(world)
        if not _is_open(world):
            break
    assert not _is_open(world)
    assert {sku: world.shop[sku, 1] for sku in world.skus} == {sku: world.target(sku) for sku in world.skus}
    before = len(world.calls)
    turn(world)
    assert len(world.calls) == before, "something is left to say"


def turn(world: Counters) -> None:
    """Every verb once, with a whole reading, and the shop shows what it took."""
    sync.pull(world.store, sweep=True)
    sync.decide(world.store)
    sync.deliver(world.store)
    world.apply()
    world.tick(70)
    sync.prove(world.store)


def _take(world: Counters, name: str, more: Sequence[object]) -> None:
    match name, *more:
        case "fault", fault:
            world.fault = str(fault)
        case "pull", sweep:
            sync.pull(world.store, sweep=bool(sweep))
        case ("decide" | "deliver" | "prove",):
            getattr(sync, name)(world.store)
        case "move", str(sku), int(units), told:
            world.move(sku, units, told=bool(told))
        case "refund", int(which):
            if world.orders:
                world.refund(world.orders[which % len(world.orders)])
        case "edit", int(which), int(units):
            if world.orders and (order := world.orders[which % len(world.orders)]).status_id == 11:
                world.edit(order, units)
        case _:
            getattr(world, name)(*more)


def _is_open(world: Counters) -> bool:
    query = sa.text("SELECT count(*) FROM push WHERE store = :store AND state NOT IN ('delivered', 'superseded')")
    with world.engine.connect() as connection:
        return bool(connection.scalar(query, {"store": world.key}))
