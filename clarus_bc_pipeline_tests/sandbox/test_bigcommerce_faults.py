"""Faults by seed, the truth log, and the quirks of the double that our own client does not reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule, TruthLog

RATES = [
    FaultRule(Fault.RESET_AFTER, 0.2),
    FaultRule(Fault.ERROR_AFTER, 0.3),
    FaultRule(Fault.LATENCY, 0.1, ["GET"]),
]


@pytest.fixture
def world() -> ShopWorld:
    return ShopWorld(quota=3, window_seconds=60.0, log=TruthLog(keep_bodies=True))


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan(throttle_headers={"X-Rate-Limit-Time-Reset-Ms": "5000"})


@pytest.fixture
def http(world: ShopWorld, plan: FaultPlan) -> Iterator[httpx.Client]:
    with (
        served(bigcommerce_app(world, plan=plan)) as url,
        httpx.Client(base_url=f"{url}/stores/sandbox", headers={"X-Auth-Token": "sandbox"}) as http,
    ):
        yield http


def faults_of(plan: FaultPlan, calls: int) -> list[str | None]:
    rules = [plan.next("GET" if number % 3 else "POST", "/v2/orders") for number in range(calls)]
    return [rule.fault.value if rule else None for rule in rules]


def test_the_same_seed_makes_the_same_faults_and_another_seed_makes_others() -> None:
    assert faults_of(FaultPlan(7, RATES), 200) == faults_of(FaultPlan(7, RATES), 200)
    assert faults_of(FaultPlan(7, RATES), 200) != faults_of(FaultPlan(8, RATES), 200)


def test_faults_come_at_their_rates_and_only_to_their_methods() -> None:
    plan = FaultPlan(1, RATES)
    writes = Counter(rule.fault if (rule := plan.next("POST", "/")) else None for _ in range(4000))
    reads = Counter(rule.fault if (rule := plan.next("GET", "/")) else None for _ in range(4000))
    assert writes[Fault.RESET_AFTER] == pytest.approx(800, rel=0.15)
    assert writes[Fault.ERROR_AFTER] == pytest.approx(1200, rel=0.15)
    assert set(reads) == {None, Fault.LATENCY}


def test_a_plan_switched_off_still_counts_calls_so_that_later_faults_stay_the_same() -> None:
    steady, rested = FaultPlan(7, RATES), FaultPlan(7, RATES, active=False)
    assert [rested.next("POST", "/") for _ in range(50)] == [None] * 50
    rested.active = True
    wanted = [steady.next("POST", "/") for _ in range(200)][50:]
    assert [rested.next("POST", "/") for _ in range(150)] == wanted
    assert any(wanted)


@pytest.mark.parametrize(
    ("fault", "seen", "applied"),
    [
        (Fault.LATENCY, 201, True), (Fault.ERROR_AFTER, 500, True), (Fault.TRUNCATED, 201, True),
        (Fault.THROTTLED, 429, False), (Fault.OVERLOADED, 429, False), (Fault.UNAVAILABLE, 503, False),
        (Fault.RESET_AFTER, None, True), (Fault.RESET_BEFORE, None, False),
    ],
)  # fmt: skip
def test_the_log_tells_what_the_client_saw_apart_from_what_was_applied(
    world: ShopWorld, plan: FaultPlan, http: httpx.Client, fault: Fault, seen: int | None, applied: bool
) -> None:
    order_id = world.add_order({"addresses": [{"zip": "LS1 1AA"}], "lines": [{"sku": "MUG"}]})
    (line,), (address,) = world.orders[order_id].lines, world.orders[order_id].addresses
    body = {"order_address_id": address, "items": [{"order_product_id": line, "quantity": 1}]}
    plan.rules = [FaultRule(fault, 1.0)]
    if seen is None:
        with pytest.raises(httpx.TransportError):
            http.post(f"/v2/orders/{order_id}/shipments", json=body)
    else:
        assert http.post(f"/v2/orders/{order_id}/shipments", json=body).status_code == seen
    (entry,) = world.log.entries()
    assert (entry.seen, entry.applied, entry.fault) == (seen, applied, fault.value)
    assert len(world.shipments(order_id)) == applied


def test_a_429_with_headers_tells_the_reset_and_one_without_tells_nothing(plan: FaultPlan, http: httpx.Client) -> None:
    plan.rules = [FaultRule(Fault.THROTTLED, 1.0, ["GET"])]
    assert http.get("/v2/time").headers["X-Rate-Limit-Time-Reset-Ms"] == "5000"
    plan.rules = [FaultRule(Fault.OVERLOADED, 1.0, ["GET"])]
    assert not [name for name in http.get("/v2/time").headers if name.lower().startswith("x-rate-limit")]


def test_the_quota_is_enforced_and_every_reply_tells_what_is_left(world: ShopWorld, http: httpx.Client) -> None:
    replies = [http.get("/v2/time") for _ in range(4)]
    assert [r.status_code for r in replies] == [200, 200, 200, 429]
    assert [r.headers["X-Rate-Limit-Requests-Left"] for r in replies] == ["2", "1", "0", "0"]
    assert {r.headers["X-Rate-Limit-Requests-Quota"] for r in replies} == {"3"}
    assert {r.headers["X-Rate-Limit-Time-Window-Ms"] for r in replies} == {"60000"}
    assert all(0 < int(r.headers["X-Rate-Limit-Time-Reset-Ms"]) <= 60_000 for r in replies)


def test_a_call_without_a_good_token_costs_no_quota(http: httpx.Client) -> None:
    assert http.get("/v2/time", headers={"X-Auth-Token": "guess"}).status_code == 401
    assert http.get("/v2/time").headers["X-Rate-Limit-Requests-Left"] == "2"


def test_the_log_and_its_counts_are_served_beside_the_shop(world: ShopWorld, http: httpx.Client) -> None:
    http.get("/v2/orders/101")
    root = str(http.base_url).removesuffix("/stores/sandbox/")
    (row,) = httpx.get(f"{root}/_sandbox/log").json()
    assert (row["method"], row["path"], row["seen"]) == ("GET", "/stores/sandbox/v2/orders/101", 404)
    counts = httpx.get(f"{root}/_sandbox/counts").json()
    assert counts == {"GET /stores/sandbox/v2/orders/{id}": 1, "status 404": 1}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("GET", "/v2/orders?limit=251", {}, 413),
        ("GET", "/v2/orders?sort=name", {}, 400),
        ("GET", "/v2/orders?min_date_modified=soon", {}, 400),
        ("PUT", "/v2/orders", {"json": {}}, 405),
        ("PUT", "/v2/orders/1", {"content": b"{}"}, 415),
        ("PUT", "/v2/orders/1", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("GET", "/v2/nothing", {}, 404),
        ("GET", "/v2/orders", {}, 204),
    ],
)
def test_each_wrong_request_gets_its_own_status(
    http: httpx.Client, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    assert http.request(method, path, **request_).status_code == status


def test_v2_errors_are_arrays_and_v3_errors_are_problems(http: httpx.Client) -> None:
    assert http.get("/v2/orders/1").json()[0]["status"] == 404
    assert http.get("/v3/orders/1/metafields").json()["title"]


def test_deleting_an_order_archives_it(world: ShopWorld, http: httpx.Client) -> None:
    order_id = world.add_order({})
    assert http.delete(f"/v2/orders/{order_id}").status_code == 204
    assert http.get(f"/v2/orders/{order_id}").json()["is_deleted"] is True
