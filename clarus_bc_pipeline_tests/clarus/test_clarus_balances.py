"""Stock balances as the warehouse shows them, over HTTP: what is read, what cannot be, and how many calls it takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from clarus_bc_pipeline.clarus.balances import Balance, balances_of, pull_balances
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.transactions import transactions_since
from clarus_bc_pipeline.http import Ambiguous
from clarus_bc_pipeline.sandbox.clarus import WarehouseWorld
from clarus_bc_pipeline_tests.clarus.conftest import NOON, Warehouse


@pytest.fixture
def mug(world: WarehouseWorld) -> Any:
    """Sets fields of the balance of the mug of ACME in WHS01, whatever they are."""
    balance = world.stock.balance(world.products.rows[1], world.warehouses.rows[1])
    return lambda **fields: balance.update(fields)


def test_every_balance_of_the_owner_is_read_in_every_warehouse(api: Clarus, world: WarehouseWorld) -> None:
    world.add_product("ACME", "LAMP", stock=12)
    world.allocate(world.create_goods_out("ACME", "WHS01", "BC-1", [("LAMP", 5)]))
    world.pick(world.create_goods_out("ACME", "WHS01", "BC-2", [("LAMP", 1)]))
    world.hold("LAMP", 2)
    read = [balance for page in pull_balances(api) for balance in page.records]
    assert {(b.product_code, b.warehouse) for b in read} == {
        (code, place) for code in ("MUG", "TIN", "LAMP") for place in ("WHS01", "WHS02")
    }
    assert len(read) == 6  # BETA's mug is not among them
    assert next(b for b in read if (b.product_code, b.warehouse) == ("LAMP", "WHS01")) == Balance(
        product_id=4, product_code="LAMP", warehouse="WHS01",
        available=4, allocated=5, received=12, picked=1, ordered=6,
    )  # fmt: skip


def test_balances_of_products_are_asked_for_by_id_two_hundred_a_call(warehouse: Warehouse) -> None:
    world, api = warehouse.world, warehouse.client(page_size=250)
    ids = [world.add_product("ACME", f"S{n}", stock=n) for n in range(201)]
    assert {b.product_id for b in balances_of(api, ids[:2]).records} == set(ids[:2])
    before = api.calls["graphql stock_balances"]
    assert len(balances_of(api, [*ids, *ids]).records) == 2 * 201  # of two warehouses, each once
    assert api.calls["graphql stock_balances"] - before == 3  # 400 balances are two pages of 250, 2 are one
    assert balances_of(api, []).records == []


def test_a_product_of_another_owner_gives_no_balance(api: Clarus) -> None:
    assert balances_of(api, [2]).records == []


def test_a_fraction_and_a_number_below_zero_are_read_as_they_are(api: Clarus, mug: Any) -> None:
    mug(available=-3.0, allocated=1.5)
    (read, _) = balances_of(api, [1]).records
    assert (read.available, read.allocated) == (-3, Decimal("1.5"))
    assert isinstance(read.available, int)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"available": None}, "available: expected decimal, got null"),
        ({"picked": 1.23e12}, "picked: 1230000000000.0 is no number of units; at most 2147483647 can be shown"),
    ],
)
def test_a_balance_that_cannot_be_read_is_named_and_its_neighbours_are_read(
    api: Clarus, mug: Any, fields: dict[str, Any], reason: str
) -> None:
    mug(**fields)
    page = balances_of(api, [1, 3])
    assert [(u.record, u.reason) for u in page.unreadable] == [("stock balance of MUG", reason)]
    assert {(b.product_code, b.warehouse) for b in page.records} == {
        ("MUG", "WHS02"),
        ("TIN", "WHS01"),
        ("TIN", "WHS02"),
    }


def test_a_page_that_comes_again_is_not_taken_for_the_rest(warehouse: Warehouse, no_pauses: None) -> None:
    api, kept = warehouse.client(page_size=2), []

    def again(reply: dict[str, Any]) -> dict[str, Any]:
        kept.append(reply)
        stuck = kept[0]["data"]["stock_balances"]["all"]
        return {
            "data": {
                "stock_balances": {"all": {**stuck, "pageInfo": {**stuck["pageInfo"], "endCursor": f"{len(kept)}"}}}
            }
        }

    assert api.account_id == 1
    warehouse.world.alter_replies.extend([again, again])
    with pytest.raises(Ambiguous, match="only records of earlier pages"):
        list(pull_balances(api))


def test_a_product_deleted_while_we_page_takes_none_of_the_others_numbers(warehouse: Warehouse) -> None:
    world, api = warehouse.world, warehouse.client(page_size=2)
    for n in range(4):
        world.add_product("ACME", f"S{n}", stock=n)
    read: dict[str, int | Decimal] = {}
    for page in pull_balances(api):
        read |= {b.product_code: b.available for b in page.records if b.warehouse == "WHS01"}
        if "S3" in {p["code"] for p in world.products.rows.values()}:
            world.remove_product(next(p["id"] for p in world.products.rows.values() if p["code"] == "S3"))
    assert {code: units for code, units in read.items() if code.startswith("S")} == {"S0": 0, "S1": 1, "S2": 2}


def test_what_moves_without_an_order_is_in_the_transactions(api: Clarus, world: WarehouseWorld) -> None:
    world.receive("TIN", 5)
    world.adjust("TIN", -2)
    world.hold("TIN", 4)
    world.release_hold("TIN")
    read = transactions_since(api, NOON).records
    assert [(t.subtype, int(t.quantity), t.product_code, t.goods_out_id) for t in read] == [
        ("RCV", 5, "TIN", None), ("ADJUST", 2, "TIN", None), ("HOLD", 4, "TIN", None), ("RELEASE", 4, "TIN", None),
    ]  # fmt: skip
