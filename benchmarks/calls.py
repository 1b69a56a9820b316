"""BigCommerce calls: a shipment's, 10,000 orders' read, and an idle minute's.

Calls are counted in the double's own log. A shipment's cost holds everything that the shop was asked for it: reading
the orders, sending the shipments, and the reading back that proves them. Beside it, on the same double, a connector as
they are often written: the order, its products, its addresses and its shipments are read, then the shipment is sent and
the status set. The quota is out of the way here: time is `makespan.py`'s subject.

An idle minute is driven by the worker's own rhythm, and by the sensors' own questions at their tick, with the waiting
in between taken as passed. The store's last change is like a shop's at night (`quiet`), or a whole backlog in one burst
(`after_burst`): then each pull's overlap reaches back over all of it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from benchmarks.figures import Figure
from benchmarks.worlds import TOKEN, World, despatch_and_decide, forget, release, served_world
from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.sensing import TICK_SECONDS
from clarus_bc_pipeline.flows.store import Store, utc_now
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import WorkerSettings
from clarus_bc_pipeline.worker import Rhythm, cycle

IDLE_MINUTES = 10


def run(
    *, shipments: int = 1000, naive: int = 200, pulled: int = 10_000, idle_minutes: int = IDLE_MINUTES, quiet: int = 100
) -> dict[str, Any]:
    """Calls per shipment of ours and of the naive connector, per 10,000 orders pulled, and per idle store-minute."""
    engine = open_ledger()
    try:
        return {
            "shipments": shipments,
            **_backlog(engine, shipments, idle_minutes),
            "naive_calls_per_shipment": _naive(naive),
            **_pulled(engine, pulled),
            "quiet": _quiet(engine, quiet, idle_minutes),
        }
    finally:
        engine.dispose()


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    quiet = result["quiet"]
    return [
        Figure(
            f"BigCommerce calls per shipment, {result['shipments']:,} despatches, reads included",
            result["calls_per_shipment"],
            "calls",
            at_most=1.05,
            beside="naive connector",
            beside_value=result["naive_calls_per_shipment"],
        ),
        Figure(
            "BigCommerce calls per 10,000 orders pulled",
            result["calls_per_10000_orders"],
            "calls",
            at_most=45,
            beside="250 orders a call",
            beside_value=40,
        ),
        Figure("idle store-minute, worker", quiet["worker_calls_per_minute"], "calls", at_most=4),
        Figure("idle store-minute, runs requested by sensors", quiet["runs_per_minute"], "runs", at_most=0),
        Figure("idle store-minute, sensors alone", quiet["sensor_calls_per_minute"], "calls", at_most=4),
        Figure(
            f"idle store-minute after a burst of {result['shipments']:,} changes, worker",
            result["after_burst"]["worker_calls_per_minute"],
            "calls",
            at_most=4,
        ),
    ]


def _backlog(engine: sa.Engine, shipments: int, idle_minutes: int) -> dict[str, Any]:
    forget(engine)
    with served_world(orders=shipments) as world, world.store(engine) as store:
        release(store)
        despatch_and_decide(world, store)
        report = despatch.deliver(store)
        orders.pull(store)
        proven = gap.prove(store)
        made = len(world.shop.log.entries(method="POST", path="/shipments$", status=201))
        assert made == shipments == report.delivered, f"{made} shipments of {shipments}: {report}"
        assert proven.gap_lines == 0, proven.headline
        return {
            "calls": len(world.shop.log),
            "calls_per_shipment": round(len(world.shop.log) / made, 4),
            "gap_lines": proven.gap_lines,
            "by_call": {k: v for k, v in world.shop.log.counts().items() if "/" in k},
            "after_burst": _idle(world, store, idle_minutes),
        }


def _naive(shipments: int) -> float:
    """A connector that keeps nothing and asks each time."""
    with served_world(orders=shipments) as world:
        base = f"{world.settings.bigcommerce.base_url}/stores/{world.shop.store_hash}/v2"
        with httpx.Client(base_url=base, headers={"X-Auth-Token": TOKEN}) as shop:
            for order_id in list(world.shop.orders):
                root = f"/orders/{order_id}"
                shop.get(root).raise_for_status()
                lines = shop.get(f"{root}/products").raise_for_status().json()
                address = shop.get(f"{root}/shipping_addresses").raise_for_status().json()[0]["id"]
                shop.get(f"{root}/shipments").raise_for_status()
                items = [{"order_product_id": line["id"], "quantity": line["quantity"]} for line in lines]
                body = {"order_address_id": address, "items": items, "tracking_number": f"RM{order_id}"}
                shop.post(f"{root}/shipments", json=body).raise_for_status()
                shop.put(root, json={"status_id": 2}).raise_for_status()
        return len(world.shop.log) / shipments


def _pulled(engine: sa.Engine, count: int) -> dict[str, Any]:
    forget(engine)
    with served_world(orders=count, seconds_apart=1.0) as world, world.store(engine) as store:
        read = orders.pull(store).read
        assert read == count, f"{read} orders of {count}"
        return {
            "orders_pulled": read,
            "pull_calls": len(world.shop.log),
            "calls_per_10000_orders": round(len(world.shop.log) * 10_000 / read, 2),
        }


def _quiet(engine: sa.Engine, count: int, minutes: int) -> dict[str, float]:
    """A shop whose orders came a minute apart, all shipped in the ordinary way of a day."""
    forget(engine)
    with served_world(orders=count) as world, world.store(engine) as store:
        release(store)
        despatch_and_decide(world, store, seed=2)
        despatch.deliver(store)
        return _idle(world, store, minutes)


def _idle(world: World, store: Store, minutes: int) -> dict[str, float]:
    """Calls a minute once everything is known: by the worker's rhythm, then by the sensors' questions."""
    passed = timedelta(0)

    def now() -> datetime:
        return utc_now() + passed

    later = Store(store.settings, store.engine, store.shop, store.warehouse, now)
    every = WorkerSettings()
    rhythm = Rhythm(every)
    cycle(later, rhythm)  # what the backlog left to be seen is seen
    passed += timedelta(minutes=10)
    before = len(world.shop.log)
    waited = 0.0
    while waited < minutes * 60:
        seconds = rhythm.wait(time.monotonic())
        rhythm.pass_by(seconds)
        waited += seconds
        passed += timedelta(seconds=seconds)
        happened = cycle(later, rhythm)
        happened.pop("despatch_gap", None)
        assert not happened, f"an idle store is not idle: {happened}"
    by_worker = len(world.shop.log) - before
    runs = 0
    before = len(world.shop.log)
    for tick in range(minutes * 60 // TICK_SECONDS):
        passed += timedelta(seconds=TICK_SECONDS)
        runs += despatch.news(later) is not None
        if tick % (every.orders_every_seconds // TICK_SECONDS) == 0:
            runs += orders.news(later) is not None
        if tick % (every.returns_every_seconds // TICK_SECONDS) == 0:
            runs += returns.news(later) is not None
    return {
        "worker_calls_per_minute": round(by_worker / minutes, 2),
        "sensor_calls_per_minute": round((len(world.shop.log) - before) / minutes, 2),
        "runs_per_minute": runs / minutes,
    }
