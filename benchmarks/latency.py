"""Seconds from a despatch in Clarus to its shipment in BigCommerce: by the worker, and by Dagster's sensors alone.

The worker is `clarus-bc worker` and the sensors' side `dagster dev`, each a real process with the default rhythm,
against the doubles. Goods-outs leave one by one at random moments, so that every phase of the rhythm is met. Both ends
of a latency are the doubles' own: when the warehouse sent the goods off, and when the shop had applied the shipment.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import Figure
from benchmarks.worlds import CLIENT_ID, CLIENT_SECRET, STORE, TOKEN, World, forget, release, served_world
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.ledger.engine import open_ledger

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"worker": 20.0, "sensors": 60.0}  # p95, seconds
START_SECONDS, ARRIVAL_SECONDS = 120.0, 180.0


def run(
    *,
    despatches: int = 24,
    lanes: tuple[str, ...] = ("worker", "sensors"),
    between_seconds: tuple[float, float] = (0.5, 8.0),
    rhythm: dict[str, int] | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Latencies by lane. `between_seconds`: from one despatch to the next. `rhythm` None is the default."""
    engine = open_ledger()
    try:
        return {lane: _lane(engine, lane, despatches, between_seconds, rhythm or {}, seed) for lane in lanes}
    finally:
        engine.dispose()


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    return [
        Figure(f"despatch to shipment by {lane}, {which}", each[which], "s", at_most=target)
        for lane, each in result.items()
        for which, target in (("p50", None), ("p95", TARGETS[lane]))
    ]


def _lane(
    engine: sa.Engine,
    lane: str,
    despatches: int,
    between: tuple[float, float],
    rhythm: dict[str, int],
    seed: int,
) -> dict[str, Any]:
    forget(engine)
    rng = random.Random(seed)
    left: dict[int, float] = {}
    with served_world(orders=despatches, quota=150) as world:
        with world.store(engine) as store:
            release(store)
            despatch.pull(store)
        world.warehouse.log.clear()
        with running(lane, engine, world, rhythm):
            for goods_out in world.goods_outs():
                time.sleep(rng.uniform(*between))  # the phase, not a wait for a condition
                order_id = world.despatch(goods_out, rng)
                left[order_id] = time.time()
            wait_until(lambda: len(_arrivals(world)) == despatches, ARRIVAL_SECONDS, "every shipment to arrive")
        arrived = _arrivals(world)
    return {"despatches": despatches, **spread(arrived[order_id] - left[order_id] for order_id in left)}


def spread(latencies: Iterable[float]) -> dict[str, Any]:
    """Median, 95th percentile, and all of them in order, in seconds."""
    seconds = sorted(round(each, 2) for each in latencies)
    return {
        "p50": round(statistics.median(seconds), 2),
        "p95": seconds[max(0, round(0.95 * len(seconds)) - 1)],
        "seconds": seconds,
    }


def _arrivals(world: World) -> dict[int, float]:
    """When each order's shipment was applied in the shop, seconds since 1970."""
    entries = world.shop.log.entries(method="POST", path="/shipments$")
    return {int(e.path.split("/")[-2]): e.applied_at for e in entries if e.applied_at is not None}


@contextmanager
def running(lane: str, engine: sa.Engine, world: World, rhythm: dict[str, int]) -> Iterator[None]:
    """The lane's process, from its first question to the warehouse until the end."""
    bin_folder = Path(sys.executable).parent
    command = {
        "worker": [str(bin_folder / "clarus-bc"), "worker"],
        "sensors": [str(bin_folder / "dagster"), "dev", "-h", "127.0.0.1", "-p", str(_free_port())],
    }[lane]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster").mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster" / "dagster.yaml")
        (home / "bench.toml").write_text(_toml(world, rhythm))
        prefix = f"CLARUS_BC_{STORE.upper()}"
        environment = {
            **os.environ,
            "CLARUS_BC_HOME": str(home),
            "CLARUS_BC_SETTINGS": str(home / "bench.toml"),
            "CLARUS_BC_DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "DAGSTER_HOME": str(home / "dagster"),
            f"{prefix}_BC_TOKEN": TOKEN,
            f"{prefix}_CLARUS_CLIENT_ID": CLIENT_ID,
            f"{prefix}_CLARUS_CLIENT_SECRET": CLIENT_SECRET,
        }
        with (home / "log").open("w+") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
            try:
                wait_until(
                    lambda: len(world.warehouse.log) > 0, START_SECONDS, f"{lane} to ask Clarus", process, log.name
                )
                yield
            finally:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for an orderly end; take the whole of the process's own session down when it does not come."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    log: str | None = None,
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            said = Path(log).read_text()[-2000:] if log else ""
            raise RuntimeError(f"waited in vain for {what} (at most {seconds:.0f} s). {said}")
        time.sleep(0.05)


def _toml(world: World, rhythm: dict[str, int]) -> str:
    """Settings as a user would write them, all else at its default."""
    shop, warehouse = world.settings.bigcommerce, world.settings.clarus
    lines = ["[worker]", *(f"{name} = {value}" for name, value in rhythm.items())] if rhythm else []
    return "\n".join([
        *lines,
        f"[stores.{STORE}.bigcommerce]", f'base_url = "{shop.base_url}"', f'store_hash = "{shop.store_hash}"',
        f"[stores.{STORE}.clarus]", f'base_url = "{warehouse.base_url}"', f'subdomain = "{warehouse.subdomain}"',
        f'account = "{warehouse.account}"', f'warehouse = "{warehouse.warehouse}"',
    ])  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
