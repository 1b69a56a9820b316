"""An order's way to the warehouse over real HTTP and a real Postgres: released once, whole, or held with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline_tests.flows.orders.orders_world import ADA, BEN, MUG, TIN, OrdersWorld


def test_an_order_goes_once_it_is_paid_and_only_once(world: OrdersWorld) -> None:
    order = world.order(status_id=7, payment_status="")
    world.turn()
    assert world.goods_outs(order) == []
    world.shop.edit_order(order, status_id=11, payment_status="captured")
    world.turn()
    world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]
    assert world.goods_out(order)["reference"] == f"BC-{order}"
    assert world.findings() == []


def test_a_status_without_a_payment_is_not_enough(world: OrdersWorld) -> None:
    order = world.order(payment_status="authorized")
    world.turn()
    assert world.goods_outs(order) == []


def test_message_gift_wrap_options_form_field_and_metafield_reach_their_fields(world: OrdersWorld) -> None:
    line = {**MUG, "wrapping_name": "Red", "wrapping_message": "For Zoë 🎂", "options": [("Engraving", "Z")]}
    porch = {**ADA, "form_fields": [{"name": "Porch", "value": "left"}]}
    order = world.order(line, addresses=[porch], customer_message="Leave with neighbour 🐈")
    world.shop.add_metafield(order, "delivery", "instructions", "Ring twice")
    world.turn()
    sent = world.goods_out(order)
    assert sent["packing_notes"] == "Leave with neighbour 🐈"
    assert sent["string1"] == "MUG: Red - For Zoë 🎂"
    assert sent["pick_notes"] == "MUG: Engraving Z"
    assert sent["delivery_notes"] == "left; Ring twice"


def test_each_address_gets_its_own_lines_and_words_and_the_orders_message(world: OrdersWorld) -> None:
    order = world.order(
        {**MUG, "wrapping_name": "Red", "wrapping_message": "For Ada"},
        {**TIN, "address": 1, "wrapping_name": "Blue", "wrapping_message": "For Ben"},
        addresses=[ADA, {**BEN, "form_fields": [{"name": "Porch", "value": "Ben's"}]}],
        customer_message="Both before Sunday",
    )
    world.turn()
    first, second = world.goods_outs(order)
    assert [first["reference"], second["reference"]] == [f"BC-{order}-1", f"BC-{order}-2"]
    assert world.units(order) == [{"MUG": 2}, {"TIN": 1}]
    assert (first["string1"], second["string1"]) == ("MUG: Red - For Ada", "TIN: Blue - For Ben")
    assert (first.get("delivery_notes"), second["delivery_notes"]) == (None, "Ben's")
    assert first["packing_notes"] == second["packing_notes"] == "Both before Sunday"
    assert (first["address"]["name"], second["address"]["name"]) == ("Ada King", "Ben King")


@pytest.mark.parametrize(
    ("lines", "more", "codes"),
    [
        ((MUG, {**TIN, "sku": "NEVER"}, {**TIN, "sku": "HEARD"}), {}, ["unknown_sku", "unknown_sku"]),
        ((MUG, {**TIN, "sku": ""}), {}, ["blank_sku"]),
        ((MUG,), {"addresses": [{**ADA, "zip": "XX99 9XX", "city": ""}]}, ["bad_address", "bad_address"]),
        ((MUG,), {"customer_message": "Be careful. " * 5417}, ["field_too_long"]),
        ((MUG,), {"customer_message": "🎂" * 256}, ["field_too_long"]),
        (({**MUG, "type": "digital"},), {}, ["nothing_to_release"]),
        (({**MUG, "quantity": 0},), {}, ["nothing_to_release", "zero_quantity_line"]),
        ((), {"status_id": 15}, ["unmapped_value"]),
        ((MUG, {**TIN, "type": "bundle"}), {}, ["unmapped_value"]),
    ],
)
def test_an_order_that_cannot_go_whole_waits_with_every_cause_named(
    world: OrdersWorld, lines: Any, more: dict[str, Any], codes: list[str]
) -> None:
    order = world.order(*lines, **more)
    world.turn()
    world.turn()
    assert world.goods_outs(order) == []
    assert world.codes() == codes
    assert all(f.order_id == order and f.occurrences == 2 for f in world.findings())


def test_digital_and_empty_lines_stay_behind_and_the_physical_ones_go(world: OrdersWorld) -> None:
    order = world.order(MUG, {**TIN, "type": "digital"}, {**TIN, "quantity": 0})
    world.turn()
    assert world.units(order) == [{"MUG": 2}]
    assert world.codes() == ["zero_quantity_line"]


def test_refunded_units_are_not_packed(world: OrdersWorld) -> None:
    order = world.order({**MUG, "quantity_refunded": 1}, {**TIN, "quantity_refunded": 1})
    world.turn()
    assert world.units(order) == [{"MUG": 1}]


def test_a_held_order_goes_by_itself_once_clarus_has_the_sku(world: OrdersWorld) -> None:
    order = world.order(MUG, {**TIN, "sku": "NEW"})
    world.turn()
    assert sync.news(world.store) is None
    world.warehouse.add_product("ACME", "NEW")
    assert sync.news(world.store) == "Clarus has NEW"
    world.turn()
    assert world.units(order) == [{"MUG": 2, "NEW": 1}]
    assert world.findings() == []


def test_a_held_order_goes_by_itself_once_its_address_is_mended(world: OrdersWorld) -> None:
    order = world.order(addresses=[{**ADA, "zip": ""}])
    world.turn()
    world.shop.edit_address(order, zip="LS1 4AP")
    world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]
    assert world.findings() == []


def test_nul_characters_and_broken_emoji_do_not_stop_the_pull(world: OrdersWorld) -> None:
    order = world.order(
        {**MUG, "name": "Mu\0g"}, addresses=[{**ADA, "street_1": "1\0 Kirkgate"}], customer_message="Hi\0 \\u0000"
    )
    world.turn()
    assert world.goods_out(order)["packing_notes"] == "Hi \\u0000"
    assert world.goods_out(order)["address"]["address_1"] == "1 Kirkgate"


def test_where_paid_orders_stand_is_told_by_stage(world: OrdersWorld) -> None:
    world.order()
    world.order({**MUG, "sku": "NEVER"})
    world.look()
    assert [(row["stage"], row["orders"]) for row in sync.prove(world.store)] == [
        ("1 held by a finding", 1),
        ("2 on its way to Clarus", 1),
    ]
    world.turn()
    assert [row["stage"] for row in sync.prove(world.store)] == ["1 held by a finding", "3 in Clarus, waiting"]


def test_nothing_is_news_when_nothing_changed_and_what_was_only_kept_is(world: OrdersWorld) -> None:
    world.order()
    assert "changed" in str(sync.news(world.store))
    sync.pull(world.store)
    world.clock.move(seconds=1)
    assert "not decided" in str(sync.news(world.store))
    sync.decide(world.store)
    assert "due" in str(sync.news(world.store))
    sync.deliver(world.store)
    assert sync.news(world.store) is None
