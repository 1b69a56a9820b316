"""What a newcomer types first, as they type it: `demo` proves itself, `up` moves by itself and leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

COMMAND = (sys.executable, "-m", "clarus_bc_pipeline.cli")
PATIENCE_SECONDS = 600.0
PROMISED = {
    "orders_pulled", "orders_released", "shipments_created", "despatched_lines", "lines_confirmed_in_bigcommerce",
    "gap_lines", "not_checked_lines", "findings_by_type", "findings_by_owner", "bigcommerce_calls", "clarus_calls",
    "calls_per_shipment", "duplicates", "seconds", "skus_compared", "sku_mismatches", "stock_pushed", "stock_drift",
    "oversold_units", "rmas", "refunds", "refunds_without_receipt", "control_total_difference", "journal_lines",
}  # fmt: skip
RUNS = "{ runsOrError(limit: 50) { ... on Runs { results { jobName status } } } }"


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """As on a new machine: nothing set. The home is not under pytest's folder, which the server may not enter."""
    home = tempfile.mkdtemp(prefix="clarus_bc_new_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLARUS_BC", "DAGSTER", "PYTEST"))}
    yield {**kept, "CLARUS_BC_HOME": home}
    shutil.rmtree(home, ignore_errors=True)


def test_the_demo_proves_itself_and_tells_what_it_promised(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [*COMMAND, "demo", "--orders", "30", "--json"], env=environment, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr or ended.stdout
    said: dict[str, Any] = json.loads(ended.stdout)
    assert said.keys() >= PROMISED
    assert said["proven"] is True
    assert said["failed_runs"] == []
    assert said["orders_released"] > 0
    assert said["shipments_created"] > 0
    assert said["lines_confirmed_in_bigcommerce"] > 0
    assert said["journal_lines"] > 0
    assert (said["unexplained_gap_lines"], said["duplicates"], said["lost_units"]) == (0, 0, 0)
    assert (said["early_refund_units"], said["double_refunds"], said["control_total_difference"]) == (0, 0, 0)
    assert {line["planted"] for line in said["gap"]} - {None}
    assert "Traceback" not in ended.stderr


def test_up_starts_runs_by_itself_and_ctrl_c_ends_all_of_it_in_one_word(environment: dict[str, str]) -> None:
    port = free_port()
    command = [*COMMAND, "up", "--port", str(port), "--orders", "30", "--every", "0"]
    with tempfile.TemporaryFile("w+") as words:
        running = subprocess.Popen(command, env=environment, stdout=words, stderr=words, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}/graphql"
            until(lambda: "sync_orders SUCCESS" in runs_of(address), f"the first orders at {address}")
            family = psutil.Process(running.pid).children(recursive=True)
            assert family
            running.send_signal(signal.SIGINT)
            assert running.wait(PATIENCE_SECONDS) == 0
            until(lambda: not any(member.is_running() for member in family), "the end of every process")
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
        words.seek(0)
        said = words.read()
    assert said.splitlines()[-1] == "Stopping ..."
    assert "Traceback" not in said
    assert "Stack Trace" not in said


def test_the_sandbox_serves_both_systems_to_anyone(environment: dict[str, str]) -> None:
    port = free_port()
    command = [*COMMAND, "sandbox", "--port", str(port), "--orders", "20"]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{address}/scenario"), "the sandbox")
        orders = httpx.get(f"{address}/bigcommerce/stores/gifts/v2/orders", headers={"X-Auth-Token": "sandbox-token"})
        assert orders.status_code == 200
        assert orders.json()[0]["currency_code"] == "GBP"
        assert httpx.get(f"{address}/bigcommerce/stores/gifts/v2/orders").status_code == 401
    finally:
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=PATIENCE_SECONDS)
    assert address in out
    assert "Traceback" not in out


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for a condition, asked again and again; fails naming what did not come."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < ends, f"waited {PATIENCE_SECONDS:.0f} s for {what}"
        time.sleep(0.2)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.HTTPError:
        return False


def runs_of(address: str) -> set[str]:
    try:
        reply = httpx.post(address, json={"query": RUNS}, timeout=10).json()
    except (httpx.HTTPError, ValueError):
        return set()
    results = reply["data"]["runsOrError"].get("results", [])
    return {f"{run['jobName']} {run['status']}" for run in results}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
