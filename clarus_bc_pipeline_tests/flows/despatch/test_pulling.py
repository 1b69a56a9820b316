"""What Clarus gives that cannot be read is never taken for nothing: the goods-out stays as it was, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clarus_bc_pipeline.sandbox.clarus import Parcel
from clarus_bc_pipeline_tests.flows.despatch.despatch_world import ONE, RM, TWO, DespatchWorld

MUGS, TINS = {"sku": "MUG", "quantity": 2}, {"sku": "TIN", "quantity": 3}
REPLIES = 50  # more than a turn asks for


@contextmanager
def spoiled(world: DespatchWorld, root: str, field: str, record_id: int) -> Iterator[None]:
    """Meanwhile Clarus gives null where it promises `field` of that record."""

    def spoil(reply: dict[str, Any]) -> dict[str, Any]:
        for edge in (reply["data"].get(root) or {"all": {"edges": []}})["all"]["edges"]:
            if edge["node"]["id"] == str(record_id):
                edge["node"][field] = None
        return reply

    world.warehouse.alter_replies.extend([spoil] * REPLIES)
    yield
    assert world.warehouse.alter_replies, "every reply was spoiled"
    world.warehouse.alter_replies.clear()


@pytest.mark.parametrize(
    ("root", "field"), [("goods_out_lines", "dispatch_quantity"), ("shipments", "status"), ("packages", "id")]
)
def test_a_goods_out_of_which_a_part_cannot_be_read_is_not_announced_until_it_is_whole_again(
    world: DespatchWorld, root: str, field: str
) -> None:
    order_id, goods_out = world.released(MUGS, TINS)
    fine, other = world.released()
    (shipment,) = world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.warehouse.despatch(other, parcels=[Parcel(RM, TWO)])
    part = {
        "goods_out_lines": world.line_ids(goods_out)[0],
        "shipments": shipment,
        "packages": world.warehouse.packages_of(goods_out)[0]["id"],
    }
    with spoiled(world, root, field, part[root]):
        world.turn()
        world.turn()
    assert world.shipments(order_id) == [], "what can be read of it may be half of the story"
    assert world.units(fine) == {TWO: 2}, "its neighbour is whole"
    (finding,) = [f for f in world.findings() if f.code == "unreadable_record"]
    assert (finding.order_id, finding.evidence) == (order_id, {"references": [f"BC-{order_id}"]})
    assert f"BC-{order_id} stays as it was last read" in finding.message
    world.turn()
    assert world.units(order_id) == {ONE: 5}, "no transaction told of the mending: it was watched"
    assert "unreadable_record" not in world.codes()


def test_a_part_that_does_not_say_whose_it_is_holds_back_all_that_it_may_belong_to(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    fine, other = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.warehouse.despatch(other, parcels=[Parcel(RM, TWO)])
    with spoiled(world, "goods_out_lines", "goods_out", world.line_ids(goods_out)[0]):
        world.turn()
    assert (world.shipments(order_id), world.shipments(fine)) == ([], [])
    world.turn()
    assert (world.units(order_id), world.units(fine)) == ({ONE: 2}, {TWO: 2})
    assert "unreadable_record" not in world.codes()


def test_a_goods_out_whose_header_cannot_be_read_is_told_and_not_taken_for_deleted(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    row = world.warehouse.goods_outs.rows[goods_out]
    good, row["actual_date_of_dispatch"] = row["actual_date_of_dispatch"], "24/11/2026"
    world.turn()
    assert world.scalar("SELECT count(*) FROM clarus_goods_out WHERE missing_since IS NOT NULL") == 0
    (finding,) = [f for f in world.findings() if f.code == "unreadable_record"]
    assert finding.subject == f"BC-{order_id}"
    row["actual_date_of_dispatch"] = good
    world.turn()
    assert "unreadable_record" not in world.codes()


def test_goods_outs_of_others_are_neither_kept_nor_asked_about(world: DespatchWorld) -> None:
    theirs = world.warehouse.create_goods_out("ACME", "WHS01", "PHONE-7", [("MUG", 1)])
    world.turn()
    world.warehouse.despatch(theirs, parcels=[Parcel(RM, ONE)])
    world.turn()
    assert world.scalar("SELECT count(*) FROM clarus_goods_out") == 0
