"""Exactly one goods-out of an order in Clarus, whatever happens to the call that makes it."""

from __future__ import annotations

import pytest
import stamina

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.ledger.outbox import list_pushes, retry_push
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.RESET_BEFORE, Fault.ERROR_AFTER, Fault.TRUNCATED])
def test_a_create_without_an_answer_is_looked_for_before_it_is_sent_again(world: OrdersWorld, fault: Fault) -> None:
    order = world.order()
    with world.broken(fault):
        world.turn()
    for _ in range(4):
        world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]
    assert world.pushes() == [("goods_out", f"BC-{order}", "delivered")]


def test_a_goods_out_of_the_same_reference_and_lines_is_adopted(world: OrdersWorld) -> None:
    order = world.order()
    made = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order}", [("TIN", 1), ("MUG", 2)])
    world.turn()
    assert [g["id"] for g in world.goods_outs(order)] == [made]
    assert world.rows("SELECT goods_out_id FROM clarus_goods_out") == [(made,)]


def test_a_reference_taken_by_other_lines_waits_for_a_person_and_goes_when_it_is_free(world: OrdersWorld) -> None:
    order = world.order()
    stranger = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order}", [("MUG", 5)])
    world.turn()
    assert world.pushes() == [("goods_out", f"BC-{order}", "parked")]
    assert "reference_taken" in world.codes()
    (taken,) = [f for f in world.findings() if f.code == "reference_taken"]
    assert "5 x MUG there, 2 x MUG, 1 x TIN on the order" in taken.message
    world.warehouse.delete(stranger)
    with world.store.engine.begin() as connection:
        (push,) = list_pushes(connection, store="main")
        retry_push(connection, push_id=push.push_id, actor="a person", now=world.clock.now())
    world.turn()
    world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]
    assert world.findings() == []


def test_two_deciders_release_an_order_once(world: OrdersWorld) -> None:
    order = world.order()
    sync.pull(world.store)
    sync.decide(world.store)
    with world.store.engine.begin() as connection:  # as the second saw it: nothing decided yet
        connection.exec_driver_sql("UPDATE push SET lane = 'order:0'")
    sync.decide(world.store)
    assert world.pushes() == [("goods_out", f"BC-{order}", "pending")]


def test_when_clarus_cannot_be_asked_nothing_is_sent(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    with world.broken(Fault.UNAVAILABLE, ""), stamina.set_testing(True, attempts=1):
        report = sync.deliver(world.store)
    assert (report.delivered, world.goods_outs(order)) == (0, [])
    world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]
