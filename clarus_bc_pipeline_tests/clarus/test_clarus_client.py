"""What every call has in common: errors inside a success, paging, throttling, retries, codes as ids."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.clarus.fields import PRODUCTS
from clarus_bc_pipeline.clarus.goods_outs import cancel_goods_out, goods_outs_with_status
from clarus_bc_pipeline.clarus.products import pull_products
from clarus_bc_pipeline.clarus.throttle import FIRST_PAUSE_SECONDS
from clarus_bc_pipeline.http import Ambiguous, AuthFailed, CallFailed, Gone, NotApplied, Refused
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline.settings import ClarusSettings, SettingsError
from clarus_bc_pipeline_tests.clarus.conftest import Warehouse


def codes(api: Clarus) -> list[str]:
    return [product.code for page in pull_products(api) for product in page.records]


def altered(warehouse: Warehouse, *replies: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The next GraphQL replies are changed by these functions, one each."""
    warehouse.world.alter_replies.extend(replies)


def saying(**body: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda reply: {**reply, **body}


def instead(**body: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda reply: body


def test_calls_are_counted_by_operation(warehouse: Warehouse) -> None:
    api = warehouse.client()
    codes(api)
    with pytest.raises(Gone):
        cancel_goods_out(api, 99)
    assert dict(api.calls) == {
        "token": 1, "graphql accounts": 1, "graphql products": 1, "POST goods_outs/cancel": 1,
    }  # fmt: skip
    assert api.total_calls == 4 == len(warehouse.world.log)


# --- errors inside a 200 ---


@pytest.mark.usefixtures("no_pauses")
def test_data_that_comes_with_errors_is_never_taken_for_the_whole(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    altered(warehouse, *[saying(errors=[{"message": "Timeout in field barcode"}])] * 4)
    with pytest.raises(Ambiguous, match="not whole: Timeout in field barcode"):
        codes(api)


@pytest.mark.usefixtures("no_pauses")
def test_a_read_that_failed_on_the_way_is_tried_again(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    altered(warehouse, instead(data=None, errors=[{"message": "boom"}]), instead(data={"products": None}))
    altered(warehouse, instead(errors=[{"message": "Internal server error"}]))
    with pytest.raises(Ambiguous, match="not a connection of products"):
        codes(api)  # the second reply was whole JSON and no list: a broken contract, not a hiccup
    assert codes(api) == ["MUG", "TIN"]


def test_a_query_that_the_schema_does_not_allow_is_refused_at_once(api: Clarus, warehouse: Warehouse) -> None:
    wanted = 'query { goods_outs { all(filter: {updated_at: {from: "2026-01-01"}}) { edges { node { id } } } } }'
    with pytest.raises(Refused, match="updated_at"):
        api.graphql(wanted)
    assert warehouse.calls() == 1
    assert warehouse.world.log.entries(path="/graphql")[0].seen == 200


def test_a_token_error_inside_a_200_renews_the_token(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    altered(warehouse, instead(errors=[{"message": "The access token expired"}]))
    assert codes(api) == ["MUG", "TIN"]
    assert api.calls["token"] == 2


def test_a_token_error_that_stays_is_an_authentication_failure(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    denied = instead(errors=[{"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}])
    altered(warehouse, denied, denied)
    with pytest.raises(AuthFailed, match="UNAUTHENTICATED"):
        codes(api)


def test_a_throttle_inside_a_200_is_waited_for(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    altered(warehouse, instead(errors=[{"message": "Rate limit exceeded"}]))
    assert codes(api) == ["MUG", "TIN"]
    assert len(warehouse.clock.slept) == 1


@pytest.mark.parametrize("with_200", [False, True])
def test_a_refused_write_gives_clarus_reasons_whatever_its_status(warehouse: Warehouse, with_200: bool) -> None:
    warehouse.world.errors_with_200 = with_200
    order = warehouse.world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    warehouse.world.despatch(order)
    with pytest.raises(Refused, match="goods_out_cannot_be_cancelled: the order is COMPLETED"):
        cancel_goods_out(warehouse.client(), order)


@pytest.mark.parametrize("with_200", [False, True])
def test_a_record_that_is_gone_is_told_from_one_that_is_refused(warehouse: Warehouse, with_200: bool) -> None:
    warehouse.world.errors_with_200 = with_200
    with pytest.raises(Gone):
        cancel_goods_out(warehouse.client(), 404)


def test_personal_data_in_an_error_is_taken_out(api: Clarus, warehouse: Warehouse) -> None:
    altered(warehouse, instead(errors=[{"message": "jo@example.com, +44 7700 900123 is not valid"}]))
    with pytest.raises(Refused) as refusal:
        codes(api)
    assert "example.com" not in str(refusal.value)
    assert "7700" not in str(refusal.value)


# --- no usable reply ---


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.RESET_BEFORE, Fault.ERROR_AFTER])
def test_a_read_is_tried_again_and_then_fails_loudly(warehouse: Warehouse, fault: Fault) -> None:
    api = warehouse.client()
    warehouse.fail(fault, path="/graphql")
    with pytest.raises(Ambiguous):
        codes(api)
    assert warehouse.calls() == 4
    warehouse.heal()
    assert codes(api) == ["MUG", "TIN"]


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.UNAVAILABLE])
def test_a_write_without_a_whole_reply_is_ambiguous_and_sent_once(warehouse: Warehouse, fault: Fault) -> None:
    api = warehouse.client()
    order = warehouse.world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    warehouse.fail(fault, path="/api/")
    with pytest.raises(Ambiguous):
        cancel_goods_out(api, order)
    assert warehouse.calls("/api/") == 1


@pytest.mark.usefixtures("no_pauses")
def test_a_warehouse_out_of_reach_was_surely_not_written_to() -> None:
    settings = ClarusSettings(base_url="http://127.0.0.1:9", subdomain="x", account="ACME", warehouse="WHS01")
    with Clarus(settings, "id", "secret") as api, pytest.raises(NotApplied, match="no connection"):
        api.write("POST", "/goods_outs/1/cancel")


# --- throttling ---


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNAVAILABLE])
def test_a_throttled_read_waits_longer_each_time(warehouse: Warehouse, fault: Fault) -> None:
    api = warehouse.client()
    warehouse.fail(fault, path="/graphql")
    with pytest.raises(NotApplied):
        codes(api)
    slept = warehouse.clock.slept
    assert len(slept) == warehouse.calls() - 1 >= 3
    assert all(later > earlier for earlier, later in pairwise(slept))


def test_a_throttle_is_obeyed_to_the_second_where_clarus_names_one(warehouse: Warehouse) -> None:
    api = warehouse.client()
    warehouse.plan.throttle_headers = {"Retry-After": "7"}
    warehouse.fail(Fault.THROTTLED, path="/api/")
    order = warehouse.world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    with pytest.raises(NotApplied) as throttled:
        cancel_goods_out(api, order)
    assert throttled.value.retry_after == 7
    warehouse.heal()
    cancel_goods_out(api, order)
    assert warehouse.clock.slept == [7]


def test_a_write_does_not_wait_longer_than_its_lease_allows(warehouse: Warehouse) -> None:
    api = warehouse.client()
    warehouse.plan.throttle_headers = {"Retry-After": "900"}
    warehouse.fail(Fault.THROTTLED, path="/api/")
    for _ in range(2):
        with pytest.raises(NotApplied) as throttled:
            cancel_goods_out(api, 1)
    assert throttled.value.retry_after == 900
    assert warehouse.clock.slept == []
    assert warehouse.calls("/api/") == 1


def test_a_good_reply_ends_the_row_of_longer_pauses(api: Clarus, warehouse: Warehouse) -> None:
    assert api.account_id
    for _ in range(4):
        altered(warehouse, instead(errors=[{"message": "Too many requests"}]))
        codes(api)
    assert len(warehouse.clock.slept) == 4
    assert max(warehouse.clock.slept) < 2 * FIRST_PAUSE_SECONDS


def test_a_write_that_met_an_overloaded_server_makes_the_next_call_wait(warehouse: Warehouse) -> None:
    api = warehouse.client()
    warehouse.fail(Fault.UNAVAILABLE, path="/api/")
    with pytest.raises(Ambiguous):
        cancel_goods_out(api, 1)
    warehouse.heal()
    codes(api)
    assert len(warehouse.clock.slept) == 1


# --- paging ---


def test_all_pages_are_read_in_turn(warehouse: Warehouse) -> None:
    for number in range(11):
        warehouse.world.add_product("ACME", f"SKU-{number}")
    pages = [len(page.records) for page in pull_products(warehouse.client(page_size=5))]
    assert pages == [5, 5, 3]


def test_a_page_shorter_than_asked_for_is_not_the_last_one(warehouse: Warehouse) -> None:
    warehouse.world.page_cap = 2
    for number in range(3):
        warehouse.world.add_product("ACME", f"SKU-{number}")
    assert len(codes(warehouse.client(page_size=100))) == 5


def test_a_page_that_comes_again_is_an_error_and_not_an_endless_loop(warehouse: Warehouse) -> None:
    api = warehouse.client(page_size=1)
    assert api.account_id
    kept: list[dict[str, Any]] = []

    def keep(reply: dict[str, Any]) -> dict[str, Any]:
        kept.append(copy.deepcopy(reply))
        return reply

    def again(_: dict[str, Any]) -> dict[str, Any]:
        kept[0]["data"]["products"]["all"]["pageInfo"]["endCursor"] = "another"
        return kept[0]

    altered(warehouse, keep, again)
    with pytest.raises(Ambiguous, match="only records of earlier pages"):
        codes(api)


@pytest.mark.parametrize("cursor", [None, "MQ"])
def test_a_cursor_that_stands_still_is_an_error(warehouse: Warehouse, cursor: str | None) -> None:
    for number in range(4):
        warehouse.world.add_product("ACME", f"SKU-{number}")
    api = warehouse.client(page_size=1)
    assert api.account_id

    def stuck(reply: dict[str, Any]) -> dict[str, Any]:
        reply["data"]["products"]["all"]["pageInfo"]["endCursor"] = cursor
        return reply

    altered(warehouse, lambda reply: reply, stuck)
    with pytest.raises(Ambiguous, match="cursor does not move"):
        codes(api)


def test_a_record_that_is_met_again_on_a_later_page_is_given_once(warehouse: Warehouse) -> None:
    world = warehouse.world
    first, *others = [
        world.create_goods_out("ACME", "WHS01", f"BC-{n}", [("MUG", 1)], status="DRAFT") for n in range(4)
    ]

    def move(order: int, status: str) -> None:
        world.set_status(world.goods_outs.rows[order], status)

    for order in others:
        move(order, "PENDING")
    api = warehouse.client(page_size=2)
    assert api.account_id

    def one_joins_before_and_the_last_leaves(reply: dict[str, Any]) -> dict[str, Any]:
        move(first, "PENDING")
        move(others[-1], "ALLOCATED")
        return reply

    altered(warehouse, one_joins_before_and_the_last_leaves)
    assert [g.id for g in goods_outs_with_status(api, ["PENDING"]).records] == others[:2]
    assert warehouse.calls() == 3


# --- codes ---


def test_account_and_warehouse_codes_become_ids_with_one_call_each(api: Clarus, warehouse: Warehouse) -> None:
    for _ in range(3):
        assert (api.account_id, api.warehouse_id) == (1, 1)
    assert warehouse.calls() == 2


def test_an_unknown_account_code_names_the_codes_that_exist(warehouse: Warehouse) -> None:
    with pytest.raises(SettingsError, match=r"clarus\.account = 'acme'.*It has ACME, BETA\."):
        _ = warehouse.client(account="acme").account_id


def test_an_unknown_warehouse_code_names_the_codes_that_exist(warehouse: Warehouse) -> None:
    with pytest.raises(SettingsError, match=r"clarus\.warehouse = 'WHS1'.*It has WHS01, WHS02\."):
        _ = warehouse.client(warehouse="WHS1").warehouse_id


def test_other_rest_paths_are_a_setting(warehouse: Warehouse) -> None:
    warehouse.world.api_path = "/api/v1"
    order = warehouse.world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    cancel_goods_out(warehouse.client(api_path="/api/v1"), order)
    assert warehouse.world.by_reference("BC-1") == []


def test_every_failure_is_one_of_the_known_outcomes(api: Clarus, warehouse: Warehouse) -> None:
    altered(warehouse, instead(data=[1, 2]))
    with pytest.raises(CallFailed):
        list(api.connection("products", PRODUCTS.selection, filter_type=PRODUCTS.filter_type, filter={}))
