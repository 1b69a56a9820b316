"""Commands that move things: `sync`, `deliver`, `worker`."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from clarus_bc_pipeline.cli.output import (
    FINDINGS,
    OUT_OF_REACH,
    USAGE,
    Json,
    StoreOption,
    fail,
    print_json,
    print_table,
    progress_bar,
)
from clarus_bc_pipeline.cli.stores import chosen, exit_if_failed, work_on
from clarus_bc_pipeline.cli.turns import TURNS
from clarus_bc_pipeline.decisions import Severity
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.settings import load_settings


def sync(
    flows: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(TURNS)} (default: all).")] = None,
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--read-only", help="Pull and compare; decide and send nothing.")] = False,
    json: Json = False,
) -> None:
    """Run each flow's verbs once: pull, decide, deliver, prove. No Dagster is needed."""
    names = flows or list(TURNS)
    if unknown := sorted(set(names) - set(TURNS)):
        fail(f"no such flow: {', '.join(unknown)}; flows are {', '.join(TURNS)}", USAGE)
    said: list[dict[str, Any]] = []
    worst: list[Severity] = []

    def run(opened: Store) -> None:
        for name, turn in TURNS.items():
            if name in names:
                said.append({"store": opened.key, "flow": name, **turn(opened, dry_run, json)})
        worst.extend(_severities(opened.engine, opened.key))

    failed = work_on(store, run)
    if json:
        print_json({"flows": said, "failed": {key: str(error) for key, error in failed.items()}})
    else:
        for row in said:
            print_table(
                f"{row['store']} · {row['flow']}",
                [{"what": k.replace("_", " "), "": v} for k, v in row.items() if k not in ("store", "flow")],
            )
    exit_if_failed(failed)
    if Severity.ERROR in worst:
        raise typer.Exit(FINDINGS)


def deliver(store: StoreOption = None, json: Json = False) -> None:
    """Send every push that is due, and nothing else."""
    rows: list[dict[str, Any]] = []

    def send(opened: Store) -> None:
        with progress_bar(f"{opened.key}: delivering", quiet=json) as bar:
            reports = [flow.deliver(opened, progress=bar) for flow in (orders, despatch, stock, returns)]
        rows.extend(
            {"store": opened.key, "kind": kind, **{str(outcome): n for outcome, n in outcomes.items()}}
            for report in reports
            for kind, outcomes in report.by_kind.items()
        )
        if refused := next((report.auth_failed for report in reports if report.auth_failed), None):
            fail(f"{opened.key}: {refused}", OUT_OF_REACH)

    failed = work_on(store, send)
    if json:
        print_json({"pushes": rows})
    else:
        for row in rows:
            print_table(
                f"{row['store']} · {row['kind']}",
                [{k: v for k, v in row.items() if k not in ("store", "kind")}],
            )
        if not rows:
            print_table("Due pushes", [], empty="none was due")
    exit_if_failed(failed)


def worker(
    store: StoreOption = None,
    quiet_dagster: Annotated[bool, typer.Option("--no-dagster", help="Do not report to Dagster's history.")] = False,
) -> None:
    """Serve the stores until stopped: the fast lane. Sensors stand back while it lives. SIGTERM and Ctrl-C stop it."""
    import dagster as dg

    from clarus_bc_pipeline.worker import run_worker

    logging.getLogger("clarus_bc").setLevel(logging.INFO)
    settings = load_settings()
    stores = chosen(settings, store)
    instance = None if quiet_dagster else dg.DagsterInstance.get()
    run_worker(settings, open_ledger(), stores, instance)


def _severities(engine: sa.Engine, store: str) -> list[Severity]:
    with engine.connect() as connection:
        return [finding.type.severity for finding in open_findings(connection, store=store)]
