"""The resident worker: the fast lane. The same verbs as the assets, woken by time and hints, without a run's seconds.

What belongs here: claiming stores, the rhythm of a cycle, and telling Dagster about it in batches. What does not: the
verbs (a flow's `sync.py`). Several workers may run; the ledger gives each store to one of them at a time.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.despatch.assets import gap_metadata
from clarus_bc_pipeline.flows.finance import sync as finance
from clarus_bc_pipeline.flows.finance.assets import control_metadata
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.reach import watched
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.returns.assets import proof_metadata
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.flows.stock.assets import drift_metadata
from clarus_bc_pipeline.flows.store import Store, open_store, utc_now
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline.ledger.notify import wait_for
from clarus_bc_pipeline.ledger.worker_lease import claim_store, release_store, renew_store
from clarus_bc_pipeline.settings import Settings, SettingsError, StoreSettings, WorkerSettings

log = logging.getLogger("clarus_bc.worker")
DELIVER_FOR = timedelta(seconds=10)  # then the cycle goes on: a backlog must not keep fresh despatches waiting
LONGEST_PAUSE_SECONDS = 60.0
STOP_WITHIN_SECONDS = 20.0


@dataclass
class Rhythm:
    """When each part of a cycle is due next, in the monotonic clock's seconds."""

    every: WorkerSettings
    orders_at: float = 0.0
    despatch_at: float = 0.0
    stock_at: float = 0.0
    returns_at: float = 0.0
    finance_at: float = 0.0
    sweep_at: float = 0.0
    prove_at: float = 0.0
    unproven: bool = field(default=True)

    def at_once(self) -> None:
        """A hint came: every flow that a parcel waits for is due now."""
        self.orders_at = self.despatch_at = self.stock_at = 0.0

    def pass_by(self, seconds: float) -> None:
        """So much time has passed, for a benchmark that does not wait for it."""
        for each in fields(self):
            if each.name.endswith("_at"):
                setattr(self, each.name, getattr(self, each.name) - seconds)

    def wait(self, now: float) -> float:
        return max(0.0, min(self.orders_at, self.despatch_at, self.stock_at, self.returns_at, self.finance_at) - now)


Happened = dict[str, dict[str, Any]]


def cycle(store: Store, rhythm: Rhythm) -> Happened:
    """One turn of whatever is due. Returns what happened as metadata by asset, only for assets that did something."""
    happened: Happened = {}
    now = time.monotonic()
    if now >= rhythm.orders_at:
        _turn_orders(store, rhythm, now, happened)
    if now >= rhythm.despatch_at:
        _turn_despatch(store, rhythm, now, happened)
    if now >= rhythm.stock_at:  # after despatch: what was picked has its balance read again
        _turn_stock(store, rhythm, now, happened)
    if now >= rhythm.returns_at:
        _turn_returns(store, rhythm, now, happened)
    if now >= rhythm.finance_at:
        _turn_finance(store, rhythm, now, happened)
    if rhythm.unproven and now >= rhythm.prove_at:
        rhythm.unproven = False
        rhythm.prove_at = now + rhythm.every.orders_every_seconds
        happened["despatch_gap"] = gap_metadata(store, gap.prove(store))
    return happened


def _turn_orders(store: Store, rhythm: Rhythm, now: float, happened: Happened) -> None:
    rhythm.orders_at = now + rhythm.every.orders_every_seconds
    pulled = orders.pull(store)
    if pulled.changed:
        happened["bigcommerce_orders"] = {"orders_read": pulled.read, "orders_changed": pulled.changed}
    decided = orders.decide(store)
    if decided.enqueued:
        happened["goods_out_pushes"] = {"pushes_new": decided.enqueued, "orders_waiting": decided.waiting}
    until = store.now() + DELIVER_FOR
    report = orders.deliver(store, until=until)
    if store.now() >= until:
        rhythm.orders_at = now  # a backlog: the rest goes in the next turn
    if report.attempted:
        happened["released_goods_outs"] = dict(report.metadata())
    rhythm.unproven |= bool(pulled.changed)


