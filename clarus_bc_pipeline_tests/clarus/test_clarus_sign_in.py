"""OAuth client credentials against the double: when a token is asked for, and what a refusal means."""

from __future__ import annotations

import threading

import pytest

from clarus_bc_pipeline.clarus.products import pull_products
from clarus_bc_pipeline.http import AuthFailed, NotApplied
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline_tests.clarus.conftest import Warehouse


def test_one_token_serves_many_calls(warehouse: Warehouse) -> None:
    api = warehouse.client()
    for _ in range(3):
        list(pull_products(api))
    assert api.calls["token"] == 1


def test_a_token_is_renewed_before_it_ends(warehouse: Warehouse) -> None:
    warehouse.world.token_seconds = 7200
    api = warehouse.client()
    api._sign_in._clock = warehouse.clock.seconds
    list(pull_products(api))
    warehouse.clock.pass_(seconds=7200 - 30)
    list(pull_products(api))
    assert api.calls["token"] == 2
    assert not warehouse.world.log.entries(status=401)


def test_a_token_that_clarus_dropped_is_renewed_once_and_the_call_repeated(warehouse: Warehouse) -> None:
    api = warehouse.client()
    list(pull_products(api))
    warehouse.world.tokens.clear()
    assert [p.code for page in pull_products(api) for p in page.records] == ["MUG", "TIN"]
    assert api.calls["token"] == 2
    assert len(warehouse.world.log.entries(status=401)) == 1


def test_a_write_is_repeated_after_a_401_because_it_was_not_applied(warehouse: Warehouse) -> None:
    api = warehouse.client()
    order = warehouse.world.create_goods_out("ACME", "WHS01", "BC-1", [("MUG", 1)])
    warehouse.world.allocate(order)
    list(pull_products(api))
    warehouse.world.tokens.clear()
    api.write("POST", f"/goods_outs/{order}/cancel")
    assert warehouse.world.goods_outs.rows[order]["goods_out_status"]["code"] == "CANCELLED"


def test_wrong_credentials_are_said_so_after_one_call(warehouse: Warehouse) -> None:
    api = warehouse.client(secret="no longer right")
    with pytest.raises(AuthFailed, match="did not accept this client id and secret"):
        list(pull_products(api))
    assert warehouse.calls("/oauth/token") == 1
    assert warehouse.calls("/graphql") == 0


def test_a_wrong_subdomain_is_an_authentication_failure(warehouse: Warehouse) -> None:
    with pytest.raises(AuthFailed, match="/oauth/token"):
        list(pull_products(warehouse.client(subdomain="somebody-else")))


def test_no_token_means_that_the_write_it_was_for_was_not_applied(warehouse: Warehouse) -> None:
    warehouse.fail(Fault.ERROR_AFTER, path="/oauth/token")
    with pytest.raises(NotApplied, match="no token"):
        warehouse.client().write("POST", "/goods_outs/1/cancel")
    assert warehouse.calls("/api") == 0


def test_threads_that_need_a_token_at_once_make_one_call(warehouse: Warehouse) -> None:
    api = warehouse.client()
    threads = [threading.Thread(target=lambda: list(pull_products(api))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.calls["token"] == 1


def test_a_token_renewed_meanwhile_is_not_thrown_away_with_the_old_one(warehouse: Warehouse) -> None:
    sign_in = warehouse.client()._sign_in
    old = sign_in.token()
    sign_in.forget(old)
    new = sign_in.token()
    sign_in.forget(old)  # a thread that was refused with the old one, a moment later
    assert sign_in.token() == new != old
