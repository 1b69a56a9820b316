"""What each way of failing means to the caller, and what is tried again by itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

from clarus_bc_pipeline.bigcommerce.client import BigCommerce, resource
from clarus_bc_pipeline.bigcommerce.orders import get_order, set_order_status
from clarus_bc_pipeline.bigcommerce.shipments import create_shipment, list_shipments
from clarus_bc_pipeline.bigcommerce.store import get_store, get_time
from clarus_bc_pipeline.http import Ambiguous, AuthFailed, Gone, NotApplied, Refused
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault
from clarus_bc_pipeline.settings import BigCommerceSettings

Order = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.usefixtures("no_pauses")


def client_of(url: str) -> BigCommerce:
    settings = BigCommerceSettings.model_validate({"base_url": url, "store_hash": "sandbox"})
    return BigCommerce(settings, "sandbox")


def a_shipment(world: ShopWorld, order_id: int) -> dict[str, Any]:
    line = next(iter(world.orders[order_id].lines.values()))
    item = {"order_product_id": line["id"], "quantity": 1}
    return {"order_address_id": line["order_address_id"], "items": [item], "shipping_provider": ""}


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.TRUNCATED])
def test_a_write_that_was_applied_without_a_usable_reply_is_ambiguous_and_sent_once(
    shop: Any, api: BigCommerce, order: Order, fault: Fault
) -> None:
    order_id = shop.world.add_order(order())
    shop.fail(fault, "POST")
    with pytest.raises(Ambiguous):
        create_shipment(api, order_id, a_shipment(shop.world, order_id))
    assert len(shop.world.shipments(order_id)) == 1
    assert api.calls == {"POST orders/shipments": 1}


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.UNAVAILABLE])
def test_a_write_that_met_a_dead_server_is_ambiguous_although_it_was_not_applied(
    shop: Any, api: BigCommerce, order: Order, fault: Fault
) -> None:
    order_id = shop.world.add_order(order())
    shop.fail(fault, "POST")
    with pytest.raises(Ambiguous):
        create_shipment(api, order_id, a_shipment(shop.world, order_id))
    assert shop.world.shipments(order_id) == []
    assert api.total_calls == 1


def test_a_write_applied_after_its_connection_was_lost_is_found_by_reading_back(
    shop: Any, api: BigCommerce, order: Order
) -> None:
    order_id = shop.world.add_order(order())
    shop.fail(Fault.APPLY_LATER, "POST", seconds=0.05)
    with pytest.raises(Ambiguous):
        create_shipment(api, order_id, a_shipment(shop.world, order_id))
    for _ in range(1000):
        if list_shipments(api, order_id):
            break
    assert len(list_shipments(api, order_id)) == 1


@pytest.mark.parametrize(
    "fault", [Fault.RESET_BEFORE, Fault.ERROR_AFTER, Fault.UNAVAILABLE, Fault.TRUNCATED, Fault.RESET_AFTER]
)
def test_a_read_is_tried_four_times_and_then_says_why(shop: Any, api: BigCommerce, fault: Fault) -> None:
    shop.fail(fault, "GET")
    with pytest.raises(Ambiguous):
        get_store(api)
    assert api.calls == {"GET store": 4}


def test_a_read_recovers_by_itself_when_the_fault_passes(shop: Any, api: BigCommerce) -> None:
    shop.fail(Fault.TRUNCATED, "GET", rate=0.5)
    shop.plan.seed = 3
    assert {get_store(api).name for _ in range(5)} == {"Sandbox shop"}
    assert api.total_calls > 5


def test_a_time_out_is_ambiguous() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with client_of(f"http://127.0.0.1:{silent.getsockname()[1]}") as api:
            api._client.timeout = 0.05
            with pytest.raises(Ambiguous, match="ReadTimeout"):
                set_order_status(api, 1, 2)


def test_a_refused_connection_is_surely_not_applied() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with (
            client_of(f"http://127.0.0.1:{closed.getsockname()[1]}") as api,
            pytest.raises(NotApplied, match="no connection to 127"),
        ):
            set_order_status(api, 1, 2)


def test_a_throttled_write_tells_how_long_the_window_still_runs() -> None:
    world = ShopWorld(quota=1, window_seconds=30.0)
    world.quota.spend(1)
    app = bigcommerce_app(world)
    with served(app) as url, client_of(url) as api, pytest.raises(NotApplied) as thrown:
        set_order_status(api, 1, 2)
    assert thrown.value.status == 429
    assert thrown.value.retry_after is not None
    assert 0 < thrown.value.retry_after <= 30
    assert "exceeded your API call limit" in str(thrown.value)


def test_a_throttled_write_without_headers_leaves_the_wait_to_the_caller(shop: Any, api: BigCommerce) -> None:
    shop.fail(Fault.OVERLOADED, "PUT")
    with pytest.raises(NotApplied) as thrown:
        set_order_status(api, 1, 2)
    assert (thrown.value.status, thrown.value.retry_after) == (429, None)


def test_a_wrong_token_and_a_missing_scope_are_told_apart_from_every_other_failure(shop: Any) -> None:
    shop.world.tokens["narrow"] = frozenset({"store_v2_information_read_only"})
    with pytest.raises(AuthFailed, match="401"):
        get_store(shop.client("guess"))
    with pytest.raises(AuthFailed, match="store_v2_orders"):
        get_order(shop.client("narrow"), 1)
    with pytest.raises(AuthFailed, match="403"):
        get_store(shop.client(store_hash="elsewhere"))
    assert all(client.total_calls == 1 for client in shop.clients)


def test_what_is_not_there_is_gone(api: BigCommerce) -> None:
    with pytest.raises(Gone, match="not found"):
        get_order(api, 999)
    with pytest.raises(Gone):
        list_shipments(api, 999)


def test_a_refusal_carries_the_shops_own_words_from_its_array(shop: Any, api: BigCommerce, order: Order) -> None:
    order_id = shop.world.add_order(order())
    payload = a_shipment(shop.world, order_id)
    payload["items"][0]["quantity"] = 3
    with pytest.raises(Refused, match="exceeds what is left to ship") as thrown:
        create_shipment(api, order_id, payload)
    assert thrown.value.status == 400


def test_a_redirect_is_refused_and_not_followed() -> None:
    followed = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/elsewhere":
            followed.set()
        await RedirectResponse("/elsewhere", 302)(scope, receive, send)

    with served(app) as url, client_of(url) as api, pytest.raises(Refused, match="302"):
        get_store(api)
    assert not followed.is_set()


def test_a_partly_applied_write_is_ambiguous() -> None:
    app = Response('{"status":207}', 207)
    with served(app) as url, client_of(url) as api, pytest.raises(Ambiguous, match="applied in part"):
        api.put("v3/catalog/variants", [])


def test_the_words_of_a_v3_problem_name_each_field() -> None:
    problem = '{"status":422,"title":"JSON data is missing or invalid","errors":{"value":"must not be empty"}}'
    app = Response(problem, 422)
    with (
        served(app) as url,
        client_of(url) as api,
        pytest.raises(Refused, match="JSON data is missing or invalid; value: must not be empty"),
    ):
        api.post("v3/orders/1/metafields", {})


def test_a_base_address_with_a_path_keeps_it(shop: Any) -> None:
    async def prefixed(scope: Any, receive: Any, send: Any) -> None:
        await Response(f'{{"time": {1 if scope["path"] == "/proxy/stores/sandbox/v2/time" else 0}}}')(
            scope, receive, send
        )

    with served(prefixed) as url, client_of(f"{url}/proxy") as api:
        assert get_time(api).timestamp() == 1


def test_the_shops_clock_is_read_in_utc(shop: Any, api: BigCommerce) -> None:
    shop.world.clock = lambda: 1_800_000_000.7
    assert get_time(api).isoformat() == "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("v2/orders", "orders"),
        ("v2/orders/10432/shipments/7", "orders/shipments"),
        ("v3/catalog/products", "catalog/products"),
    ],
)
def test_calls_are_counted_by_resource_without_ids(path: str, counted: str) -> None:
    assert resource(path) == counted
