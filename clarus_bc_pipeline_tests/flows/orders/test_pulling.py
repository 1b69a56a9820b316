"""Pulling orders: rows and cursor agree whatever stops the pull, and a bad record keeps nobody else out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.bigcommerce.order_record import storable
from clarus_bc_pipeline.flows.orders import pulling, sync
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline_tests.flows.orders.orders_world import ADA, MUG, OrdersWorld


@pytest.fixture
def pages_of_two(world: OrdersWorld, monkeypatch: pytest.MonkeyPatch) -> OrdersWorld:
    settings = world.store.shop.settings.model_copy(update={"page_size": 2})
    monkeypatch.setattr(world.store.shop, "settings", settings)
    monkeypatch.setattr(pulling, "PAGES_AT_ONCE", 1)
    return world


def plant(world: OrdersWorld, count: int) -> list[int]:
    made = []
    for _ in range(count):
        world.clock.move(minutes=1)
        made.append(world.order())
    return made


def kept(world: OrdersWorld) -> list[int]:
    return [row.order_id for row in world.rows("SELECT order_id FROM bigcommerce_order ORDER BY modified_at")]


def test_a_second_pull_of_nothing_new_changes_nothing(world: OrdersWorld) -> None:
    plant(world, 3)
    assert sync.pull(world.store).changed == 3
    assert sync.pull(world.store).changed == 0


def test_a_burst_is_not_read_again_for_ever(world: OrdersWorld) -> None:
    plant(world, 3)
    sync.pull(world.store)
    world.clock.move(hours=1)
    assert sync.pull(world.store).read > 0  # the overlap reaches back from the newest change
    assert sync.pull(world.store).read == 0  # and now from up to when all was read
    plant(world, 1)
    assert sync.pull(world.store).changed == 1


@pytest.mark.parametrize(("pages_kept", "committed"), [(0, 0), (1, 2), (2, 3)])
def test_a_pull_stopped_between_pages_goes_on_where_its_rows_end(
    pages_of_two: OrdersWorld, monkeypatch: pytest.MonkeyPatch, pages_kept: int, committed: int
) -> None:
    world, turns, keep = pages_of_two, iter(range(9)), pulling.keep_orders
    made = plant(world, 7)

    def stops(connection: Any, store: Any, orders: Any) -> int:
        changed = keep(connection, store, orders)
        if next(turns) == pages_kept:
            raise KeyboardInterrupt
        return changed

    with monkeypatch.context() as patched:
        patched.setattr(pulling, "keep_orders", stops)
        with pytest.raises(KeyboardInterrupt):
            sync.pull(world.store)
    cursor = world.rows("SELECT (position->>'modified_since')::timestamptz AS until FROM cursor")
    newest = world.rows("SELECT max(modified_at) AS until FROM bigcommerce_order")
    assert [row.until for row in cursor] == [row.until for row in newest if row.until]
    assert len(kept(world)) == committed
    assert sync.pull(world.store).changed == 7 - committed
    assert kept(world) == made


def test_a_shop_that_fails_midway_leaves_what_was_read(
    pages_of_two: OrdersWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = pages_of_two
    made = plant(world, 5)
    get, calls = world.store.shop.get, iter(range(99))

    def fails(path: str, *args: Any, **more: Any) -> bytes:
        if next(calls) == 2:
            raise CallFailed("GET v2/orders", "broken")
        return get(path, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(world.store.shop, "get", fails)
        with pytest.raises(CallFailed):
            sync.pull(world.store)
    assert kept(world) == made[:3]
    sync.pull(world.store)
    assert kept(world) == made


PULL_AND_DIE = """
import os, signal, sys
from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.flows.orders import pulling
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import new_engine
from clarus_bc_pipeline.settings import StoreSettings

settings = StoreSettings.model_validate_json(sys.argv[1])
pulling.PAGES_AT_ONCE = 1
turns, write = iter(range(9)), pulling.write_cursor

def dies(connection, **more):
    if next(turns) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(connection, **more)

pulling.write_cursor = dies
with BigCommerce(settings.bigcommerce, "sandbox") as shop, Clarus(settings.clarus, "c", "s") as warehouse:
    pulling.pull(Store(settings, new_engine(sys.argv[2]), shop, warehouse))
