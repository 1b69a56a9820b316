"""`python -m benchmarks [NAME...] [--quick] [--json]`: measure, print a table, write results/latest.json and plots.

What belongs here: choosing, running each measure in a process of its own, and printing. What does not: any measuring.
Nothing here asserts on time: a figure that misses its target is printed as missed. The ledger is a new embedded
Postgres in a folder that is removed at the end; no ledger of the user is touched.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
QUICK: Mapping[str, dict[str, Any]] = {
    "calls": {"shipments": 200, "naive": 20, "pulled": 2000, "idle_minutes": 2},
    "makespan": {"windows": 5},
    "pull": {"count": 10_000, "repeats": 1},
    "latency": {"despatches": 6, "lanes": ("worker",)},
    "gap": {"orders": (10_000, 100_000)},
}


def main() -> None:
    """Measure what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, against floor and peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(QUICK)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: to see that it works, not to quote")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    chosen = parser.parse_args()
    names = chosen.names or list(QUICK)
    if unknown := sorted(set(names) - set(QUICK)):
        parser.error(f"no such measure: {', '.join(unknown)}; there are {', '.join(QUICK)}")
    with _own_ledger():
        report: dict[str, Any] = {
            "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "quick": chosen.quick,
            "machine": _apart("benchmarks.machine", "facts"),
            "figures": [],
            "results": {},
        }
        for name in names:
            if not chosen.json:
                print(f"measuring {name} ...", flush=True)
            result, figures = _apart("benchmarks.__main__", "measure", name, QUICK[name] if chosen.quick else {})
            report["results"][name] = result
            report["figures"] += figures
            if not chosen.json:
                _print(figures)
    if not chosen.quick:
        keep(report)
    if chosen.json:
        print(json.dumps(report, indent=1))
    else:
        print("\nAll together:")
        _print(report["figures"])
        print(f"on {report['machine']}")


def measure(name: str, sizes: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run one measure; its result, and its figures as JSON."""
    module = importlib.import_module(f"benchmarks.{name}")
    result = module.run(**sizes)
    return result, [{"of": name, **figure.as_json()} for figure in module.figures(result)]


def keep(report: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write latest.json and the plots. Measures that were not run keep their last figures."""
    from benchmarks import plots

    folder.mkdir(exist_ok=True)
    latest = folder / "latest.json"
    last = json.loads(latest.read_text()) if latest.exists() else {"figures": [], "results": {}}
    older = [figure for figure in last["figures"] if figure["of"] not in report["results"]]
    whole = {
        **report,
        "figures": [*report["figures"], *older],
        "results": {**last["results"], **report["results"]},
    }
    latest.write_text(json.dumps(whole, indent=1) + "\n")
    plots.draw(whole["results"], folder)


def _apart(module: str, function: str, *given: Any) -> Any:
    """Call it in a new process, so that no measure inherits another's memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_call, module, function, *given).result()


def _call(module: str, function: str, *given: Any) -> Any:
    return getattr(importlib.import_module(module), function)(*given)


@contextmanager
def _own_ledger() -> Iterator[None]:
    """A ledger for this run alone: on a new embedded server, whatever the environment says."""
    from clarus_bc_pipeline.ledger import urls

    for variable in (urls.URL_VARIABLE, "CLARUS_BC_ENV", "CLARUS_BC_SETTINGS"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory(prefix="clarus_bc_bench_", ignore_cleanup_errors=True) as folder:
        os.environ[urls.HOME_VARIABLE] = folder
        server = urls.embedded_server(urls.home() / "postgres")
        try:
            yield
        finally:
            server.stop()


def _print(figures: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("measure", "ours", "floor or peer", "ratio", "target", "met?")
    for figure in figures:
        value = figure["beside_value"]
        table.add_row(
            figure["measure"],
            f"{figure['ours']:,.6g} {figure['unit']}",
            f"{figure['beside']}: {value:,.6g}" if value is not None else figure["beside"],
            f"{figure['ratio']:.3g}" if figure["ratio"] is not None else "",
            figure["target"],
            {True: "yes", False: "MISSED", None: ""}[figure["met"]],
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