def _turn_despatch(store: Store, rhythm: Rhythm, now: float, happened: Happened) -> None:
    rhythm.despatch_at = now + rhythm.every.despatch_every_seconds
    sweep = now >= rhythm.sweep_at
    if sweep:
        rhythm.sweep_at = now + rhythm.every.sweep_every_seconds
    moved = despatch.pull(store, sweep=sweep)
    if moved.changed or moved.missing:
        happened["clarus_goods_outs"] = {"goods_outs_read": moved.goods_outs, "rows_changed": moved.changed}
    announced = despatch.decide(store)
    if announced.enqueued:
        happened["shipment_pushes"] = {"despatches_new": announced.despatches, "pushes_new": announced.enqueued}
    until = store.now() + DELIVER_FOR
    report = despatch.deliver(store, until=until)
    if store.now() >= until:
        rhythm.despatch_at = now
    if report.attempted:
        happened["bigcommerce_shipments"] = dict(report.metadata())
    rhythm.unproven |= bool(moved.changed or report.attempted)


def _turn_stock(store: Store, rhythm: Rhythm, now: float, happened: Happened) -> None:
    rhythm.stock_at = now + rhythm.every.stock_every_seconds
    pulled = stock.pull(store)
    if pulled.changed or pulled.fault:
        happened["clarus_stock_balances"] = {
            "balances_read": pulled.balances,
            "balances_changed": pulled.changed,
            **({"not_used_because": pulled.fault} if pulled.fault else {}),
        }
    decided = stock.decide(store)
    if decided.enqueued:
        happened["stock_pushes"] = {"levels_changed": decided.changed, "pushes_new": decided.enqueued}
    report = stock.deliver(store, until=store.now() + DELIVER_FOR)
    if report.attempted:
        happened["bigcommerce_stock"] = dict(report.metadata())
    proven = stock.prove(store)
    if proven.levels:
        happened["stock_drift"] = drift_metadata(store, proven)


def _turn_returns(store: Store, rhythm: Rhythm, now: float, happened: Happened) -> None:
    rhythm.returns_at = now + rhythm.every.returns_every_seconds
    pulled = returns.pull(store)
    if pulled.rmas or pulled.refunds or pulled.changed:
        happened["rmas"] = {"rmas_read": pulled.rmas, "refunds_read": pulled.refunds, "receipts_read": pulled.receipts}
    decided = returns.decide(store)
    if decided.steps or decided.announced or decided.approved:
        happened["return_pushes"] = {"returns_announced": decided.announced, "refunds_approved": decided.approved}
    report = returns.deliver(store, until=store.now() + DELIVER_FOR)
    if report.attempted:
        happened["return_deliveries"] = dict(report.metadata())
    if report.attempted or "rmas" in happened:
        happened["return_proof"] = proof_metadata(store, returns.prove(store))


def _turn_finance(store: Store, rhythm: Rhythm, now: float, happened: Happened) -> None:
    """Payments are read and journals posted as they come; the whole is proven once a day."""
    rhythm.finance_at = now + rhythm.every.finance_every_seconds
    pulled = finance.pull(store)
    if pulled.orders:
        happened["bigcommerce_payments"] = {"orders_read": pulled.orders, "transactions_read": pulled.transactions}
    booked = finance.decide(store).booked
    with store.engine.connect() as connection:
        is_proof_due = finance.is_proof_due(connection, store=store.key, now=store.now())
    if is_proof_due and (control := finance.prove(store).control):
        happened["finance_control"] = control_metadata(control)
    if booked.journals:
        happened["finance_journal"] = {"journals_new": booked.journals, "journal_lines_new": booked.lines}


Report = Callable[[str, Happened], None]


@dataclass(frozen=True)
class Desk:
    """What the threads of one worker share."""

    engine: sa.Engine
    every: WorkerSettings
    report: Report
    stop: threading.Event = field(default_factory=threading.Event)


def serve_for_ever(settings: StoreSettings, desk: Desk) -> None:
    """Serve one store until stopped. One store's failure is not another's: say it, wait, and serve again."""
    while not desk.stop.is_set():
        try:
            serve_store(settings, desk)
        except SettingsError as error:
            log.error("store %s: %s", settings.key, error)  # noqa: TRY400 (for the reader; a traceback adds nothing)
            desk.stop.wait(LONGEST_PAUSE_SECONDS)
        except Exception:
            log.exception("store %s: the worker's cycle failed; serving again in 10 s", settings.key)
            desk.stop.wait(10)


