"""What Clarus says, as the ledger keeps it and the rules get it: whose line it is, which parcels, and when it left."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.clarus.goods_outs import GoodsOutLine
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.despatch.facts import match_line
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.sandbox.clarus import Parcel
from clarus_bc_pipeline.settings import SkuSettings
from clarus_bc_pipeline_tests.flows.despatch.despatch_world import (
    ADDRESS,
    NOON,
    ONE,
    RM,
    TWO,
    DespatchWorld,
    despatch_world,
)

HOME, WORK = 501, 502
LINES = [(11, "MUG", HOME), (12, "MUG", WORK), (13, "TIN", HOME), (14, "TIN", HOME)]


def line(code: str, reference: str | None = None) -> GoodsOutLine:
    zero = Decimal(0)
    return GoodsOutLine(
        id=1,
        goods_out_id=9,
        line_reference=reference,
        product_code=code,
        ordered=Decimal(2),
        allocated=zero,
        picked=zero,
        despatched=zero,
        short_status="",
    )


@pytest.mark.parametrize(
    ("given", "address", "fits"),
    [
        (line("MUG", "12"), HOME, [12]),  # what it refers to, whatever else fits
        (line("MUG"), HOME, [11]),
        (line("MUG"), WORK, [12]),
        (line("MUG"), None, [11, 12]),
        (line("TIN"), HOME, [13, 14]),
        (line("TIN"), WORK, []),  # a shipment to one address cannot hold a line of the other
        (line("MUG", "typed by hand"), WORK, [12]),
        (line("TRAY"), HOME, []),
    ],
)
def test_a_line_is_the_order_line_that_it_refers_to_else_that_of_its_sku_at_its_address(
    given: GoodsOutLine, address: int | None, fits: list[int]
) -> None:
    assert match_line(given, LINES, SkuMap(SkuSettings()), address) == fits


def test_a_line_is_matched_by_the_code_that_its_sku_has_in_clarus() -> None:
    table = SkuMap(SkuSettings(table={"mug-blue": "MUG"}))
    assert match_line(line("MUG"), [(11, "mug-blue", HOME), (12, "TIN", HOME)], table, HOME) == [11]


def test_a_label_without_a_package_record_is_a_parcel(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    for package in world.warehouse.packages_of(goods_out):
        world.warehouse.packages.remove(package)
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    world.turn()
    assert len(world.shipments(order_id)) == 1


def test_a_label_s_number_stands_for_a_package_that_is_alone(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    (package,) = world.warehouse.packages_of(goods_out)
    package["tracking_number"] = None
    world.turn()
    assert world.units(order_id) == {ONE: 2}


def test_a_label_s_number_is_not_said_of_each_of_its_packages(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE), Parcel(RM, TWO)])
    world.warehouse.packages_of(goods_out)[1]["tracking_number"] = None
    world.turn()
    assert world.units(order_id) == {ONE: 1, "": 1}
    assert "despatch_without_tracking" in world.codes()


def test_a_part_without_a_time_of_despatch_left_when_it_was_first_seen_and_waits_no_longer(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"wait_for_tracking_minutes": 5}) as world:
        order_id, goods_out = world.released({"sku": "TIN", "quantity": 3})
        world.warehouse.despatch(goods_out, {world.line_ids(goods_out)[0]: 1}, parcels=[Parcel(RM, "")])
        world.warehouse.goods_outs.rows[goods_out]["actual_date_of_dispatch"] = None
        world.turn()
        seen = world.clock.at
        for _ in range(4):
            world.turn()
            assert world.shipments(order_id) == []
        world.turn()
        assert world.units(order_id) == {"": 1}
        assert world.scalar("SELECT despatched_at FROM despatch") == seen
        assert world.scalar("SELECT due_at FROM push WHERE kind = 'shipment'") == seen + timedelta(minutes=15)


def test_a_goods_out_keeps_the_address_of_its_release_though_its_order_lines_are_not_known(
    world: DespatchWorld,
) -> None:
    lines = ({"sku": "MUG", "quantity": 1}, {"sku": "TIN", "quantity": 1, "address": 1})
    order_id = world.order(*lines, addresses=[ADDRESS, {**ADDRESS, "street_1": "2 Briggate"}])
    world.turn()
    addresses = "SELECT array_agg(order_address_id ORDER BY goods_out_id) FROM clarus_goods_out"
    before = world.scalar(addresses)
    assert len(set(before)) == 2
    with world.store.engine.begin() as connection:
        connection.execute(sa.delete(tables.bigcommerce_order_line))
    for goods_out in world.goods_outs(order_id):
        world.warehouse.pick(goods_out)
    world.turn()
    assert world.scalar("SELECT count(*) FROM clarus_goods_out WHERE status = 'PICK'") == 2
    assert world.scalar(addresses) == before


def test_how_a_goods_out_moved_is_kept_step_by_step(world: DespatchWorld) -> None:
    _, goods_out = world.released()
    for step in (world.warehouse.allocate, world.warehouse.pick, world.warehouse.despatch):
        step(goods_out)
        world.turn()
        world.turn()
    steps = "SELECT array_agg(status ORDER BY seen_at, status) FROM clarus_goods_out_event"
    assert world.scalar(steps) == ["PENDING", "ALLOCATED", "PICK", "COMPLETED"]
    assert world.scalar("SELECT min(seen_at) FROM clarus_goods_out_event") > NOON


def test_what_the_ledger_holds_is_not_written_again(world: DespatchWorld) -> None:
    world.shipped()
    orders.pull(world.store)
    before = (
        world.scalar("SELECT max(seen_at) FROM clarus_package"),
        world.scalar("SELECT max(seen_at) FROM clarus_goods_out_line"),
    )
    world.turn()
    assert before == (
        world.scalar("SELECT max(seen_at) FROM clarus_package"),
        world.scalar("SELECT max(seen_at) FROM clarus_goods_out_line"),
    )
