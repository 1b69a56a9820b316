"""The returns of the story are the source's own, and its judge sees a refund that came too early or twice."""

from __future__ import annotations

import json

import pytest

from clarus_bc_pipeline.sandbox.opening import new_scenario
from clarus_bc_pipeline.sandbox.scenario import ACCOUNTS, WAREHOUSE, Scenario


@pytest.fixture
def lived() -> Scenario:
    """Everything was shipped, the returns are opened, and Clarus was told of those that can be right."""
    world = new_scenario(orders=100, seed=1)
    for store, shop in world.shops.items():
        for order in list(shop.orders.values()):
            if order.record["status_id"] == 11 and order.id not in world.planted[store]:
                shop.ship_by_hand(order.id)
    world.returns_opened()
    for store, lines_by_rma in documents(world).items():
        codes = {p["code"] for p in world.warehouse.products.rows.values() if p["account"]["code"] == ACCOUNTS[store]}
        for number, (order_id, lines) in lines_by_rma.items():
            sold = world.shops[store].orders[order_id].lines
            wanted = [(str(sold[line]["sku"]), float(units), str(line)) for line, units in lines.items()]
            if all(sku in codes for sku, _, _ in wanted):
                world.warehouse.announce_return(ACCOUNTS[store], WAREHOUSE, number, wanted)
    return world


def documents(world: Scenario) -> dict[str, dict[str, tuple[int, dict[int, int]]]]:
    """Store -> RMA -> (order, units by line), of those that were opened and are JSON."""
    found: dict[str, dict[str, tuple[int, dict[int, int]]]] = {store: {} for store in ACCOUNTS}
    for store, shop in world.shops.items():
        for metafield in shop.metafields.values():
            number = str(metafield["key"]).removeprefix("rma:")
            if number in world.returns.opened[store]:
                lines = json.loads(metafield["value"])["lines"]
                found[store][number] = (
                    metafield["resource_id"],
                    {line["order_product_id"]: line["units"] for line in lines},
                )
    return found


def test_an_rma_asks_for_no_more_than_was_shipped_unless_that_is_its_trouble(lived: Scenario) -> None:
    asked = [
        (number, units <= lived.shops[store].orders[order_id].lines[line]["quantity_shipped"])
        for store, rmas in documents(lived).items()
        for number, (order_id, lines) in rmas.items()
        for line, units in lines.items()
    ]
    assert len(asked) > 5
    assert {number for number, is_right in asked if not is_right} == {"RMA-TOO-MANY"}


def test_most_parcels_come_back_whole_and_sellable_and_every_trouble_has_a_name(lived: Scenario) -> None:
    assert lived.returns.parcels_back() > 5
    told = {what for troubles in lived.returns.planted.values() for what in troubles.values()}
    assert {
        "came back damaged",
        "one unit fewer came back",
        "parcel back without an RMA",
        "RMA that is not JSON",
    } <= told
    whole = [
        number
        for store, rmas in documents(lived).items()
        for number in rmas.keys() - lived.returns.planted[store].keys()
    ]
    assert whole
    for number in whole:
        assert {grade for _, grade in lived.warehouse.returned(number)} == {"A"}


def test_the_judge_sees_a_refund_of_units_that_did_not_come_back_and_one_that_comes_twice(lived: Scenario) -> None:
    assert lived.returns.truth()["early_refund_units"] == {}
    store, number, order_id, line = next(
        (store, number, order_id, next(iter(lines)))
        for store, rmas in documents(lived).items()
        for number, (order_id, lines) in rmas.items()
        if number != "RMA-TOO-MANY" and max(lines.values()) >= 2
    )
    pay = lived.shops[store].payments.refund_by_hand
    pay(order_id, [(line, 1)], reason=f"came back [clarus:{number}]")
    assert lived.returns.truth()["early_refund_units"] == {f"{store} {number}": 1}
    assert lived.returns.truth()["double_refunds"] == []
    pay(order_id, [(line, 1)], reason=f"came back [clarus:{number}]")
    assert lived.returns.truth()["double_refunds"] == [number]