def serve_store(settings: StoreSettings, desk: Desk) -> None:
    """Claim the store, turn cycles while the claim holds, give it back. Returns when stopped or when it was lost."""
    with open_store(settings, desk.engine) as store, _claimed(store, desk) as is_ours:
        if is_ours is None:
            desk.stop.wait(desk.every.lease_seconds / 4)
        else:
            log.info("serving store %s", store.key)
            _turn(store, Rhythm(desk.every), desk, is_ours)


@contextmanager
def _claimed(store: Store, desk: Desk) -> Iterator[Callable[[], bool] | None]:
    """Hold the store's lease, renewed beside the work however long a cycle takes. Yields whether it is still ours.

    None while another worker holds it. A worker that dies leaves the lease to run out.
    """
    seconds = desk.every.lease_seconds
    with desk.engine.begin() as connection:
        token = claim_store(connection, store=store.key, worker=store.actor, seconds=seconds, now=utc_now())
    if token is None:
        yield None
        return
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(seconds / 4):
            try:
                with desk.engine.begin() as connection:
                    held = renew_store(connection, store=store.key, token=token, seconds=seconds, now=utc_now())
            except sa.exc.OperationalError as error:
                log.warning("store %s: the lease was not renewed: %s", store.key, error.orig)
                continue
            if not held:
                log.warning("store %s was taken over by another worker", store.key)
                ended.set()

    heart = threading.Thread(target=renew, name=f"{store.key} lease", daemon=True)
    heart.start()
    try:
        yield lambda: not ended.is_set()
    finally:
        ended.set()
        heart.join()
        with desk.engine.begin() as connection:
            release_store(connection, store=store.key, token=token)


def _turn(store: Store, rhythm: Rhythm, desk: Desk, is_ours: Callable[[], bool]) -> None:
    pause = 1.0
    while is_ours() and not desk.stop.is_set():
        try:
            with watched(store):
                happened = cycle(store, rhythm)
        except CallFailed as error:
            # The cursor has not moved and every push is in the ledger: the next turn starts where this one stopped.
            log.warning("store %s: %s; again in %.0f s", store.key, error, pause)
            desk.stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            rhythm.at_once()
            continue
        pause = 1.0
        if happened:
            desk.report(store.key, happened)
        while is_ours() and not desk.stop.is_set() and (wait := rhythm.wait(time.monotonic())) > 0:
            if wait_for(store.engine, store=store.key, timeout=min(wait, 1.0)):
                rhythm.at_once()


def reporter(instance: dg.DagsterInstance) -> Report:
    """Tells Dagster what a cycle did: one materialization an asset, store and cycle, never one an order."""

    def report(store: str, happened: Happened) -> None:
        for asset, metadata in happened.items():
            instance.report_runless_asset_event(
                dg.AssetMaterialization(asset_key=asset, partition=store, metadata={**metadata, "by": "worker"})
            )

    return report


def run_worker(settings: Settings, engine: sa.Engine, stores: list[str], instance: dg.DagsterInstance | None) -> bool:
    """Serve `stores`, each in its own thread, until SIGTERM or SIGINT. Whether all of them stopped in time.

    A call that is under way is let finish; what takes longer is left as it stands: the lease runs out, and the next
    worker reads back what this one did not hear of.
    """
    report = reporter(instance) if instance else _say
    desk = Desk(engine, settings.worker, report)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: desk.stop.set())
    threads = [
        threading.Thread(target=serve_for_ever, name=key, daemon=True, args=(settings.stores[key], desk))
        for key in stores
    ]
    for thread in threads:
        thread.start()
    desk.stop.wait()
    ends = time.monotonic() + STOP_WITHIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    if late:
        log.warning("still at work when stopped: %s; another worker takes over when the lease ends", ", ".join(late))
    return not late


def _say(store: str, happened: Happened) -> None:
    log.info("%s: %s", store, ", ".join(sorted(happened)))
