"""The double's stock: what orders, receipts, counts and holds leave free, and that no unit is made or lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline_tests.sandbox.warehouse_world import new_world, status

NUMBERS = ("available", "allocated", "picked", "held", "ordered", "received")


@pytest.fixture
def world() -> WarehouseWorld:
    world = new_world()
    world.add_product("ACME", "LAMP", stock=10)
    return world


def numbers(world: WarehouseWorld) -> tuple[float, ...]:
    balance = world.stock_of("LAMP")
    return tuple(balance[name] for name in NUMBERS)


def order_of(world: WarehouseWorld, units: float) -> int:
    return world.create_goods_out("ACME", "WHS01", "BC-1", [("LAMP", units)])


def test_units_go_from_available_by_allocated_and_picked_out_of_the_house(world: WarehouseWorld) -> None:
    order = order_of(world, 3)
    seen = [numbers(world)]
    for step in (world.allocate, world.pick, world.despatch, world.undespatch):
        step(order)
        seen.append(numbers(world))
    assert seen == [
        (10, 0, 0, 0, 3, 10), (7, 3, 0, 0, 3, 10), (7, 0, 3, 0, 3, 10), (7, 0, 0, 0, 0, 10), (7, 0, 3, 0, 3, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("undo", [WarehouseWorld.cancel, WarehouseWorld.delete, WarehouseWorld.short_lines])
@pytest.mark.parametrize("done", [WarehouseWorld.allocate, WarehouseWorld.pick])
def test_what_will_not_be_sent_is_free_again(
    world: WarehouseWorld, done: Callable[[WarehouseWorld, int], None], undo: Callable[[WarehouseWorld, int], None]
) -> None:
    order = order_of(world, 3)
    done(world, order)
    undo(world, order)
    assert numbers(world) == (10, 0, 0, 0, 0, 10)


def test_held_units_are_in_the_house_and_not_available(world: WarehouseWorld) -> None:
    world.hold("LAMP", 4)
    assert numbers(world) == (6, 0, 0, 4, 0, 10)
    world.release_hold("LAMP", 1)
    assert numbers(world) == (7, 0, 0, 3, 0, 10)


def test_where_available_holds_the_allocated_units_too_they_stay_in_it(world: WarehouseWorld) -> None:
    world.stock.counts_allocated = True
    world.allocate(order_of(world, 3))
    assert numbers(world)[:2] == (10, 3)


def test_an_order_above_the_stock_is_allocated_in_part_and_one_without_any_waits(world: WarehouseWorld) -> None:
    first, second = order_of(world, 12), order_of(world, 1)
    for order in (first, second):
        world.pick(order)
    assert (status(world, first), world.lines(first)[0]["pick_quantity"]) == ("PICK", 10)
    assert status(world, second) == "PENDING"
    with pytest.raises(ValueError, match="no stock to send"):
        world.despatch(second)
    world.despatch(first)
    assert status(world, first) == "PICK"
    assert numbers(world)[0] == 0


def test_two_lines_of_one_product_share_its_stock(world: WarehouseWorld) -> None:
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("LAMP", 8), ("LAMP", 8)])
    world.despatch(order)
    assert [line["dispatch_quantity"] for line in world.lines(order)] == [8, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.adjust("LAMP", -11), "LAMP in WHS01 has 10 units free"),
        (lambda w: w.hold("LAMP", 11), "LAMP in WHS01 has 10 units free"),
        (lambda w: w.release_hold("LAMP", 1), "and 0 held"),
        (lambda w: w.receive("MUG", 1), "name an account"),
        (lambda w: w.receive("NONE", 1), "product 'NONE' is none"),
    ],
)
def test_units_that_are_not_there_cannot_be_moved(
    world: WarehouseWorld, change: Callable[[WarehouseWorld], None], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        change(world)
    assert numbers(world) == (10, 0, 0, 0, 0, 10)


STEPS = ("allocate", "pick", "send", "back", "short", "cancel", "delete", "receive", "count", "hold", "release")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2), st.integers(1, 6)), max_size=25))
@example([("send", 0, 1), ("cancel", 0, 1), ("back", 0, 1), ("send", 0, 1)])  # what a cancelled order had is nobody's
def test_no_sequence_of_steps_makes_or_loses_a_unit(steps: list[tuple[str, int, int]]) -> None:
    world = new_world()
    world.add_product("ACME", "LAMP", stock=10)
    orders = [world.create_goods_out("ACME", "WHS01", f"BC-{n}", [("LAMP", 5)]) for n in range(3)]
    counted = 0.0
    for step, which, units in steps:
        order = orders[which]
        known = order in world.goods_outs.rows
        try:
            match step:
                case "receive":
                    world.receive("LAMP", units)
                case "count":
                    world.adjust("LAMP", units - 4)
                    counted += units - 4
                case "hold":
                    world.hold("LAMP", units)
                case "release":
                    world.release_hold("LAMP", units)
                case "allocate" if known and status(world, order) == "PENDING":
                    world.allocate(order)
                case "pick" if known and status(world, order) in ("PENDING", "ALLOCATED", "PART_ALLOCATED"):
                    world.pick(order)
                case "send" if known:
                    world.despatch(order, {world.lines(order)[0]["id"]: units})
                case "back" if known and units <= world.lines(order)[0]["dispatch_quantity"]:
                    world.undespatch(order, {world.lines(order)[0]["id"]: units})
                case "short" if known and status(world, order) != "CANCELLED":
                    world.short_lines(order)
                case "cancel" if known and status(world, order) != "COMPLETED":
                    world.cancel(order)
                case "delete" if known:
                    world.delete(order)
        except ValueError:
            pass  # refused: nothing of it may have happened
        balance = world.stock_of("LAMP")
        left = sum(d.quantity for d in world.despatched)
        assert min(balance[name] for name in NUMBERS) >= 0
        assert balance["received"] + counted == left + sum(balance[name] for name in NUMBERS[:4])
