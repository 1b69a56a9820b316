"""However a call ends, the customer is told of each parcel exactly once."""

from __future__ import annotations

import dataclasses
import random

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.despatch import sync
from clarus_bc_pipeline.flows.despatch.deliveries import shipment_delivery
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Receipt, deliver_due
from clarus_bc_pipeline.sandbox.clarus import Parcel
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline.sandbox.tracking import make_tracking_number
from clarus_bc_pipeline_tests.flows.despatch.despatch_world import (
    CREATE_SHIPMENT,
    ONE,
    RM,
    STORE,
    TWO,
    DespatchWorld,
    despatch_world,
)


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.TRUNCATED])
def test_a_shipment_that_was_created_before_the_call_failed_is_found_again_and_not_sent_twice(
    world: DespatchWorld, fault: Fault
) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    with world.broken(fault):
        world.turn()
    assert world.scalar("SELECT state FROM push WHERE kind = 'shipment'") == "ambiguous"
    measured = world.turn()
    assert world.scalar("SELECT state FROM push WHERE kind = 'shipment'") == "delivered"
    assert world.units(order_id) == {ONE: 2}
    assert len(world.writes(CREATE_SHIPMENT)) == 1
    assert (measured.confirmed_lines, measured.gap_lines, measured.not_checked_lines) == (1, 0, 0)


def test_a_shipment_whose_call_never_arrived_is_sent_again_after_two_looks(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    with world.broken(Fault.RESET_BEFORE):
        world.turn()
    assert world.shipments(order_id) == []
    world.turn()
    assert world.shipments(order_id) == [], "one look may come before a late apply"
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert [e.applied for e in world.writes(CREATE_SHIPMENT)] == [False, True]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.OVERLOADED])
def test_a_shipment_that_was_surely_not_applied_is_sent_again_without_a_look(
    world: DespatchWorld, fault: Fault
) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    with world.broken(fault):
        world.turn()
    assert world.shipments(order_id) == []
    world.shop.log.clear()
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert world.shop.log.entries(method="GET", path=CREATE_SHIPMENT) == []


class Died(BaseException):
    """The process, in the middle of its work."""


def test_a_process_that_dies_between_sending_and_recording_leaves_one_shipment(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.clock.move(minutes=1)
    sync.pull(world.store)
    sync.decide(world.store)
    delivery = shipment_delivery(world.store)

    def send_and_die(push: ClaimedPush) -> Receipt:
        delivery.send(push)
        raise Died

    with pytest.raises(Died):
        deliver_due(
            world.store.engine,
            store=STORE,
            deliveries=[dataclasses.replace(delivery, send=send_and_die)],
            settings=world.store.settings.outbox,
            now=world.clock.now,
            worker="the one that dies",
        )
    assert world.units(order_id) == {ONE: 2}
    world.turn()
    assert world.scalar("SELECT state FROM push WHERE kind = 'shipment'") == "sending", "its lease has not lapsed"
    world.clock.move(seconds=world.store.settings.outbox.lease_seconds)
    world.turn()
    measured = world.turn()
    assert world.scalar("SELECT state FROM push WHERE kind = 'shipment'") == "delivered"
    assert len(world.shipments(order_id)) == len(world.writes(CREATE_SHIPMENT)) == 1
    assert (measured.confirmed_lines, measured.gap_lines) == (1, 0)


def test_a_process_that_dies_while_recording_leaves_one_shipment(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.clock.move(minutes=1)
    sync.pull(world.store)
    sync.decide(world.store)

    def die(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        raise Died

    with pytest.raises(Died):
        deliver_due(
            world.store.engine,
            store=STORE,
            deliveries=[dataclasses.replace(shipment_delivery(world.store), record=die)],
            settings=world.store.settings.outbox,
            now=world.clock.now,
            worker="the one that dies",
        )
    assert world.scalar("SELECT count(*) FROM bigcommerce_shipment") == 0
    world.clock.move(seconds=world.store.settings.outbox.lease_seconds)
    world.turn()
    world.turn()
    assert len(world.shipments(order_id)) == len(world.writes(CREATE_SHIPMENT)) == 1
    assert world.scalar("SELECT count(*) FROM bigcommerce_shipment") == 1


def test_a_tracking_correction_that_was_applied_before_the_call_failed_is_found_again(world: DespatchWorld) -> None:
    order_id, goods_out = world.shipped(tracking="")
    world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], TWO)
    with world.broken(Fault.ERROR_AFTER, r"/shipments/\d+$", "PUT"):
        world.turn()
    world.turn()
    assert [s["tracking_number"] for s in world.shipments(order_id)] == [TWO]
    assert len(world.writes(method="PUT")) == 1
    assert world.scalar("SELECT state FROM push WHERE kind = 'shipment_tracking'") == "delivered"


def test_a_refused_shipment_is_parked_told_and_holds_back_no_other_order(world: DespatchWorld) -> None:
    refused, first = world.released()
    fine, second = world.released()
    world.warehouse.despatch(first, parcels=[Parcel(RM, ONE)])
    world.warehouse.despatch(second, parcels=[Parcel(RM, TWO)])
    world.clock.move(minutes=1)
    sync.pull(world.store)
    sync.decide(world.store)
    world.shop.ship_by_hand(refused)  # after the decision: the shop refuses to ship more than there is
    sync.deliver(world.store)
    assert world.units(fine) == {TWO: 2}
    assert [s["comments"] for s in world.shipments(refused)] == [""]
    assert "push_parked" in world.codes()


def test_a_status_that_the_shop_does_not_move_by_itself_is_put_exactly_once(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"set_status_after_minutes": 1}, moves_status=False) as world:
        order_id, _ = world.shipped()
        assert world.status(order_id) == 11
        for _ in range(3):
            world.turn()
        assert world.status(order_id) == 2
        assert len(world.writes(r"/orders/\d+$", "PUT")) == 1


def test_a_part_despatch_puts_partially_shipped_and_the_rest_shipped(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"set_status_after_minutes": 1}, moves_status=False) as world:
        order_id, goods_out = world.released()
        (line,) = world.line_ids(goods_out)
        for number, status in ((ONE, 3), (TWO, 2)):
            world.warehouse.despatch(goods_out, {line: 1}, parcels=[Parcel(RM, number)])
            for _ in range(3):
                world.turn()
            assert world.status(order_id) == status
        assert len(world.writes(r"/orders/\d+$", "PUT")) == 2


def test_a_status_that_the_shop_moves_by_itself_costs_no_call(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"set_status_after_minutes": 1}) as world:
        order_id, _ = world.shipped()
        for _ in range(3):
            world.turn()
        assert world.status(order_id) == 2
        assert world.writes(r"/orders/\d+$", "PUT") == []


def test_two_hundred_shipments_cost_hardly_more_than_a_call_each(world: DespatchWorld) -> None:
    orders = [world.order({"sku": "MUG", "quantity": 1}) for _ in range(200)]
    world.turn()
    rng = random.Random(1)
    for order_id in orders:
        (goods_out,) = world.goods_outs(order_id)
        world.warehouse.despatch(goods_out, parcels=[Parcel(RM, make_tracking_number("royal-mail", rng))])
    world.shop.log.clear()
    measured = world.turn()
    assert (measured.confirmed_lines, measured.gap_lines) == (200, 0)
    assert sum(len(world.shipments(order_id)) for order_id in orders) == 200
    assert len(world.shop.log) <= 1.05 * 200, world.shop.log.counts()
