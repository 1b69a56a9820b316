"""Both doubles and the scenario on one loopback port: /bigcommerce, /clarus, and /scenario for the story's hand.

What belongs here: serving. What does not: what is served (`bigcommerce/`, `clarus/`, `scenario.py`).
"""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from clarus_bc_pipeline.sandbox.bigcommerce import bigcommerce_app
from clarus_bc_pipeline.sandbox.clarus import clarus_app
from clarus_bc_pipeline.sandbox.faults import Fault, FaultPlan, FaultRule
from clarus_bc_pipeline.sandbox.scenario import CLIENT_ID, CLIENT_SECRET, TOKEN, Scenario, new_scenario

# One write in fifty ends in doubt or is refused for now; enough to see the outbox settle it.
FAULTS = (
    FaultRule(Fault.RESET_AFTER, 0.01),
    FaultRule(Fault.ERROR_AFTER, 0.005),
    FaultRule(Fault.UNAVAILABLE, 0.005),
)


def app(scenario: Scenario, *, seed: int, faults: bool) -> Starlette:
    """The whole sandbox as one ASGI application."""
    plan = FaultPlan(seed, FAULTS, active=faults)
    shop = bigcommerce_app(*scenario.shops.values(), plan=plan)
    warehouse = clarus_app(scenario.warehouse, plan=FaultPlan(seed + 1, FAULTS, active=faults))

    async def state(request: Request) -> Response:
        return JSONResponse(
            {
                "steps": list(scenario.steps),
                "planted": scenario.planted,
                "calls": {"bigcommerce": len(_log(scenario)), "clarus": len(scenario.warehouse.log)},
                **await run_in_threadpool(truth, scenario),
            }
        )

    async def step(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in scenario.steps:
            return JSONResponse({"error": f"no step {name!r}; there are {', '.join(scenario.steps)}"}, 404)
        return JSONResponse({"step": name, "done": await run_in_threadpool(scenario.steps[name])})

    return Starlette(routes=[
        Mount("/bigcommerce", shop), Mount("/clarus", warehouse),
        Route("/scenario", state), Route("/scenario/{name}", step, methods=["POST"]),
    ])  # fmt: skip


def truth(scenario: Scenario) -> dict[str, int]:
    """What really happened, from the doubles' own records: the judge of the pipeline's claims."""
    shipments = [
        s
        for shop in scenario.shops.values()
        for order in shop.orders.values()
        for s in order.shipments.values()
    ]
    markers = [(s["order_id"], s["comments"]) for s in shipments if "[clarus:" in s["comments"]]
    despatched = scenario.warehouse.despatched
    return {
        "shipments": len(markers),
        "duplicate_shipments": len(markers) - len(set(markers)),
        "despatched_units": int(sum(line.quantity for line in despatched)),
        "throttled": sum(1 for entry in _log(scenario).entries() if entry.seen == 429),
    }


def _log(scenario: Scenario):  # type: ignore[no-untyped-def]
    return next(iter(scenario.shops.values())).log


def serve(*, port: int, orders: int, seed: int, faults: bool, window_seconds: float = 30.0) -> None:
    """Serve until stopped, on loopback only."""
    scenario = new_scenario(orders=orders, seed=seed, window_seconds=window_seconds)
    print(  # noqa: T201
        f"Sandbox on http://127.0.0.1:{port}\n"
        f"  bigcommerce.base_url = http://127.0.0.1:{port}/bigcommerce   stores {', '.join(scenario.shops)}   token {TOKEN}\n"
        f"  clarus.base_url      = http://127.0.0.1:{port}/clarus        subdomain sandbox   client {CLIENT_ID} / {CLIENT_SECRET}\n"
        f"  POST /scenario/<step>: {', '.join(scenario.steps)}",
        flush=True,
    )
    uvicorn.run(app(scenario, seed=seed, faults=faults), host="127.0.0.1", port=port, log_level="warning")
