"""Personal data goes when it has done its work, and nothing else goes with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.flows.retention import purge_personal_data
from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld, orders_world


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    with orders_world(ledger) as made:
        yield made


def purge(world: OrdersWorld, *, after_days: int) -> int:
    world.clock.move(days=after_days)
    with world.store.engine.begin() as connection:
        return purge_personal_data(connection, store="main", days=30, now=world.clock.now())


def shipped(world: OrdersWorld) -> int:
    order = world.order(customer_message="Call Ada")
    world.shop.add_metafield(order, "delivery", "instructions", "Ada's porch")
    world.turn()
    world.shop.ship_by_hand(order)
    world.turn()
    return order


def test_a_month_after_the_end_nothing_personal_is_left_and_every_fact_is(world: OrdersWorld) -> None:
    shipped(world)
    assert purge(world, after_days=31) == 1
    for (table,) in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        assert "Ada" not in str(world.rows(f"SELECT t::text FROM {table} t")), table
    assert len(world.rows("SELECT FROM bigcommerce_order")) == 1
    assert len(world.rows("SELECT FROM bigcommerce_order_line")) == 2
    ((payload,),) = world.rows("SELECT payload FROM push")
    assert [code for _, code, _ in payload["lines"]] == ["MUG", "TIN"]


def test_before_its_time_nothing_goes_and_a_second_purge_finds_nothing(world: OrdersWorld) -> None:
    shipped(world)
    assert purge(world, after_days=29) == 0
    assert purge(world, after_days=2) == 1
    assert purge(world, after_days=0) == 0


def test_an_order_that_is_still_open_keeps_what_its_parcel_needs(world: OrdersWorld) -> None:
    world.order()
    world.order({"sku": "NEVER", "name": "Never", "quantity": 1})
    world.turn()
    assert purge(world, after_days=400) == 0


def test_an_order_that_was_never_paid_is_at_rest_and_comes_back_whole_when_it_is(world: OrdersWorld) -> None:
    order = world.order(status_id=7, payment_status="")
    world.turn()
    assert purge(world, after_days=31) == 1
    world.shop.edit_order(order, status_id=11, payment_status="captured")
    world.turn()
    assert world.goods_out(order)["address"]["name"] == "Ada King"


def test_a_push_that_is_not_settled_keeps_its_order(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    world.shop.edit_order(order, status_id=10)
    sync.pull(world.store)
    assert purge(world, after_days=31) == 0


def test_a_purged_order_that_is_touched_again_makes_no_alarm_of_its_emptied_payload(world: OrdersWorld) -> None:
    order = shipped(world)
    purge(world, after_days=31)
    world.shop.edit_order(order, staff_notes="Asked about a spare lid")
    world.turn()
    assert world.findings() == []
