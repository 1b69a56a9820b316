"""Stock: calls per 1,000 changed SKUs, a sweep of 50,000, and seconds from a movement in Clarus to the shop's level.

What belongs here: measuring. Calls are counted in the doubles' own logs; writes and reads are told apart. The sweep and
the change are turned by a process of its own, so that seconds and memory are the client's and not the doubles'. The
latency is taken as `latency.py` takes it: `clarus-bc worker` and `dagster dev` as real processes with the default
rhythm; from the warehouse's count of a product to the moment when the shop took the level that follows from it.
"""

from __future__ import annotations

import os
import random
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import Figure
from benchmarks.latency import ARRIVAL_SECONDS, TARGETS, running, spread, wait_until
from benchmarks.worlds import CLIENT_ID, CLIENT_SECRET, TOKEN, World, forget, served_world
from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.flows.store import Store, utc_now
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import StoreSettings

LEVELS = "/inventory/adjustments/absolute$"
MANY_A_PAGE = 250  # what the double of Clarus gives at most


def run(
    *,
    skus: int = 50_000,
    changed: int = 10_000,
    movements: int = 24,
    lanes: tuple[str, ...] = ("worker", "sensors"),
    between_seconds: tuple[float, float] = (0.5, 8.0),
    rhythm: dict[str, int] | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Calls of a first sweep and of a change, then latencies by lane. `rhythm` None is the default."""
    engine = open_ledger()
    try:
        return {
            "skus": skus,
            "load_before": round(os.getloadavg()[0], 1),
            **_many(engine, skus, changed, seed),
            "latency": {lane: _lane(engine, lane, movements, between_seconds, rhythm or {}, seed) for lane in lanes},
        }
    finally:
        engine.dispose()


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    sweep, change = result["sweep"], result["change"]
    swept = f"{result['skus']:,} SKUs swept"
    moved = f"{change['skus']:,} changed SKUs"
    found = [
        Figure(f"{swept}: writes", sweep["writes"], "calls", at_most=25, beside="2,000 levels a call",
               beside_value=-(-result["skus"] // 2000)),
        Figure(f"{swept}: pages read back", sweep["shop_reads"], "calls"),
        Figure(f"{swept}: calls to Clarus", sweep["clarus_calls"], "calls"),
        Figure(f"{swept}: pull, decide, deliver and prove", sweep["seconds"], "s"),
        Figure(f"{swept}: peak memory of the client", sweep["peak_mib"], "MiB"),
        Figure(f"{moved}: writes per 1,000", change["writes_per_1000"], "calls", at_most=0.6),
        Figure(f"{moved}: pages read back per 1,000", change["reads_per_1000"], "calls"),
        Figure(f"{moved}: pull, decide, deliver and prove", change["seconds"], "s"),
    ]  # fmt: skip
    return found + [
        Figure(f"stock movement to shop by {lane}, {which}", each[which], "s", at_most=target)
        for lane, each in result["latency"].items()
        for which, target in (("p50", None), ("p95", TARGETS[lane]))
    ]


def _many(engine: sa.Engine, skus: int, changed: int, seed: int) -> dict[str, Any]:
    forget(engine)
    with served_world(orders=0, skus=skus) as world:
        many = world.settings.clarus.model_copy(update={"page_size": MANY_A_PAGE})
        world = world.with_settings(clarus=many)
        _read_catalogues(world, engine)
        sweep = _turned(world, sweep=True)
        assert _differing(world) == 0, "the shop does not show its targets after a sweep"
        codes = [row["code"] for row in world.warehouse.products.rows.values()]
        for n, code in enumerate(random.Random(seed).sample(codes, changed)):
            world.warehouse.adjust(code, -1 - n % 7)
        change = _turned(world, sweep=False)
        assert _differing(world) == 0, "the shop does not show its targets after a change"
    per = changed / 1000
    told = {"skus": changed, "writes_per_1000": change["writes"] / per, "reads_per_1000": change["shop_reads"] / per}
    return {"sweep": sweep, "change": {**change, **told}}


def _read_catalogues(world: World, engine: sa.Engine) -> None:
    with world.store(engine) as store:
        catalogue.pull_warehouse(store)
        catalogue.pull_shop(store)


def _turned(world: World, *, sweep: bool) -> dict[str, Any]:
    """One turn of the flow by another process: its seconds and memory, and the calls that the doubles saw of it."""
    world.shop.log.clear()
    world.warehouse.log.clear()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        turned = process.submit(_turn, world.settings, sweep).result()
    writes = len(world.shop.log.entries(method="PUT", path=LEVELS))
    reads = len(world.shop.log.entries(method="GET", path="/inventory/items$"))
    return {
        **turned,
        "writes": writes,
        "shop_reads": reads,
        "shop_calls": len(world.shop.log),
        "clarus_calls": len(world.warehouse.log),
    }


def _turn(settings: StoreSettings, sweep: bool) -> dict[str, Any]:
    engine = open_ledger()
    seconds = {}
    with (
        BigCommerce(settings.bigcommerce, TOKEN) as shop,
        Clarus(settings.clarus, CLIENT_ID, CLIENT_SECRET) as warehouse,
    ):
        store = Store(settings, engine, shop, warehouse, utc_now)
        for verb, turn in (
            ("pull", lambda: stock.pull(store, sweep=sweep)),
            ("decide", lambda: stock.decide(store)),
            ("deliver", lambda: stock.deliver(store)),
            ("prove", lambda: stock.prove(store)),
        ):
            began = time.monotonic()
            turn()
            seconds[verb] = round(time.monotonic() - began, 2)
    engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux
    return {"seconds": round(sum(seconds.values()), 2), "seconds_by_verb": seconds, "peak_mib": round(peak)}


def _differing(world: World) -> int:
    """Products whose units the shop does not show."""
    shown = {
        row["identity"]["sku"]: row["locations"][0]["total_inventory_onhand"]
        for row in world.shop.catalogue.inventory()
    }
    balances = world.warehouse.stock_balances.rows.values()
    return sum(shown[balance["product"]["code"]] != balance["available"] for balance in balances)


def _lane(
    engine: sa.Engine, lane: str, movements: int, between: tuple[float, float], rhythm: dict[str, int], seed: int
) -> dict[str, Any]:
    forget(engine)
    dice = random.Random(seed)
    moved: dict[tuple[str, int], float] = {}
    with served_world(orders=0, quota=150) as world:
        _read_catalogues(world, engine)
        with world.store(engine) as store:
            stock.pull(store)
            stock.decide(store)
            stock.deliver(store)
            stock.prove(store)
        world.warehouse.log.clear()
        with running(lane, engine, world, rhythm):
            for row in dice.sample(list(world.warehouse.products.rows.values()), movements):
                time.sleep(dice.uniform(*between))  # the phase, not a wait for a condition
                world.warehouse.adjust(row["code"], -dice.randint(1, 50))
                left = int(world.warehouse.stock_of(row["code"])["available"])
                moved[row["code"], left] = time.time()
            wait_until(lambda: moved.keys() <= _taken(world).keys(), ARRIVAL_SECONDS, "every level to arrive")
        taken = _taken(world)
    return {"movements": movements, **spread(taken[each] - at for each, at in moved.items())}


def _taken(world: World) -> dict[tuple[str, int], float]:
    """When the shop first took each level of a SKU, seconds since 1970."""
    return {(level.sku, level.units): level.taken_at for level in reversed(world.shop.catalogue.taken_levels)}
