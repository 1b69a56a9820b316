"""What happens to an order after its release: made anew while surely unsent, locked once Clarus may have it."""

from __future__ import annotations

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.ledger.outbox import list_pushes, park_push
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.flows.orders.orders_world import ADA, BEN, MUG, TIN, OrdersWorld


def test_an_order_changed_before_it_was_sent_goes_with_its_new_content_only(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    world.shop.edit_address(order, street_1="12 New Road")
    world.turn()
    assert world.goods_out(order)["address"]["address_1"] == "12 New Road"
    assert world.goods_out(order)["reference"] == f"BC-{order}"
    assert world.pushes() == [
        ("goods_out", f"BC-{order}", "superseded"),
        ("goods_out", f"BC-{order}#2", "delivered"),
    ]
    assert world.findings() == []


def test_an_order_that_changes_for_the_worse_before_it_was_sent_waits(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    world.shop.edit_address(order, zip="")
    world.turn()
    assert (world.goods_outs(order), world.codes()) == ([], ["bad_address"])


def test_a_parked_push_of_a_changed_order_never_goes(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    with world.store.engine.begin() as connection:
        (push,) = list_pushes(connection, store="main")
        park_push(connection, push_id=push.push_id, reason="wait", actor="a person", now=world.clock.now())
    world.shop.edit_address(order, street_1="12 New Road")
    world.turn()
    assert [state for _, _, state in world.pushes()] == ["superseded", "delivered"]
    assert world.goods_out(order)["address"]["address_1"] == "12 New Road"


def test_what_may_have_reached_clarus_is_not_made_anew_but_told(world: OrdersWorld) -> None:
    order = world.order()
    with world.broken(Fault.RESET_AFTER):
        world.turn()
    world.shop.edit_address(order, street_1="12 New Road")
    for _ in range(3):
        world.turn()
    assert len(world.goods_outs(order)) == 1
    assert world.goods_out(order)["address"]["address_1"] == "1 Kirkgate"
    assert world.codes() == ["order_changed_after_release"]


def test_of_a_change_after_release_only_the_names_of_the_fields_are_told(world: OrdersWorld) -> None:
    order = world.order(customer_message="Ring twice")
    world.turn()
    world.shop.edit_address(order, street_1="12 Secret Road", phone="020 7946 0018")
    world.shop.edit_order(order, customer_message="Call my secret number")
    world.turn()
    (finding,) = world.findings()
    assert finding.code == "order_changed_after_release"
    assert finding.evidence["changed"] == ["street", "telephone number", "packing_notes"]
    assert "ecret" not in finding.message
    assert world.goods_out(order)["address"]["address_1"] == "1 Kirkgate"


def test_a_change_of_lines_is_told_by_sku_and_units_and_resolves_when_it_is_taken_back(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    mug = next(iter(world.shop.orders[order].lines))
    world.shop.edit_line(order, mug, quantity=3)
    world.turn()
    assert [f.evidence["changed"] for f in world.findings()] == [["MUG: 2 -> 3"]]
    world.shop.edit_line(order, mug, quantity=2)
    world.turn()
    assert world.findings() == []


def test_staff_notes_after_release_are_no_change(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.shop.edit_order(order, staff_notes="Called the customer")
    world.turn()
    assert world.findings() == []


def test_of_several_addresses_only_the_goods_out_that_is_concerned_is_told(world: OrdersWorld) -> None:
    order = world.order(MUG, {**TIN, "address": 1}, addresses=[ADA, BEN])
    world.turn()
    second = list(world.shop.orders[order].addresses)[1]
    world.shop.edit_address(order, second, zip="YO1 7HH")
    world.turn()
    assert [f.evidence for f in world.findings()] == [{"reference": f"BC-{order}-2", "changed": ["postcode"]}]


def test_cancelled_before_it_was_sent_it_never_goes(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    world.shop.cancel_order(order)
    world.turn()
    assert (world.goods_outs(order), world.pushes()) == ([], [("goods_out", f"BC-{order}", "superseded")])
    world.shop.edit_order(order, status_id=11)  # and back: a new decision
    world.turn()
    assert world.units(order) == [{"MUG": 2, "TIN": 1}]


def test_a_goods_out_that_turns_up_after_its_order_was_withdrawn_is_cancelled(world: OrdersWorld) -> None:
    order = world.order()
    world.look()
    world.shop.cancel_order(order)
    world.turn()
    world.warehouse.create_goods_out("ACME", "WHS01", f"BC-{order}", [("MUG", 2), ("TIN", 1)])
    world.clock.move(minutes=1)
    world.read_warehouse()
    world.turn()
    assert (world.goods_outs(order), world.findings()) == ([], [])


def test_cancelled_before_picking_it_is_cancelled_in_clarus(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.shop.cancel_order(order)
    world.turn()
    world.turn()
    assert (world.goods_outs(order), world.findings()) == ([], [])


def test_cancelled_while_it_is_picked_the_pick_is_cancelled(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.warehouse.pick(world.goods_out(order)["id"])
    world.shop.cancel_order(order)
    world.turn()
    assert world.goods_out(order)["goods_out_status"]["code"] == "CANCELLED"
    assert world.findings() == []


def test_a_cancellation_that_clarus_refuses_is_told_at_once(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    goods_out = world.goods_out(order)["id"]
    one_line = world.warehouse.lines(goods_out)[0]["id"]
    world.warehouse.despatch(goods_out, {one_line: 1})
    world.shop.cancel_order(order)
    world.turn()
    assert world.codes() == ["manual_cancel_needed"]


def test_cancelled_after_despatch_somebody_has_to_know(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.warehouse.despatch(world.goods_out(order)["id"])
    world.read_warehouse()
    world.shop.cancel_order(order)
    world.turn()
    assert world.codes() == ["manual_cancel_needed"]


def test_refunded_or_archived_after_the_shop_showed_it_as_sent_is_the_usual_end(world: OrdersWorld) -> None:
    refunded, archived = world.order(), world.order()
    world.turn()
    for order in (refunded, archived):
        world.warehouse.despatch(world.goods_out(order)["id"])
        world.shop.ship_by_hand(order)
    world.clock.move(minutes=1)
    world.read_warehouse()
    world.shop.edit_order(refunded, status_id=4)
    world.shop.archive_order(archived)
    world.turn()
    assert world.findings() == []


def test_archived_after_only_a_part_of_what_left_was_shown_somebody_has_to_know(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.warehouse.despatch(world.goods_out(order)["id"])
    world.shop.ship_by_hand(order, [(next(iter(world.shop.orders[order].lines)), 1)])
    world.shop.archive_order(order)
    sync.pull(world.store)
    sync.decide(world.store)
    world.clock.move(minutes=1)
    world.read_warehouse()
    assert "not decided" in str(sync.news(world.store))
    sync.decide(world.store)
    assert world.codes() == ["order_deleted"]


def test_a_deleted_order_is_cancelled_in_clarus_and_told_until_it_is(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.shop.archive_order(order)
    world.look()
    world.look()
    assert world.codes() == ["order_deleted"]
    sync.deliver(world.store)
    world.turn()
    assert (world.goods_outs(order), world.findings()) == ([], [])


def test_a_goods_out_cancelled_or_deleted_in_clarus_is_news_and_told(world: OrdersWorld) -> None:
    cancelled, deleted = world.order(), world.order()
    world.turn()
    world.warehouse.cancel(world.goods_out(cancelled)["id"])
    world.warehouse.delete(world.goods_out(deleted)["id"])
    world.clock.move(minutes=1)
    world.read_warehouse()
    assert "not decided" in str(sync.news(world.store))
    world.turn()
    assert world.codes() == ["cancelled_in_clarus", "cancelled_in_clarus"]


def test_a_status_that_nobody_knows_stops_nothing_and_is_told(world: OrdersWorld) -> None:
    order = world.order()
    world.turn()
    world.shop.edit_order(order, status_id=99)
    world.turn()
    assert (world.codes(), len(world.goods_outs(order))) == (["unmapped_value"], 1)
