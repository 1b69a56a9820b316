"""Running a measure in a process and on a ledger of its own, and keeping what it said.

What belongs here: how measures are run and kept. What does not: any measuring, and the command line (`__main__.py`).
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import plots
from clarus_bc_pipeline.ledger import urls

T = TypeVar("T")

RESULTS = Path(__file__).with_name("results")
# Each measure by name, and the sizes at which it only shows that it works.
QUICK: Mapping[str, dict[str, Any]] = {
    "calls": {"shipments": 200, "naive": 20, "pulled": 2000, "idle_minutes": 2},
    "makespan": {"windows": 3, "unmetered": 50},
    "pull": {"count": 10_000, "repeats": 1},
    "latency": {"despatches": 6, "lanes": ("worker",)},
    "gap": {"orders": (10_000, 100_000)},
    "catalogue": {"skus": 5_000},
    "stock": {"skus": 4_000, "changed": 2_000, "movements": 6, "lanes": ("worker",)},
    "exposure": {"trials": 5_000},
    "refunds": {"refunds": 20},
    "finance": {"orders": 20_000, "booked": 2_000, "tick": 200},
}


def measure(name: str, sizes: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run one measure; its result, and its figures as JSON."""
    module = importlib.import_module(f"benchmarks.{name}")
    result = module.run(**sizes)
    return result, [{"of": name, **figure.as_json()} for figure in module.figures(result)]


def keep(report: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write latest.json and the plots. Measures that were not run keep their last figures."""
    folder.mkdir(exist_ok=True)
    latest = folder / "latest.json"
    last = json.loads(latest.read_text()) if latest.exists() else {"figures": [], "results": {}}
    older = [figure for figure in last["figures"] if figure["of"] not in report["results"]]
    whole = {
        **report,
        "figures": [*report["figures"], *older],
        "results": {**last["results"], **report["results"]},
    }
    text = json.dumps(whole, indent=1)
    rows = re.sub(r"\[[-\d.,\s]+\]", lambda found: " ".join(found[0].split()), text)  # a list of numbers on one line
    latest.write_text(f"{rows}\n")
    plots.draw(whole["results"], folder)


def apart(function: Callable[..., T], *given: Any) -> T:
    """Call it in a new process, so that no measure inherits another's memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *given).result()


@contextmanager
def own_ledger() -> Iterator[None]:
    """A ledger for this run alone: on a new embedded server, whatever the environment says."""
    for variable in (urls.URL_VARIABLE, "CLARUS_BC_ENV", "CLARUS_BC_SETTINGS"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory(prefix="clarus_bc_bench_", ignore_cleanup_errors=True) as folder:
        os.environ[urls.HOME_VARIABLE] = folder
        server = urls.embedded_server(urls.home() / "postgres")
        try:
            yield
        finally:
            server.stop()
