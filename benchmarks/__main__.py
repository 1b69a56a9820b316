"""`python -m benchmarks [NAME...] [--quick] [--json]`: measure, print a table, write results/latest.json and plots.

What belongs here: choosing, running each measure in a process of its own, and printing. What does not: any measuring.
Nothing here asserts on time: a figure that misses its target is printed as missed. The ledger is a new embedded
Postgres in a folder that is removed at the end; no ledger of the user is touched.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import facts
from benchmarks.running import QUICK, apart, keep, measure, own_ledger


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
    with own_ledger():
        report: dict[str, Any] = {
            "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "quick": chosen.quick,
            "machine": apart(facts),
            "figures": [],
            "results": {},
        }
        for name in names:
            if not chosen.json:
                print(f"measuring {name} ...", flush=True)
            result, figures = apart(measure, name, QUICK[name] if chosen.quick else {})
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


def _print(figures: list[dict[str, Any]]) -> None:
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
