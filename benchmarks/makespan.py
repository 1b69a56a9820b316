"""How long a backlog of shipments takes, against what the store's quota allows at best.

The floor: with `quota` calls in each window of `window` seconds, fresh when the run begins, n calls need
ceil(n / quota) windows, and the last of these is open as soon as it begins: (ceil(n / quota) - 1) * window seconds.
The double enforces the quota, in a process of its own, and its log is the judge of calls, times and 429s. The window is
2 s in place of BigCommerce's 30 so that a run of many windows ends soon: 75 calls a second, fifteen times what a
Standard plan allows and five times what Pro does. On a busy machine the processor and not the quota sets the pace:
`unmetered_per_second` tells which.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import httpx
import sqlalchemy as sa

from benchmarks.figures import Figure
from benchmarks.worlds import UNLIMITED, World, despatch_and_decide, forget, release, served_world
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.sandbox.bigcommerce import ShopWorld, bigcommerce_app, served
from clarus_bc_pipeline.sandbox.bigcommerce.limits import StoreQuota
from clarus_bc_pipeline.sandbox.faults import TruthLog

QUOTA, WINDOW_SECONDS = 150, 2.0  # 150: BigCommerce's Standard plan, whose window is 30 s


def run(
    *, windows: int = 15, quota: int = QUOTA, window_seconds: float = WINDOW_SECONDS, unmetered: int = 300
) -> dict[str, Any]:
    """Deliver `windows` times `quota` shipments by the outbox's three threads with the whole quota ours.

    Then `unmetered` shipments with no quota in the way: how far the quota is from what this machine could do.
    """
    shipments = windows * quota
    engine = open_ledger()
    try:
        log, seconds = _deliver(engine, shipments, quota, window_seconds)
        _, free_seconds = _deliver(engine, unmetered, UNLIMITED, window_seconds)
    finally:
        engine.dispose()
    floor = (math.ceil(shipments / quota) - 1) * window_seconds
    every = max(1, len(log) // 200)  # enough for a picture
    accepted = sum(1 for entry in log if entry["seen"] != 429)
    return {
        "shipments": shipments,
        "quota": quota,
        "window_seconds": window_seconds,
        "calls": len(log),
        "seconds": round(seconds, 2),
        "floor_seconds": floor,
        "ratio": round(seconds / floor, 3),
        "own_429s": len(log) - accepted,
        "utilisation": round(accepted / (quota * math.ceil(seconds / window_seconds)), 3),
        "unmetered_per_second": round(unmetered / free_seconds, 1),
        "arrivals_every": every,
        "arrivals": [round(entry["at"] - log[0]["at"], 2) for entry in log[::every]],
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    name = f"backlog of {result['shipments']:,} shipments at {result['quota']} calls a window"
    return [
        Figure(
            f"{name}: makespan",
            result["ratio"],
            "times the floor",
            at_most=1.10,
            beside=f"floor {result['floor_seconds']:g} s, ours {result['seconds']:g} s",
        ),
        Figure(f"{name}: own 429s", result["own_429s"], "calls", at_most=0),
        Figure(f"{name}: utilisation of the quota", result["utilisation"], "", at_least=0.90),
        Figure("shipments a second with no quota in the way", result["unmetered_per_second"], "shipments/s"),
    ]


def _deliver(
    engine: sa.Engine, shipments: int, quota: int, window_seconds: float
) -> tuple[list[dict[str, Any]], float]:
    """The shop's log of the delivery, and its seconds."""
    forget(engine)
    with served_world(orders=shipments) as world:
        with world.store(engine) as store:
            release(store)
            due = despatch_and_decide(world, store)
        assert due == shipments, f"{due} shipments due of {shipments}"
        with _shop_apart(world, quota, window_seconds) as apart, apart.store(engine) as store:
            started = time.monotonic()
            report = despatch.deliver(store)
            seconds = time.monotonic() - started
            log = httpx.get(f"{apart.settings.bigcommerce.base_url}/_sandbox/log", timeout=60).json()
        assert report.delivered == shipments, f"{shipments} shipments, and {report}"
        return log, seconds


class _FreshAtFirstCall(StoreQuota):
    """Windows that begin with the first call, so that the floor holds whenever the run begins."""

    def take(self) -> tuple[bool, dict[str, str]]:
        if self._used == 0 and not hasattr(self, "_begun"):
            self._begun, self._began = True, self.clock()
        return super().take()


@contextmanager
def _shop_apart(world: World, quota: int, window_seconds: float) -> Iterator[World]:
    """The same shop with all its orders, an empty log and this quota, in a process of its own, as a shop is."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    shop = fork.Process(target=_serve, args=(world.shop, quota, window_seconds, there), daemon=True)
    shop.start()
    try:
        if not here.poll(30):
            raise RuntimeError("the shop did not start in its process within 30 s")
        reached = world.settings.bigcommerce.model_copy(update={"base_url": here.recv()})
        yield world.with_settings(bigcommerce=reached)
    finally:
        shop.terminate()
        shop.join(10)


def _serve(shop: ShopWorld, quota: int, window_seconds: float, ready: Connection) -> None:
    shop.quota = _FreshAtFirstCall(quota, window_seconds)
    with served(bigcommerce_app(shop, log=TruthLog())) as address:
        ready.send(address)
        signal.pause()
