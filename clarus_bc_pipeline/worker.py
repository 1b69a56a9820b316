"""The resident worker: the fast lane. The same verbs as the assets, woken by time and hints, without a run's seconds.

What belongs here: claiming stores, the rhythm of a cycle, and telling Dagster about it in batches. What does not: the
verbs (a flow's `sync.py`). Several workers may run; the ledger gives each store to one of them at a time.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.despatch.assets import gap_metadata
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.store import Store, open_store, utc_now
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline.ledger.notify import wait_for
from clarus_bc_pipeline.ledger.worker_lease import claim_store, release_store, renew_store
from clarus_bc_pipeline.settings import Settings, StoreSettings, WorkerSettings

log = logging.getLogger("clarus_bc.worker")
LEASE_SECONDS = 60


@dataclass
class Rhythm:
    """When each part of a cycle is due next, in the monotonic clock's seconds."""

    every: WorkerSettings
    orders_at: float = 0.0
    despatch_at: float = 0.0
    sweep_at: float = 0.0
    prove_at: float = 0.0
    unproven: bool = field(default=True)

    def wait(self, now: float) -> float:
        return max(0.0, min(self.orders_at, self.despatch_at) - now)


def cycle(store: Store, rhythm: Rhythm) -> dict[str, dict[str, Any]]:
    """One turn of whatever is due. Returns what happened as metadata by asset, only for assets that did something."""
    happened: dict[str, dict[str, Any]] = {}
    now = time.monotonic()
    if now >= rhythm.orders_at:
        rhythm.orders_at = now + rhythm.every.orders_every_seconds
        pulled = orders.pull(store)
        if pulled.changed:
            happened["bigcommerce_orders"] = {"orders_read": pulled.read, "orders_changed": pulled.changed}
        decided = orders.decide(store)
        if decided.enqueued:
            happened["goods_out_pushes"] = {"pushes_new": decided.enqueued, "orders_waiting": decided.waiting}
        report = orders.deliver(store)
        if report.attempted:
            happened["released_goods_outs"] = dict(report.metadata())
        rhythm.unproven |= bool(pulled.changed)
    if now >= rhythm.despatch_at:
        rhythm.despatch_at = now + rhythm.every.despatch_every_seconds
        sweep = now >= rhythm.sweep_at
        if sweep:
            rhythm.sweep_at = now + rhythm.every.sweep_every_seconds
        moved = despatch.pull(store, sweep=sweep)
        if moved.changed or moved.missing:
            happened["clarus_goods_outs"] = {
                "goods_outs_read": moved.goods_outs,
                "rows_changed": moved.changed,
            }
        announced = despatch.decide(store)
        if announced.enqueued:
            happened["shipment_pushes"] = {
                "despatches_new": announced.despatches,
                "pushes_new": announced.enqueued,
            }
        report = despatch.deliver(store)
        if report.attempted:
            happened["bigcommerce_shipments"] = dict(report.metadata())
        rhythm.unproven |= bool(moved.changed or report.attempted)
    if rhythm.unproven and now >= rhythm.prove_at:
        rhythm.unproven = False
        rhythm.prove_at = now + rhythm.every.orders_every_seconds
        happened["despatch_gap"] = gap_metadata(store, gap.prove(store))
    return happened


def serve_store(
    settings: StoreSettings,
    every: WorkerSettings,
    engine: sa.Engine,
    stop: threading.Event,
    report: Callable[[str, dict[str, dict[str, Any]]], None],
) -> None:
    """Serve one store until `stop`: claim it, turn cycles, keep the claim, give it back."""
    while not stop.is_set():
        with open_store(settings, engine) as store:
            with engine.begin() as connection:
                token = claim_store(
                    connection, store=store.key, worker=store.actor, seconds=LEASE_SECONDS, now=utc_now()
                )
            if token is None:
                stop.wait(LEASE_SECONDS / 4)
                continue
            log.info("serving store %s", store.key)
            try:
                _turn(store, Rhythm(every), token, stop, report)
            finally:
                with engine.begin() as connection:
                    release_store(connection, store=store.key, token=token)


def _turn(
    store: Store,
    rhythm: Rhythm,
    token: int,
    stop: threading.Event,
    report: Callable[[str, dict[str, dict[str, Any]]], None],
) -> None:
    pause = 1.0
    while not stop.is_set():
        with store.engine.begin() as connection:
            if not renew_store(
                connection, store=store.key, token=token, seconds=LEASE_SECONDS, now=utc_now()
            ):
                log.warning("store %s was taken over by another worker", store.key)
                return
        try:
            happened = cycle(store, rhythm)
            pause = 1.0
        except CallFailed as error:
            # The cursor has not moved and every push is in the ledger: the next turn starts where this one stopped.
            log.warning("store %s: %s", store.key, error)
            stop.wait(pause)
            pause = min(pause * 2, 60.0)
            continue
        if happened:
            report(store.key, happened)
        while not stop.is_set() and (wait := rhythm.wait(time.monotonic())) > 0:
            if wait_for(store.engine, store=store.key, timeout=min(wait, 5.0)):
                rhythm.despatch_at = rhythm.orders_at = 0.0


def reporter(instance: dg.DagsterInstance) -> Callable[[str, dict[str, dict[str, Any]]], None]:
    """Tells Dagster what a cycle did: one materialization an asset, store and cycle, never one an order."""

    def report(store: str, happened: dict[str, dict[str, Any]]) -> None:
        for asset, metadata in happened.items():
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset_key=asset, partition=store, metadata={**metadata, "by": "worker"}
                )
            )

    return report


def run_worker(
    settings: Settings, engine: sa.Engine, stores: list[str], instance: dg.DagsterInstance | None
) -> None:
    """Serve `stores`, each in its own thread, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    report = (
        reporter(instance)
        if instance
        else lambda store, happened: log.info("%s: %s", store, sorted(happened))
    )
    threads = [
        threading.Thread(
            target=_serve_for_ever,
            name=key,
            daemon=True,
            args=(settings.stores[key], settings.worker, engine, stop, report),
        )
        for key in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve_for_ever(
    settings: StoreSettings,
    every: WorkerSettings,
    engine: sa.Engine,
    stop: threading.Event,
    report: Callable[[str, dict[str, dict[str, Any]]], None],
) -> None:
    """One store's failure is not another's: log it, wait, and serve again."""
    while not stop.is_set():
        try:
            serve_store(settings, every, engine, stop, report)
        except Exception:
            log.exception("store %s: the worker's cycle failed; serving again in 10 s", settings.key)
            stop.wait(10)
