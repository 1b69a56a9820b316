"""Orders a second from the shop into the ledger, ours against dlt, from one server into one Postgres.

The server answers from memory in a process of its own (`pull_server.py`); no quota binds, so that what is measured is
reading, checking and storing. Ours keeps orders, lines, addresses and the release payload, in a transaction a page with
the cursor that covers it; dlt merges on id (`pull_dlt.py`), with lines and addresses as child tables. Both start with
empty tables; the best of `repeats` is taken for both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import Figure
from benchmarks.worlds import forget
from clarus_bc_pipeline.bigcommerce.client import BigCommerce
from clarus_bc_pipeline.clarus.client import Clarus
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import StoreSettings

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers" / "bin" / "python"


def run(*, count: int = 100_000, lines: int = 2, repeats: int = 2) -> dict[str, Any]:
    """Both pulls, taking turns. `dlt` is None when the peers' venv is absent (`make bench` installs it)."""
    engine = open_ledger()
    try:
        with _served(count, lines) as address:
            turns = [(_ours(engine, address, count), _dlt(engine, address, count)) for _ in range(repeats)]
    finally:
        engine.dispose()
    ours = max(turn[0] for turn in turns)
    peers = [turn[1] for turn in turns if turn[1] is not None]
    return {
        "orders": count,
        "lines": count * lines,
        "ours_seconds": [round(count / turn[0], 2) for turn in turns],
        "ours_per_second": round(ours),
        "dlt_seconds": [peer["seconds"] for peer in peers],
        "dlt_per_second": round(max(count / peer["seconds"] for peer in peers)) if peers else None,
        "dlt": peers[0]["dlt"] if peers else None,
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets."""
    ours, peer = result["ours_per_second"], result["dlt_per_second"]
    pulled = Figure(
        f"{result['orders']:,} orders of {result['lines'] // result['orders']} lines pulled into the ledger",
        ours,
        "orders/s",
        at_least=15_000,
        beside=f"dlt {result['dlt']}, orders/s" if peer else "dlt not installed",
        beside_value=peer,
    )
    if not peer:
        return [pulled]
    return [pulled, Figure("the same, times dlt", round(ours / peer, 2), "times", at_least=2)]


def _ours(engine: sa.Engine, address: str, count: int) -> float:
    """Orders a second."""
    forget(engine)
    clarus = {"base_url": address, "subdomain": "bench", "account": "BENCH", "warehouse": "WHS01"}
    settings = StoreSettings.model_validate(
        {"key": "bench", "bigcommerce": {"base_url": address, "store_hash": "bench"}, "clarus": clarus}
    )
    with (
        BigCommerce(settings.bigcommerce, "token") as shop,
        Clarus(settings.clarus, "client", "secret") as warehouse,
    ):
        store = Store(settings, engine, shop, warehouse)
        started = time.monotonic()
        pulled = orders.pull(store)
        seconds = time.monotonic() - started
    assert pulled.changed == count, f"{pulled} of {count} orders"
    return count / seconds


def _dlt(engine: sa.Engine, address: str, count: int) -> dict[str, Any] | None:
    if not PEERS.exists():
        return None
    # dlt insists on a host; for libpq the socket in the address's query has the last word.
    url = engine.url.set(drivername="postgresql", host=engine.url.host or "localhost")
    database = url.render_as_string(hide_password=False)
    command = [str(PEERS), str(Path(__file__).with_name("pull_dlt.py")), f"{address}/stores/bench", database]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the peer failed: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["orders"] == count, f"dlt stored {said['orders']} of {count} orders"
    return said


@contextmanager
def _served(count: int, lines: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.pull_server", str(count), str(lines)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            raise RuntimeError("the server of orders did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()  # it holds nothing that could be lost
        server.wait()
