"""What leaves the warehouse shows in the shop, exactly: over HTTP, on a real ledger."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.despatch import sync
from clarus_bc_pipeline.sandbox.clarus import Parcel
from clarus_bc_pipeline_tests.flows.despatch.despatch_world import (
    ADDRESS,
    BAD,
    CREATE_SHIPMENT,
    ONE,
    RM,
    THREE,
    TWO,
    DespatchWorld,
    despatch_world,
)

MUGS = {"sku": "MUG", "quantity": 2}
TINS = {"sku": "TIN", "quantity": 3}


# --- how goods leave ---


def test_a_whole_despatch_is_one_shipment_with_its_number_link_and_marker(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(MUGS, TINS)
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    measured = world.turn()
    (shipment,) = world.shipments(order_id)
    assert sorted(item["quantity"] for item in shipment["items"]) == [2, 3]
    assert (shipment["tracking_number"], shipment["shipping_provider"]) == (ONE, "royalmail")
    assert ONE in shipment["generated_tracking_link"]
    assert shipment["comments"].endswith(f"[clarus:GO-{goods_out}/1/1]")
    assert world.status(order_id) == 2
    assert (measured.confirmed_lines, measured.gap_lines, measured.not_checked_lines) == (2, 0, 0)
    assert world.codes() == []


def test_parts_that_leave_on_their_own_are_shipments_of_their_own(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(MUGS, TINS)
    mugs, tins = world.line_ids(goods_out)
    for lines, number in (({mugs: 2, tins: 1}, ONE), ({tins: 1}, TWO), ({tins: 1}, THREE)):
        world.warehouse.despatch(goods_out, lines, parcels=[Parcel(RM, number)])
        assert world.turn().gap_lines == 0
        assert world.status(order_id) == (2 if number == THREE else 3)
    assert world.units(order_id) == {ONE: 3, TWO: 1, THREE: 1}


def test_one_despatch_in_several_parcels_is_a_shipment_a_parcel(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE), Parcel(RM, TWO)])
    measured = world.turn()
    assert set(world.units(order_id)) == {ONE, TWO}
    assert sum(world.units(order_id).values()) == 3
    assert (measured.confirmed_lines, measured.gap_lines) == (1, 0)


def test_what_is_picked_or_labelled_and_has_not_left_is_not_announced(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.pick(goods_out)
    world.turn()
    assert world.shipments(order_id) == []


def test_a_shorted_line_ships_what_left_and_asks_for_a_decision(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    (line,) = world.line_ids(goods_out)
    world.warehouse.short_lines(goods_out, {line: 1})
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert world.status(order_id) == 3
    (finding,) = world.findings()
    assert (finding.code, finding.order_id, finding.value_at_risk) == ("short_decision_needed", order_id, Decimal(10))


def test_each_address_gets_its_own_shipment_though_both_hold_the_same_sku(world: DespatchWorld) -> None:
    order_id = world.order(
        {**MUGS, "address": 0}, {**MUGS, "address": 1}, addresses=[ADDRESS, {**ADDRESS, "zip": "YO1 7HH"}]
    )
    world.turn()
    first, second = world.goods_outs(order_id)
    world.warehouse.despatch(second, parcels=[Parcel(RM, TWO)])
    world.turn()
    world.warehouse.despatch(first, parcels=[Parcel(RM, ONE)])
    measured = world.turn()
    addresses = list(world.shop.orders[order_id].addresses)
    assert {s["tracking_number"]: s["order_address_id"] for s in world.shipments(order_id)} == {
        ONE: addresses[0],
        TWO: addresses[1],
    }
    assert (measured.confirmed_lines, measured.gap_lines) == (2, 0)


def test_both_addresses_leaving_at_once_are_both_announced(world: DespatchWorld) -> None:
    order_id = world.order(
        {**MUGS, "address": 0}, {**TINS, "address": 1}, addresses=[ADDRESS, {**ADDRESS, "zip": "YO1 7HH"}]
    )
    world.turn()
    for goods_out, number in zip(world.goods_outs(order_id), (ONE, TWO), strict=True):
        world.warehouse.despatch(goods_out, parcels=[Parcel(RM, number)])
    world.turn()
    world.turn()
    assert world.units(order_id) == {ONE: 2, TWO: 3}


def test_a_digital_line_is_never_shipped_and_is_no_gap(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(MUGS, {"sku": "", "name": "A book to read", "quantity": 1, "type": "digital"})
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    measured = world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert world.status(order_id) == 2
    assert (measured.despatched_lines, measured.confirmed_lines, measured.gap_lines) == (1, 1, 0)


# --- tracking ---


def test_a_despatch_waits_for_its_number_and_is_announced_with_it(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"wait_for_tracking_minutes": 10}) as world:
        order_id, goods_out = world.released()
        world.warehouse.despatch(goods_out, parcels=[Parcel(RM, "")])
        world.turn()
        assert world.shipments(order_id) == []
        world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], ONE)
        world.turn()
        assert world.units(order_id) == {ONE: 2}
        assert world.writes(method="PUT") == []


def test_a_number_that_does_not_come_holds_a_despatch_no_longer_than_the_setting(ledger: sa.Engine) -> None:
    with despatch_world(ledger, despatch={"wait_for_tracking_minutes": 10}) as world:
        order_id, goods_out = world.released(TINS)
        (line,) = world.line_ids(goods_out)
        world.warehouse.despatch(goods_out, {line: 1}, parcels=[Parcel(RM, "")])
        world.turn()
        assert world.shipments(order_id) == []
        world.clock.move(minutes=10)
        world.turn()
        assert world.units(order_id) == {"": 1}
        assert world.codes() == ["despatch_without_tracking"]


def test_a_number_that_comes_late_is_put_on_its_shipment_once(world: DespatchWorld) -> None:
    order_id, goods_out = world.shipped(tracking="")
    assert world.codes() == ["despatch_without_tracking"]
    world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], ONE)
    for _ in range(3):
        world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert len(world.writes(method="PUT")) == 1
    assert world.codes() == []


def test_a_number_that_changes_is_corrected_each_time(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    (line,) = world.line_ids(goods_out)
    world.warehouse.despatch(goods_out, {line: 1}, parcels=[Parcel(RM, ONE)])
    world.turn()
    for number in (TWO, THREE, ONE):
        world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], number)
        world.turn()
        world.turn()
        assert world.units(order_id) == {number: 1}
    assert len(world.writes(method="PUT")) == 3


def test_a_cancelled_label_without_a_new_one_is_told(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    (line,) = world.line_ids(goods_out)
    (label,) = world.warehouse.despatch(goods_out, {line: 1}, parcels=[Parcel(RM, ONE)])
    world.turn()
    world.warehouse.cancel_shipment(label)
    world.turn()
    assert world.units(order_id) == {ONE: 1}, "it was announced, and only a person may take that back"
    assert "voided_despatch" in world.codes()
    world.warehouse._ship(world.warehouse.goods_outs.rows[goods_out], [Parcel(RM, TWO)])
    world.turn()
    world.turn()
    assert world.units(order_id) == {TWO: 1}
    assert len(world.writes(CREATE_SHIPMENT)) == len(world.writes(method="PUT")) == 1
    assert "voided_despatch" not in world.codes()


def test_a_despatch_that_is_taken_back_after_it_was_announced_is_told_and_not_sent_twice(
    world: DespatchWorld,
) -> None:
    order_id, goods_out = world.shipped()
    world.warehouse.undespatch(goods_out)
    world.turn()
    assert "voided_despatch" in world.codes()
    world.warehouse.despatch(goods_out, parcels=[])
    world.turn()
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert world.codes() == []


@pytest.mark.parametrize(("setting", "sent"), [("send", {BAD: 2}), ("hold", {})])
def test_a_number_with_a_wrong_check_digit_is_sent_or_held_by_the_setting_and_told(
    ledger: sa.Engine, setting: str, sent: dict[str, int]
) -> None:
    with despatch_world(ledger, despatch={"invalid_tracking": setting}) as world:
        order_id, goods_out = world.released()
        world.warehouse.despatch(goods_out, parcels=[Parcel(RM, BAD)])
        world.turn()
        assert world.units(order_id) == sent
        assert world.codes() == ["tracking_invalid"]
        world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], ONE)
        world.turn()
        world.turn()
        assert world.units(order_id) == {ONE: 2}
        assert world.codes() == []


def test_of_two_numbers_in_one_field_the_customer_gets_one_that_works(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, f"{ONE} / {TWO}")])
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert world.codes() == ["tracking_multiple"]


def test_a_carrier_that_nobody_mapped_is_never_guessed(world: DespatchWorld) -> None:
    order_id, goods_out = world.released()
    world.warehouse.despatch(goods_out, parcels=[Parcel("LOCALVAN", "VAN-0042")])
    world.turn()
    (shipment,) = world.shipments(order_id)
    assert (shipment["tracking_carrier"], shipment["shipping_provider"]) == ("", "")
    assert "unmapped_carrier" in world.codes()


def test_a_label_made_anew_after_all_has_left_is_corrected(world: DespatchWorld) -> None:
    order_id, goods_out = world.shipped()
    world.warehouse.set_tracking(world.warehouse.packages_of(goods_out)[0]["id"], TWO)
    world.turn()
    world.turn()
    assert world.units(order_id) == {TWO: 2}
    assert len(world.writes(method="PUT")) == 1


# --- what people do beside ---


def test_a_goods_out_that_left_before_its_order_was_read_is_announced_when_it_is(world: DespatchWorld) -> None:
    order_id = world.order(MUGS, status_id=8)
    goods_out = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order_id}", [("MUG", 2)])
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    sync.pull(world.store)
    world.turn()
    assert world.units(order_id) == {ONE: 2}


def test_what_somebody_shipped_by_hand_first_is_not_shipped_again(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    (order_line,) = world.shop.orders[order_id].lines
    world.shop.ship_by_hand(order_id, [(order_line, 2)])
    world.turn()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.turn()
    assert world.units(order_id) == {"": 2, ONE: 1}
    assert [entry.seen for entry in world.writes()] == [201], "more than is open is never attempted"
    assert world.codes() == ["over_despatched"]


def test_a_goods_out_made_by_hand_is_matched_by_its_sku(world: DespatchWorld) -> None:
    order_id = world.order(MUGS, TINS, status_id=8)
    goods_out = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order_id}", [("TIN", 3), ("MUG", 2)])
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.turn()
    measured = world.turn()
    assert world.units(order_id) == {ONE: 5}
    assert (measured.confirmed_lines, measured.gap_lines) == (2, 0)


def test_a_goods_out_made_by_hand_whose_sku_fits_two_lines_is_told_and_not_guessed(world: DespatchWorld) -> None:
    order_id = world.order(MUGS, MUGS, status_id=8)
    goods_out = world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order_id}", [("MUG", 2)])
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.turn()
    measured = world.turn()
    assert world.shipments(order_id) == []
    assert world.codes() == ["ambiguous_line"]
    assert (measured.not_checked_lines, measured.gap_lines) == (1, 0)


def test_a_goods_out_deleted_by_hand_is_kept_and_marked(world: DespatchWorld) -> None:
    _, goods_out = world.released()
    world.warehouse.delete(goods_out)
    world.turn()
    assert world.scalar(f"SELECT missing_since FROM clarus_goods_out WHERE goods_out_id = {goods_out}") is not None
    world.turn()
    assert world.codes() == ["cancelled_in_clarus"]


def test_units_refunded_before_they_left_are_not_announced(world: DespatchWorld) -> None:
    order_id, goods_out = world.released(TINS)
    (order_line,) = world.shop.orders[order_id].lines
    world.shop.edit_line(order_id, order_line, quantity_refunded=1)
    world.turn()
    world.warehouse.despatch(goods_out, parcels=[Parcel(RM, ONE)])
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert "over_despatched" in world.codes()


# --- what it costs ---


def test_a_quiet_warehouse_costs_one_call(world: DespatchWorld) -> None:
    world.shipped()
    world.warehouse.log.clear()
    world.shop.log.clear()
    for _ in range(3):
        world.clock.move(minutes=1)
        assert sync.news(world.store) is None
    assert len(world.warehouse.log) == 3
    assert len(world.shop.log) == 0


def test_a_page_of_transactions_that_comes_again_announces_nothing_again(world: DespatchWorld) -> None:
    order_id, _ = world.shipped()
    with world.store.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM cursor"))
    world.turn()
    world.turn()
    assert world.units(order_id) == {ONE: 2}
    assert len(world.writes(CREATE_SHIPMENT)) == 1
