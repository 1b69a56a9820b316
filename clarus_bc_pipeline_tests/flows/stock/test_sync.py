"""The stock flow's verbs on a real ledger: what is sent, what is held back, and what a person is told."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.inventory import InventorySettings
from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline.flows.stock.targets import read_targets
from clarus_bc_pipeline.ledger.findings import OpenFinding, open_findings
from clarus_bc_pipeline.settings import SkuSettings
from clarus_bc_pipeline_tests.flows.stock.counter_world import Counters

NAMES = itertools.count(1)


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def world_of(ledger: sa.Engine, patch: pytest.MonkeyPatch, *skus: str, **settings: object) -> Counters:
    return Counters(ledger, f"w{next(NAMES)}", skus=skus or ("MUG", "TIN"), settings=settings).install(patch)


def turn(world: Counters, *, sweep: bool = True) -> sync.Decided:
    world.tick(70)
    world.pull_orders()
    sync.pull(world.store, sweep=sweep)
    decided = sync.decide(world.store)
    sync.deliver(world.store)
    world.apply()
    world.tick(1)
    sync.prove(world.store)
    return decided


def findings(world: Counters) -> list[OpenFinding]:
    with world.engine.connect() as connection:
        return open_findings(connection, store=world.key)


def codes(world: Counters) -> list[str]:
    return sorted(f.code for f in findings(world))


def test_a_first_turn_shows_all_stock_in_one_call_and_a_second_says_nothing(
    ledger: sa.Engine, patch: pytest.MonkeyPatch
) -> None:
    world = world_of(ledger, patch)
    turn(world)
    assert world.shop == {("MUG", 1): 10, ("TIN", 1): 10}
    turn(world)
    assert len(world.calls) == 1
    assert codes(world) == []


def test_a_movement_reaches_the_shop_without_a_sweep(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch)
    turn(world)
    world.move("MUG", -4)
    turn(world, sweep=False)
    assert world.shop["MUG", 1] == 6
    assert [level.sku for level in world.calls[-1]] == ["MUG"]


@pytest.mark.parametrize("names", [True, False], ids=["named", "found by halves"])
def test_a_level_that_the_shop_refuses_is_told_and_the_rest_goes(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, names: bool
) -> None:
    world = world_of(ledger, patch, *"ABCDEFG")
    world.untracked, world.names_refused = {"C"}, names
    turn(world)
    assert {sku: world.shop[sku, 1] for sku in "ABCDEFG"} == dict.fromkeys("ABDEFG", 10) | {"C": 0}
    [finding] = findings(world)
    assert (finding.code, finding.subject) == ("stock_level_refused", "SKU C at location 1")
    before = len(world.calls)
    turn(world)
    assert len(world.calls) == before  # it is not tried again at once
    world.untracked = set()
    world.tick(3600)
    turn(world)
    assert world.shop["C", 1] == 10
    assert codes(world) == []


@pytest.mark.parametrize("holds", [0, 1])
def test_a_feed_that_is_empty_or_cut_short_publishes_nothing(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, holds: int
) -> None:
    world = world_of(ledger, patch, *"ABCD")
    turn(world)
    world.feed_holds = holds
    turn(world)
    assert set(world.shop.values()) == {10}
    assert len(world.calls) == 1
    assert codes(world) == ["stock_snapshot_refused"]
    world.feed_holds = None
    turn(world)
    assert codes(world) == []


def test_nothing_is_published_before_stock_was_read_whole(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch)
    world.feed_holds = 0
    turn(world)
    assert world.calls == []


def test_a_product_that_is_gone_from_the_feed_keeps_its_level_until_a_second_reading_says_so(
    ledger: sa.Engine, patch: pytest.MonkeyPatch
) -> None:
    world = world_of(ledger, patch, *"ABCD", confirm_drop_minutes=10)
    turn(world)
    world.feed_holds = 3
    turn(world)
    assert world.shop["D", 1] == 10
    assert codes(world) == ["stock_drop_doubted"]
    world.tick(600)
    turn(world)
    assert world.shop["D", 1] == 0
    assert codes(world) == []


def test_a_level_that_others_keep_changing_is_set_right_and_told(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch, drifts_allowed=2)
    turn(world)
    for _ in range(3):
        assert codes(world) == []
        world.shop["MUG", 1] = 99
        turn(world)
        assert world.shop["MUG", 1] == 10
    [finding] = findings(world)
    assert finding.code == "stock_drift"
    assert "changed by hand or by another app" in finding.message


def test_what_the_shop_took_off_for_an_order_is_no_drift(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch, drifts_allowed=0)
    turn(world)
    world.place("MUG", 3)
    turn(world)
    assert world.shop["MUG", 1] == 7
    assert codes(world) == []


def test_an_oversell_is_told_with_its_orders_and_resolves_when_stock_comes(
    ledger: sa.Engine, patch: pytest.MonkeyPatch
) -> None:
    world = world_of(ledger, patch)
    world.place("MUG", 8)
    world.tick()
    world.place("MUG", 4)
    assert turn(world).oversold_units == 2
    [finding] = findings(world)
    assert finding.evidence["orders"] == [2]
    assert finding.value_at_risk == 20
    world.move("MUG", 5)
    turn(world, sweep=False)
    assert codes(world) == []
    assert world.shop["MUG", 1] == 3


def test_a_categorys_buffer_is_held_back_from_its_skus_alone(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch, buffer_by_category={2: 4})  # TIN's
    turn(world)
    assert world.shop == {("MUG", 1): 10, ("TIN", 1): 6}


def test_a_newer_decision_takes_the_place_of_one_that_waits(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch)
    sync.pull(world.store, sweep=True)
    sync.decide(world.store)
    world.tick()
    world.move("MUG", -6)
    sync.pull(world.store, sweep=True)
    assert sync.decide(world.store).superseded == 1
    sync.deliver(world.store)
    assert [{level.sku: level.quantity for level in call} for call in world.calls] == [{"MUG": 4, "TIN": 10}]


def test_a_location_that_is_disabled_stops_nothing_but_itself(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    where = [{"location_id": 1}, {"location_id": 2}]
    world = world_of(ledger, patch, locations={"WHS01": where})
    world.locations = [(1, True), (2, False)]
    turn(world)
    assert world.shop == {("MUG", 1): 10, ("TIN", 1): 10}
    assert codes(world) == ["location_unusable"]


def test_a_store_whose_stock_flow_is_off_does_nothing(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch, enabled=False)
    assert turn(world) == sync.Decided()
    assert sync.news(world.store) is None
    assert world.calls == []


def test_a_quiet_store_has_no_news(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch)
    assert "sweep" in str(sync.news(world.store))
    turn(world)
    world.tick()
    sync.decide(world.store)
    assert sync.news(world.store) is None
    world.move("MUG", 1)
    assert "1 products moved" in str(sync.news(world.store))


def test_rules_that_make_two_skus_one_publish_neither(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch, "MUG", "mug", "TIN")
    lower = SkuSettings.model_validate({"rules": [{"rule": "lower"}]})
    world.store = replace(world.store, settings=world.store.settings.model_copy(update={"skus": lower}))
    turn(world)
    assert {level.sku for levels in world.calls for level in levels} == set()
    plain = replace(world.store, settings=world.store.settings.model_copy(update={"skus": SkuSettings()}))
    world.store = plain
    turn(world)
    assert {level.sku for levels in world.calls for level in levels} == {"MUG", "mug", "TIN"}


def test_what_the_shop_puts_back_for_a_refund_is_set_right_at_the_next_turn_and_the_setting_told(
    ledger: sa.Engine, patch: pytest.MonkeyPatch
) -> None:
    world = world_of(ledger, patch)
    world.rules = InventorySettings("order_placed", False, True)
    order = world.place("MUG", 3)
    turn(world)
    world.allocate()
    world.pull_goods_outs()
    turn(world)
    assert world.shop["MUG", 1] == 7
    world.refund(order)
    assert world.shop["MUG", 1] == 10
    turn(world, sweep=False)
    assert world.shop["MUG", 1] == 7
    assert codes(world) == ["restocked_twice"]
    calls = len(world.calls)
    turn(world, sweep=False)
    assert len(world.calls) == calls


@pytest.mark.parametrize("follows", [True, False])
def test_what_the_shop_puts_back_for_an_edit_is_set_right_at_the_next_turn(
    ledger: sa.Engine, patch: pytest.MonkeyPatch, follows: bool
) -> None:
    world = world_of(ledger, patch)
    world.rules = InventorySettings("order_placed", follows, False)
    order = world.place("MUG", 3)
    turn(world)
    world.allocate()
    world.pull_goods_outs()
    turn(world)
    calls = len(world.calls)
    world.edit(order, 1)
    turn(world, sweep=False)
    assert world.shop["MUG", 1] == 7
    assert len(world.calls) == calls + follows
    assert codes(world) == []


def test_allocations_that_speak_against_the_setting_are_told(ledger: sa.Engine, patch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, patch)
    world.excludes_allocated = False
    turn(world)
    for _ in range(5):
        world.place("MUG", 1)
        turn(world)
        world.allocate()
        world.pull_goods_outs()
        turn(world, sweep=False)
    assert codes(world) == ["available_setting_differs"]
    [finding] = findings(world)
    assert finding.evidence["pairs"] == 5


def test_the_targets_of_some_skus_are_those_of_all_with_what_shares_their_product(
    ledger: sa.Engine, patch: pytest.MonkeyPatch
) -> None:
    world = world_of(ledger, patch, "MUG", "mug", "TIN")
    table = SkuSettings.model_validate({"table": {"mug": "MUG", "MUG": "MUG"}})
    world.store = replace(world.store, settings=world.store.settings.model_copy(update={"skus": table}))
    turn(world)
    with world.engine.connect() as connection:
        whole = read_targets(connection, world.store).units
        some = read_targets(connection, world.store, of=["mug", "UNKNOWN"]).units
    assert {at.sku: units for at, units in some.items()} == {"MUG": 5, "mug": 5}
    assert some == {at: units for at, units in whole.items() if at.sku != "TIN"}
