"""Both doubles and the scenario on one loopback port: /bigcommerce, /clarus, and /scenario for the story's hand.

What belongs here: serving. What does not: what is served (`bigcommerce/`, `clarus/`, `scenario.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clarus_bc_pipeline.sandbox.bigcommerce import bigcommerce_app
from clarus_bc_pipeline.sandbox.clarus import clarus_app
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule, TruthLog
from clarus_bc_pipeline.sandbox.opening import new_scenario
from clarus_bc_pipeline.sandbox.scenario import (
    ACCOUNTS,
    CLIENT_ID,
    CLIENT_SECRET,
    REFUND_TOKEN,
    TOKEN,
    Scenario,
)

# One write in fifty ends in doubt or is refused for now; enough to see the outbox settle it.
FAULTS = (
    FaultRule(Fault.RESET_AFTER, 0.01),
    FaultRule(Fault.ERROR_AFTER, 0.005),
    FaultRule(Fault.UNAVAILABLE, 0.005),
)


def app(scenario: Scenario, *, seed: int, faults: bool) -> ASGIApp:
    """The whole sandbox as one ASGI application."""
    plan = FaultPlan(seed, FAULTS, active=faults)
    shop = bigcommerce_app(*scenario.shops.values(), plan=plan)
    warehouse = clarus_app(scenario.warehouse, plan=FaultPlan(seed + 1, FAULTS, active=faults))

    async def state(request: Request) -> Response:
        return JSONResponse(
            {
                "steps": list(scenario.steps),
                "planted": scenario.planted,
                "planted_money": scenario.money,
                "goods_outs": len(scenario.warehouse.goods_outs.rows),
                "calls": {
                    "bigcommerce": len(_log(scenario)),
                    "bigcommerce_orders": sum("/v2/orders" in entry.path for entry in _log(scenario).entries()),
                    "clarus": len(scenario.warehouse.log),
                },
                **await run_in_threadpool(truth, scenario),
            }
        )

    async def step(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in scenario.steps:
            return JSONResponse({"error": f"no step {name!r}; there are {', '.join(scenario.steps)}"}, 404)
        return JSONResponse({"step": name, "done": await run_in_threadpool(scenario.steps[name])})

    hand = Starlette(routes=[Route("/scenario", state), Route("/scenario/{name}", step, methods=["POST"])])
    doubles = {"/bigcommerce": shop, "/clarus": warehouse}

    async def by_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        """Each double sees its own paths from the root, as the vendor's host would."""
        path = scope.get("path", "")
        prefix = next((p for p in doubles if path.startswith(f"{p}/")), "")
        inner = doubles.get(prefix, hand)
        await inner({**scope, "path": path.removeprefix(prefix), "raw_path": None} if prefix else scope, receive, send)

    return by_prefix


def truth(scenario: Scenario) -> dict[str, Any]:
    """What really happened, from the doubles' own records: the judge of the pipeline's claims.

    `lost_units` left the warehouse and show in no shipment of their order, by store and order;
    `surplus_units` are the reverse. Orders with
    a planted trouble are left out of both: they are judged line by line, by name.
    `stock_above_warehouse_units` could be sold and are not there.
    """
    left: Counter[tuple[str, int]] = Counter()
    for line in scenario.warehouse.despatched:
        store = next(store for store, account in ACCOUNTS.items() if account == line.account)
        left[store, int(line.reference.removeprefix("BC-").partition("-")[0])] += int(line.quantity)
    shown: Counter[tuple[str, int]] = Counter()
    markers: list[tuple[str, str]] = []
    for store, shop in scenario.shops.items():
        for order in shop.orders.values():
            for shipment in order.shipments.values():
                shown[store, order.id] += sum(item["quantity"] for item in shipment["items"])
                if "[clarus:" in shipment["comments"]:
                    markers.append((store, shipment["comments"]))
    plain = [order for order in left.keys() | shown.keys() if order[1] not in scenario.planted[order[0]]]
    return {
        "shipments": len(markers),
        "duplicate_shipments": len(markers) - len(set(markers)),
        "despatched_units": sum(left.values()),
        "lost_units": {f"{s} {o}": left[s, o] - shown[s, o] for s, o in plain if left[s, o] > shown[s, o]},
        "surplus_units": {f"{s} {o}": shown[s, o] - left[s, o] for s, o in plain if left[s, o] < shown[s, o]},
        "stock_above_warehouse_units": {store: sum(_offered_too_much(scenario, store)) for store in scenario.shops},
        **scenario.returns.truth(),
        "throttled": sum(1 for entry in _log(scenario).entries() if entry.seen == 429 and not entry.fault),
    }


def _offered_too_much(scenario: Scenario, store: str) -> Iterator[int]:
    """Units that the shop offers of a product and the warehouse does not have free, product by product."""
    catalogue, account = scenario.shops[store].catalogue, ACCOUNTS[store]
    for sku in scenario.known[store]:
        free = scenario.warehouse.stock_of(sku, account=account)["available"]
        yield max(0, catalogue.stock(sku) - int(free))


def _log(scenario: Scenario) -> TruthLog:
    return next(iter(scenario.shops.values())).log


def serve(*, port: int, orders: int, seed: int, faults: bool, window_seconds: float = 30.0) -> None:
    """Serve until stopped, on loopback only."""
    scenario = new_scenario(orders=orders, seed=seed, window_seconds=window_seconds)
    print(
        f"Sandbox on http://127.0.0.1:{port}\n"
        f"  bigcommerce.base_url = http://127.0.0.1:{port}/bigcommerce\n"
        f"      stores {', '.join(scenario.shops)}; token {TOKEN}, for refunds {REFUND_TOKEN}\n"
        f"  clarus.base_url = http://127.0.0.1:{port}/clarus\n"
        f"      subdomain sandbox; client {CLIENT_ID}, secret {CLIENT_SECRET}\n"
        f"  POST /scenario/<step>: {', '.join(scenario.steps)}",
        flush=True,
    )
    uvicorn.run(app(scenario, seed=seed, faults=faults), host="127.0.0.1", port=port, log_level="warning")
