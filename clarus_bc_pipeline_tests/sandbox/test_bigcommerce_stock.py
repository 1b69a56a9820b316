"""The shop's double and stock, without our client's manners: what is taken, when it is shown, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule

PATH = "/v3/inventory/adjustments/absolute"


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> ShopWorld:
    world = ShopWorld(quota=1000, clock=clock)
    world.catalogue.add({"sku": "MUG", "stock": 3})
    return world


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def http(world: ShopWorld, plan: FaultPlan) -> Iterator[httpx.Client]:
    with (
        served(bigcommerce_app(world, plan=plan)) as url,
        httpx.Client(base_url=f"{url}/stores/sandbox", headers={"X-Auth-Token": "sandbox"}) as http,
    ):
        yield http


def body(units: object, *, sku: str = "MUG", location_id: int = 1) -> dict[str, Any]:
    return {"reason": "count", "items": [{"sku": sku, "location_id": location_id, "quantity": units}]}


def test_the_truth_says_what_was_taken_and_when_it_will_be_shown(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    world.catalogue.apply_after_seconds = 5
    number = http.put(PATH, json=body(7)).json()["transaction_id"]
    (level,) = world.catalogue.taken_levels
    assert (level.transaction_id, level.sku, level.location_id, level.units) == (number, "MUG", 1, 7)
    assert (level.taken_at, level.due_at) == (1000, 1005)
    assert world.catalogue.stock("MUG") == 3
    clock.at += 5
    assert world.catalogue.stock("MUG") == 7


def test_a_call_that_the_shop_loses_is_accepted_and_never_shown(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    world.catalogue.loses_calls = 1
    assert http.put(PATH, json=body(7)).status_code == 200
    clock.at += 3600
    assert world.catalogue.stock("MUG") == 3
    http.put(PATH, json=body(8))
    assert world.catalogue.stock("MUG") == 8
    assert [level.due_at for level in world.catalogue.taken_levels] == [None, 4600]


def test_a_level_is_on_hand_and_the_safety_stock_comes_off_what_may_be_sold(
    world: ShopWorld, http: httpx.Client
) -> None:
    world.catalogue.set_stock("MUG", 3, safety_stock=2)
    http.put(PATH, json=body(7))
    (item,) = http.get("/v3/inventory/items", params={"sku:in": "MUG,TIN"}).json()["data"]
    assert (item["locations"][0]["total_inventory_onhand"], item["locations"][0]["available_to_sell"]) == (7, 5)


@pytest.mark.parametrize("units", [-1, 2_147_483_648, 1.5, "3", None, True])
def test_what_is_no_number_of_units_is_refused(world: ShopWorld, http: httpx.Client, units: object) -> None:
    reply = http.put(PATH, json=body(units))
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert world.catalogue.stock("MUG") == 3


def test_more_than_two_thousand_items_are_refused(world: ShopWorld, http: httpx.Client) -> None:
    items = body(1)["items"]
    assert http.put(PATH, json={"items": items * 2000}).status_code == 200
    assert http.put(PATH, json={"items": items * 2001}).status_code == 422


def test_a_product_deleted_before_its_level_is_shown_harms_no_other(
    world: ShopWorld, clock: Clock, http: httpx.Client
) -> None:
    gone = world.catalogue.add({"sku": "TIN", "stock": 1})
    world.catalogue.apply_after_seconds = 5
    http.put(PATH, json={"items": [*body(4, sku="TIN")["items"], *body(9)["items"]]})
    world.catalogue.delete(gone)
    clock.at += 5
    assert world.catalogue.stock("MUG") == 9


@pytest.mark.parametrize(("fault", "units"), [(Fault.RESET_AFTER, 7), (Fault.ERROR_AFTER, 7), (Fault.UNAVAILABLE, 3)])
def test_faults_befall_levels_as_they_do_other_writes(
    world: ShopWorld, plan: FaultPlan, http: httpx.Client, fault: Fault, units: int
) -> None:
    plan.rules = [FaultRule(fault, 1.0, path="/inventory/")]
    try:
        assert http.put(PATH, json=body(7)).is_server_error
    except httpx.TransportError:
        assert fault is Fault.RESET_AFTER
    assert world.catalogue.stock("MUG") == units


def test_locations_and_stock_settings_need_their_own_scopes(world: ShopWorld, http: httpx.Client) -> None:
    world.tokens["sandbox"] = world.tokens["sandbox"] - {"store_inventory"}
    assert http.put(PATH, json=body(1)).status_code == 403
    assert http.get("/v3/inventory/locations").status_code == 403
    assert http.get("/v3/settings/inventory").status_code == 200