"""


def test_a_killed_pull_leaves_rows_and_cursor_in_agreement(pages_of_two: OrdersWorld, ledger_url: str) -> None:
    world = pages_of_two
    made = plant(world, 6)
    small = world.store.settings.model_copy(update={"bigcommerce": world.store.shop.settings})
    command = [sys.executable, "-c", PULL_AND_DIE, small.model_dump_json(), ledger_url]
    died = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    (cursor,) = world.rows("SELECT (position->>'modified_since')::timestamptz AS until FROM cursor")
    (newest,) = world.rows("SELECT max(modified_at) AS until, count(*) AS orders FROM bigcommerce_order")
    assert (newest.orders, cursor.until) == (2, newest.until)
    sync.pull(world.store)
    assert kept(world) == made


@pytest.mark.parametrize(
    "spoilt",
    [
        {"total_inc_tax": "NaN"},
        {"total_inc_tax": "1" + "0" * 30},
        {"total_inc_tax": "a pound"},
        {"status_id": 10**12},
        {"status_id": None},
        {"date_created": "yesterday"},
    ],
)
def test_an_order_that_cannot_be_kept_is_told_and_keeps_nobody_out_and_resolves_once_it_can(
    world: OrdersWorld, spoilt: dict[str, Any]
) -> None:
    before, bad, after = plant(world, 3)
    record = world.shop.orders[bad].record
    was = {name: record[name] for name in spoilt}
    world.shop.edit_order(bad, **spoilt)
    assert sync.pull(world.store).unreadable == 1
    assert kept(world) == [before, after]
    assert [(f.code, f.subject) for f in world.findings()] == [("unreadable_record", f"order {bad}")]
    world.clock.move(minutes=1)
    world.shop.edit_order(bad, **was)
    sync.pull(world.store)
    assert bad in kept(world)
    assert world.findings() == []


@pytest.mark.parametrize("quantity", [-1, 1.5, 10**30])
def test_a_quantity_that_is_none_makes_the_order_wait(world: OrdersWorld, quantity: Any) -> None:
    (order,) = plant(world, 1)
    world.shop.edit_line(order, next(iter(world.shop.orders[order].lines)), quantity=quantity)
    world.turn()
    assert (world.codes(), world.goods_outs(order)) == (["unreadable_record"], [])


def test_personal_data_is_kept_in_the_release_payload_only(world: OrdersWorld) -> None:
    secret = {name: f"Secret-{name}" for name in ("first_name", "street_1", "city", "company", "phone", "email")}
    line = {**MUG, "wrapping_name": "Red", "wrapping_message": "Secret-wish", "options": [("Text", "Secret-text")]}
    order = world.order(line, addresses=[{**ADA, **secret}], customer_message="Secret-message")
    world.shop.add_metafield(order, "delivery", "instructions", "left")
    sync.pull(world.store)
    for (table,) in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = str(world.rows(f"SELECT t::text FROM {table} t"))
        assert ("Secret" in rows) == (table == "order_personal"), table
    ((payload,),) = world.rows("SELECT payload FROM order_personal")
    assert payload["lines"] == [
        {
            "order_product_id": next(iter(world.shop.orders[order].lines)),
            "sku": "MUG",
            "options": [["Text", "Secret-text"]],
            "wrapping": ["Red", "Secret-wish"],
        }
    ]
    assert payload["addresses"][0]["street_1"] == "Secret-street_1"


def test_money_and_times_come_back_exactly(world: OrdersWorld) -> None:
    world.order({**MUG, "price_inc_tax": "0.3333"}, total_inc_tax="1234567890.1234")
    sync.pull(world.store)
    (order,) = world.rows("SELECT total_inc_tax, created_at FROM bigcommerce_order")
    assert (order.total_inc_tax, order.created_at) == (Decimal("1234567890.1234"), world.clock.at)
    assert world.rows("SELECT price_inc_tax FROM bigcommerce_order_line") == [(Decimal("0.3333"),)]


def test_metafields_are_read_when_an_order_changed_and_else_not_asked_for(world: OrdersWorld) -> None:
    def asked_after(minutes: int) -> int:
        world.clock.move(minutes=minutes)
        sync.pull(world.store)
        return len(world.shop.log.entries(path="metafields"))

    plant(world, 1)
    asked_after(0)
    asked = asked_after(5)  # the clock stood still between order and metafields: asked once more
    assert asked_after(5) == asked
    plant(world, 1)
    assert asked_after(5) == asked + 1


@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from("\0\\u0d8\ud83c\udf82"), max_size=40))
def test_whatever_text_a_shop_sends_only_nul_and_broken_surrogates_change(text: str) -> None:
    kept_text = msgspec.json.decode(storable(json.dumps([text]).encode()))[0]
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs joined, halves replaced
    assert kept_text == whole.replace("\0", "")
