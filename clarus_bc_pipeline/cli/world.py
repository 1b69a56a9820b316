"""The demo's world: the doubles in a process of their own, and this process's environment set to them.

What belongs here: processes, ports and folders of `demo` and `up`. What does not: what happens in that world.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import sqlalchemy as sa

from clarus_bc_pipeline.cli.output import OUT_OF_REACH, errors, fail
from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.settings import SANDBOX_FILE

DEFAULT_PORT = 8650
STOP_WITHIN_SECONDS = 15.0


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, so that Ctrl-C reaches it once, from us; none of its family outlives this."""
    child = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603 (our own commands)
    try:
        yield child
    finally:
        family = _family(child.pid)
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGINT)  # as Ctrl-C does; dagster dev waits for ever for who got SIGTERM
        if late := _await_end(family, child):
            errors.print(f"{len(late)} processes of {' '.join(command[-2:])} did not stop in time and are killed")
            for member in late:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            _await_end(late, child)
        urls.forget_killed_processes()


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _await_end(family: list[psutil.Process], child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Those of `family` that still live after the patience."""
    ends = time.monotonic() + STOP_WITHIN_SECONDS
    while living := [member for member in family if urls.lives(member.pid)]:
        child.poll()  # takes our own child's end to the books
        if time.monotonic() > ends:
            return living
        time.sleep(0.05)
    return []


@contextmanager
def sandbox_world(*, orders: int, seed: int, window_seconds: float) -> Iterator[str]:
    """The doubles in a process of their own, and this process's environment set to them. Yields the address.

    The world is new each time, so that what the ledger knew of the last one is forgotten.
    """
    home = urls.home()
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    settings = home / "sandbox.toml"
    settings.write_text(SANDBOX_FILE.read_text().replace(f":{DEFAULT_PORT}/", f":{port}/"))
    os.environ["CLARUS_BC_SETTINGS"] = str(settings)
    os.environ.setdefault("DAGSTER_HOME", _dagster_home(home))
    from clarus_bc_pipeline.sandbox.scenario import ACCOUNTS, CLIENT_ID, CLIENT_SECRET, REFUND_TOKEN, TOKEN

    for store in ACCOUNTS:
        prefix = f"CLARUS_BC_{store.upper()}"
        os.environ |= {
            f"{prefix}_BC_TOKEN": TOKEN,
            f"{prefix}_BC_REFUND_TOKEN": REFUND_TOKEN,
            f"{prefix}_CLARUS_CLIENT_ID": CLIENT_ID,
            f"{prefix}_CLARUS_CLIENT_SECRET": CLIENT_SECRET,
        }
    world = [str(value) for value in (port, orders, seed, window_seconds)]
    with process([sys.executable, "-m", "clarus_bc_pipeline.sandbox", *world], stdout=subprocess.DEVNULL) as double:
        _await(address, double)
        _forget_sandbox_stores()
        yield address


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    if is_free(DEFAULT_PORT):
        return DEFAULT_PORT
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _dagster_home(home: Path) -> str:
    """A Dagster home with the project's own dagster.yaml, so that history is kept between the demo and the UI."""
    folder = home / "dagster"
    folder.mkdir(exist_ok=True)
    if Path("dagster.yaml").exists():
        words = Path("dagster.yaml").read_text()
        (folder / "dagster.yaml").write_text(
            words.replace("base_dir: .clarus_bc/", f"base_dir: {home}/"), encoding="utf-8"
        )
    return str(folder)


def _await(address: str, double: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if double.poll() is not None:
            fail("The sandbox stopped before it served anything.", OUT_OF_REACH)
        try:
            httpx.get(f"{address}/scenario", timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    fail("The sandbox did not start within a minute.", OUT_OF_REACH)


def _forget_sandbox_stores() -> None:
    """The sandbox's world is new at each start, so what the ledger knew of the last one is forgotten."""
    from clarus_bc_pipeline.ledger import tables
    from clarus_bc_pipeline.ledger.engine import open_ledger
    from clarus_bc_pipeline.settings import load_settings

    with open_ledger().begin() as connection:
        # A journal is never deleted; this one is of a world that is gone.
        connection.execute(sa.text("ALTER TABLE journal_line DISABLE TRIGGER journal_is_append_only"))
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(sa.delete(table).where(table.c.store.in_(list(load_settings().stores))))
        connection.execute(sa.text("ALTER TABLE journal_line ENABLE TRIGGER journal_is_append_only"))
