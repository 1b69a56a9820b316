"""The double's warehouse floor: how an order moves, and what truly left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.sandbox.clarus import Parcel, WarehouseWorld
from clarus_bc_pipeline.sandbox.clarus.world import open_units
from clarus_bc_pipeline_tests.sandbox.warehouse_world import new_world, status


@pytest.fixture
def world() -> WarehouseWorld:
    return new_world()


@pytest.fixture
def order(world: WarehouseWorld) -> int:
    return world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 3, "7"), ("TIN", 1, "8")])


def test_an_order_goes_from_pending_by_allocated_and_pick_to_completed(world: WarehouseWorld, order: int) -> None:
    seen = [status(world, order)]
    for step in (world.allocate, world.pick, world.despatch):
        step(order)
        seen.append(status(world, order))
    assert seen == ["PENDING", "ALLOCATED", "PICK", "COMPLETED"]


def test_a_part_of_the_stock_is_a_part_allocation(world: WarehouseWorld, order: int) -> None:
    mug, _ = world.lines(order)
    world.allocate(order, {mug["id"]: 2})
    assert (status(world, order), mug["allocated_quantity"]) == ("PART_ALLOCATED", 2)


def test_an_order_sent_in_three_goes_is_completed_by_the_last(world: WarehouseWorld, order: int) -> None:
    mug, tin = world.lines(order)
    for units, expected in (
        ({mug["id"]: 1}, "PICK"),
        ({mug["id"]: 2}, "PICK"),
        ({tin["id"]: 1}, "COMPLETED"),
    ):
        world.despatch(order, units, parcels=[Parcel("DPD", f"1{len(world.despatched)}")])
        assert status(world, order) == expected
    assert [(d.line_reference, d.quantity, d.tracking) for d in world.despatched] == [
        ("7", 1, ("10",)), ("7", 2, ("11",)), ("8", 1, ("12",)),
    ]  # fmt: skip
    assert len(world.packages_of(order)) == 3


def test_more_than_is_open_cannot_be_sent(world: WarehouseWorld, order: int) -> None:
    mug, _ = world.lines(order)
    with pytest.raises(ValueError, match="3 units open, not 4"):
        world.despatch(order, {mug["id"]: 4})


def test_a_completed_order_cannot_be_sent_again(world: WarehouseWorld, order: int) -> None:
    world.despatch(order)
    with pytest.raises(ValueError, match="is COMPLETED"):
        world.despatch(order)


def test_shorted_units_complete_an_order_whose_rest_has_left(world: WarehouseWorld, order: int) -> None:
    mug, tin = world.lines(order)
    world.short_lines(order, {mug["id"]: 1, tin["id"]: 1})
    assert (status(world, order), mug["short_status"], tin["short_status"]) == ("PENDING", "PART", "SHORT")
    world.despatch(order)
    assert (status(world, order), mug["dispatch_quantity"]) == ("COMPLETED", 2)


def test_what_was_sent_by_mistake_comes_back(world: WarehouseWorld, order: int) -> None:
    world.despatch(order)
    world.undespatch(order)
    assert status(world, order) == "PICK"
    assert world.goods_outs.rows[order]["actual_date_of_dispatch"] is None
    assert sum(d.quantity for d in world.despatched) == 0
    assert [t["subtype"] for t in world.transactions.rows.values()][-1] == "UNDISPATCH"


def test_an_order_deleted_by_hand_leaves_nothing_but_its_movements(world: WarehouseWorld, order: int) -> None:
    world.despatch(order)
    world.delete(order)
    assert not world.goods_outs.rows
    assert not world.goods_out_lines.rows
    assert not world.shipments.rows
    assert not world.packages.rows
    assert world.transactions.rows


@given(st.lists(st.tuples(st.sampled_from(["send", "short", "back"]), st.integers(0, 1), st.integers(1, 3))))
def test_no_sequence_of_steps_sends_more_than_was_ordered(steps: list[tuple[str, int, int]]) -> None:
    world = new_world()
    order = world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 3), ("TIN", 2)])
    for step, which, units in steps:
        line = world.lines(order)[which]
        if step == "send" and units <= open_units(line) and status(world, order) != "COMPLETED":
            world.despatch(order, {line["id"]: units})
        elif step == "short" and units <= open_units(line):
            world.short_lines(order, {line["id"]: units})
        elif step == "back" and units <= line["dispatch_quantity"]:
            world.undespatch(order, {line["id"]: units})
    for line in world.lines(order):
        sent = sum(d.quantity for d in world.despatched if d.line_id == line["id"])
        assert sent == line["dispatch_quantity"]
        assert 0 <= line["dispatch_quantity"] + line["shorted"] <= line["order_quantity"]
    done = all(open_units(line) == 0 for line in world.lines(order))
    assert not (status(world, order) == "COMPLETED" and not done)
