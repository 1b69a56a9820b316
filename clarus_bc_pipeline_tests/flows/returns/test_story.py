"""Returns over HTTP: from the metafield to the money and the shelf, through both doubles and every kind of fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline.flows.returns.opening import Asked, RmaRefused, end_rma, open_rma
from clarus_bc_pipeline.flows.returns.story import rma_story
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.sandbox.bigcommerce.world import ALL_SCOPES, REFUND_SCOPE
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld, orders_world

REFUND_TOKEN = "may-refund"


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    """A shop whose refunds need a token of their own."""
    with orders_world(ledger) as made:
        everyday = {token: scopes - {REFUND_SCOPE} for token, scopes in made.shop.tokens.items()}
        made.shop.tokens = everyday | {REFUND_TOKEN: ALL_SCOPES}
        with BigCommerce(made.store.settings.bigcommerce, REFUND_TOKEN, beside=made.store.shop) as refunds_shop:
            made.store = replace(made.store, refunds_shop=refunds_shop)
            catalogue.pull_warehouse(made.store)
            catalogue.pull_shop(made.store)
            yield made


def sold(world: OrdersWorld) -> tuple[int, dict[str, int]]:
    """An order of two mugs at 4.50 and a tin at 11.00 that has left, and its lines by SKU."""
    order_id = world.order()
    world.shop.ship_by_hand(order_id)
    world.clock.move(minutes=1)
    orders.pull(world.store)
    return order_id, {line["sku"]: line["id"] for line in world.shop.order(order_id).lines.values()}


def turn(world: OrdersWorld) -> sync.Proven:
    """The four verbs, a minute after the last."""
    world.clock.move(minutes=1)
    orders.pull(world.store)
    sync.pull(world.store)
    sync.decide(world.store)
    sync.deliver(world.store)
    return sync.prove(world.store)


def state(world: OrdersWorld, number: str) -> str:
    with world.store.engine.connect() as connection:
        story = rma_story(connection, store="main", number=number)
    assert story is not None
    return story.state


def refunded(world: OrdersWorld) -> list[tuple[int, int]]:
    """The truth: (order line, units) of everything that the shop paid back."""
    return [(row.line, row.units) for row in world.shop.payments.refunded]


def test_a_return_goes_from_the_customers_wish_to_the_money_and_the_shelf(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["MUG"], 2), Asked(lines["TIN"], 1, "faulty")])
    assert opened.number == f"RMA-{order_id}-1"
    turn(world)
    receipt = world.warehouse.receipt(opened.number)
    assert [line["alt_line_reference"] for line in world.warehouse.receipt_lines(receipt["id"])] == [
        str(lines["MUG"]), str(lines["TIN"]),
    ]  # fmt: skip

    world.warehouse.receive_return(opened.number)
    turn(world)
    assert (state(world, opened.number), refunded(world)) == ("received", [])  # nobody has looked yet

    world.warehouse.grade(opened.number, "MUG", "A", 1)
    world.warehouse.grade(opened.number, "MUG", "C", 1)
    world.warehouse.grade(opened.number, "TIN", "C")
    before = world.store.shop.total_calls
    proven = turn(world)
    assert sorted(refunded(world)) == [(lines["MUG"], 1), (lines["TIN"], 1)]
    assert world.shop.payments.concurrent_refunds == 0
    assert (state(world, opened.number), proven.refunds) == ("refunded", 1)
    made = next(iter(world.shop.payments.refunds.values()))
    assert made.total == Decimal("15.50")
    assert world.codes() == ["return_not_sellable"]  # the other mug
    assert world.store.shop.total_calls - before >= 2

    turn(world)
    assert sync.prove(world.store).unconfirmed == 0
    stock.pull(world.store, sweep=True)
    turn(world)
    assert state(world, opened.number) == "restocked"


def test_a_quiet_turn_costs_the_shop_two_calls_and_is_no_news(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["MUG"], 1)])
    for _ in range(2):
        turn(world)
    assert state(world, opened.number) == "announced"
    world.clock.move(minutes=1)
    before = world.store.shop.total_calls
    assert sync.news(world.store) is None
    assert world.store.shop.total_calls - before == 2


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.RESET_BEFORE, Fault.TRUNCATED])
def test_an_announcement_whose_answer_is_lost_is_made_once(world: OrdersWorld, fault: Fault) -> None:
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["TIN"], 1)])
    with world.broken(fault, path="/goods_in_receipts"):
        turn(world)
    for _ in range(4):
        turn(world)
    assert len(world.warehouse.goods_in_receipts.where(reference=opened.number)) == 1
    assert state(world, opened.number) == "announced"


def test_an_rma_that_cannot_be_right_is_not_written(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    with pytest.raises(RmaRefused, match="asks for 3 of SKU MUG, and 2 were shipped"):
        open_rma(world.store, order_id, [Asked(lines["MUG"], 3)])
    with pytest.raises(RmaRefused, match="is no line of order"):
        open_rma(world.store, order_id, [Asked(999, 1)])
    with pytest.raises(RmaRefused, match="reason"):
        open_rma(world.store, order_id, [Asked(lines["MUG"], 1, "Too Big!")])
    with pytest.raises(RmaRefused, match="not in the ledger"):
        open_rma(world.store, 4711, [Asked(lines["MUG"], 1)])
    assert world.shop.visible_metafields("sandbox") == []


def test_a_second_rma_takes_the_next_number(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    numbers = [open_rma(world.store, order_id, [Asked(lines["MUG"], 1)]).number for _ in range(2)]
    assert numbers == [f"RMA-{order_id}-1", f"RMA-{order_id}-2"]
    with pytest.raises(RmaRefused, match="already"):
        open_rma(world.store, order_id, [Asked(lines["TIN"], 1)], number=numbers[0])


def test_another_apps_rma_is_picked_up(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    value = f'{{"lines": [{{"order_product_id": {lines["TIN"]}, "units": 1}}], "portal": "x"}}'
    world.shop.add_metafield(order_id, "returns", "rma:PORTAL-9", value, owner="portal")
    turn(world)
    assert state(world, "PORTAL-9") == "announced"


def test_a_closed_rma_shows_in_the_shop_and_nothing_is_refunded(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["TIN"], 1)])
    turn(world)
    assert end_rma(world.store, opened.number, because="customer keeps it").not_shown is None
    world.warehouse.receive_return(opened.number)
    world.warehouse.grade(opened.number, "TIN", "A")
    turn(world)
    assert (state(world, opened.number), refunded(world)) == ("closed", [])
    [metafield] = world.shop.visible_metafields("sandbox")
    assert "customer keeps it" in metafield["value"]


def test_the_token_of_everyday_cannot_refund(world: OrdersWorld) -> None:
    world.store = replace(world.store, refunds_shop=world.store.shop)
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["TIN"], 1)])
    turn(world)
    world.warehouse.receive_return(opened.number)
    world.warehouse.grade(opened.number, "TIN", "A")
    turn(world)
    assert refunded(world) == []
    assert "auth_failed" in world.codes()


def test_a_declined_refund_is_seen_when_the_list_is_read_again(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    world.shop.payments.declines_refunds_of.add(order_id)
    world.shop.payments.refund_settles_after = 600
    opened = open_rma(world.store, order_id, [Asked(lines["TIN"], 1)])
    turn(world)
    world.warehouse.receive_return(opened.number)
    world.warehouse.grade(opened.number, "TIN", "A")
    turn(world)
    assert world.codes() == []
    world.clock.move(hours=2)
    turn(world)
    assert "refund_declined" in world.codes()


def test_held_stock_is_graded_by_its_reason(world: OrdersWorld) -> None:
    own = world.store.settings.returns.model_copy(update={"inspection": "holds", "grades": {"DMG": "damaged"}})
    world.store = replace(world.store, settings=world.store.settings.model_copy(update={"returns": own}))
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["MUG"], 2)])
    turn(world)
    world.warehouse.receive_return(opened.number)
    turn(world)
    assert state(world, opened.number) == "received"
    world.warehouse.pass_inspection(opened.number, "MUG", 1)
    world.warehouse.fail_inspection(opened.number, "MUG", 1, "DMG")
    turn(world)
    assert refunded(world) == [(lines["MUG"], 1)]


def test_cases_pass_nothing_and_wrong_items_do_not_stop_the_rest(world: OrdersWorld) -> None:
    order_id, lines = sold(world)
    opened = open_rma(world.store, order_id, [Asked(lines["MUG"], 1)])
    turn(world)
    world.warehouse.receive_return(opened.number, {"MUG": 1, "TIN": 1})
    for code in ("MUG", "TIN"):
        world.warehouse.grade(opened.number, code, "A")
    turn(world)
    assert (refunded(world), world.codes()) == ([(lines["MUG"], 1)], ["return_wrong_item"])
