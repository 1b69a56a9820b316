"""`up`: the demo's world in the Dagster UI, until Ctrl-C.

What belongs here: what runs beside the UI, and that all of it stops. What does not: how a process is kept (`world.py`).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Annotated

import httpx
import typer

from clarus_bc_pipeline.cli.output import USAGE, console, errors, fail
from clarus_bc_pipeline.cli.world import is_free, process, sandbox_world
from clarus_bc_pipeline.ledger import urls


def up(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    orders: Annotated[int, typer.Option(help="Real Online Retail orders in the sandbox.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed, the same world.")] = 1,
    every: Annotated[int, typer.Option(help="Seconds between the story's steps; 0: only by hand.")] = 60,
    with_worker: Annotated[
        bool, typer.Option("--worker", help="Serve the stores by the worker; the sensors then stand back.")
    ] = False,
) -> None:
    """The demo's world in the Dagster UI, its story going on by itself, until Ctrl-C."""
    if not is_free(port):
        fail(f"--port {port} is taken: stop what listens there, or choose another", USAGE)
    stopping = _stops_on_signals()
    with ExitStack() as running:
        address = running.enter_context(sandbox_world(orders=orders, seed=seed, window_seconds=30.0))
        steps = httpx.get(f"{address}/scenario", timeout=30).raise_for_status().json()["steps"]
        console.print(
            f"Dagster UI   http://127.0.0.1:{port}   (the first runs start within a minute; Ctrl-C stops everything)\n"
            f"Sandbox      {address}\n"
            f"Its story    {', '.join(steps)}: one step "
            + (f"every {every} s" if every else f"by hand: curl -X POST {address}/scenario/{steps[0]}"),
            highlight=False,
            soft_wrap=True,
        )
        if with_worker:
            running.enter_context(process([sys.executable, "-m", "clarus_bc_pipeline.cli", "worker"]))
        if every:
            running.enter_context(_storyteller(address, steps, every))
        # From a folder without a dagster.yaml: the one in force is in DAGSTER_HOME.
        dagster = [
            sys.executable,
            "-W",
            "ignore:Function `dev_command`",
            "-m",
            "dagster",
            "dev",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "--log-level",
            "warning",
        ]
        command = [*dagster, "-m", "clarus_bc_pipeline.definitions"]
        ui = running.enter_context(process(command, cwd=urls.home(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        threading.Thread(target=_pass_on, name="words", daemon=True, args=(ui, stopping)).start()
        code = ui.wait()
    raise typer.Exit(code)


def _stops_on_signals() -> threading.Event:
    """Ctrl-C and SIGTERM end this process in order. Before the first child: what we ignore, it would ignore too."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        errors.print("Stopping ...")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # once is enough: what follows takes everything down in order
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


def _pass_on(child: subprocess.Popen[bytes], stopping: threading.Event) -> None:
    """The child's words, until we stop it: that a run was interrupted is then no news."""
    for line in child.stdout or ():
        if not stopping.is_set():
            sys.stderr.buffer.write(line)
            sys.stderr.flush()


@contextmanager
def _storyteller(address: str, steps: list[str], every: float) -> Iterator[None]:
    """Plays the scenario's steps beside the UI, one at a time; the first when the first orders are in the warehouse."""
    ended = threading.Event()

    def tell() -> None:
        while not _has_begun(address):
            if ended.wait(1):
                return
        for step in steps:
            if ended.wait(every):
                return
            with suppress(httpx.HTTPError):
                httpx.post(f"{address}/scenario/{step}", timeout=60)
                console.print(f"Story: {step.replace('_', ' ')}")

    threading.Thread(target=tell, name="story", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _has_begun(address: str) -> bool:
    try:
        return bool(httpx.get(f"{address}/scenario", timeout=30).json()["goods_outs"])
    except httpx.HTTPError:
        return False
