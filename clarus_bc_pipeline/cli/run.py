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
from clarus_bc_pipeline.decisions import Severity
from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.despatch import gap as despatch_gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.ledger.findings import open_findings
from clarus_bc_pipeline.settings import load_settings

FLOWS = ("catalogue", "orders", "despatch", "stock", "returns")


def sync(
    flows: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(FLOWS)} (default: all).")] = None,
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--read-only", help="Pull and compare; decide and send nothing.")] = False,
    json: Json = False,
) -> None:
    """Run each flow's verbs once: pull, decide, deliver, prove. No Dagster is needed."""
    names = flows or list(FLOWS)
    if unknown := sorted(set(names) - set(FLOWS)):
        fail(f"no such flow: {', '.join(unknown)}; flows are {', '.join(FLOWS)}", USAGE)
    said: list[dict[str, Any]] = []
    worst: list[Severity] = []

    def run(opened: Store) -> None:
        for name in FLOWS:
            if name in names:
                said.append({"store": opened.key, "flow": name, **_run(name, opened, dry_run, quiet=json)})
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


def _run(name: str, store: Store, read_only: bool, *, quiet: bool) -> dict[str, Any]:
    match name:
        case "catalogue":
            with progress_bar(f"{store.key}: reading both catalogues", quiet=quiet):
                read = {
                    "clarus_products": catalogue.pull_warehouse(store),
                    "bigcommerce_skus": catalogue.pull_shop(store),
                }
            return {**read, "differences": len(catalogue.decide(store))}
        case "orders":
            with progress_bar(f"{store.key}: reading orders", quiet=quiet) as bar:
                pulled = orders.pull(store, progress=bar)
            said: dict[str, Any] = {
                "orders_read": pulled.read,
                "orders_changed": pulled.changed,
                "unreadable": pulled.unreadable,
            }
            if read_only:
                return said
            decided = orders.decide(store)
            with progress_bar(f"{store.key}: releasing orders", quiet=quiet, total=decided.enqueued) as bar:
                report = orders.deliver(store, progress=bar)
            return {
                **said,
                "orders_waiting": decided.waiting,
                "released": report.delivered + report.adopted,
                "to_be_retried": report.retried + report.ambiguous,
                "refused": report.parked,
            }
        case "stock":
            with progress_bar(f"{store.key}: reading stock", quiet=quiet):
                units = stock.pull(store)
            said = {
                "balances_read": units.balances,
                "balances_changed": units.changed,
                "drops_doubted": units.doubted,
                "not_used_because": units.fault or "",
            }
            if not read_only:
                levels = stock.decide(store)
                with progress_bar(f"{store.key}: setting stock", quiet=quiet, total=levels.enqueued) as bar:
                    report = stock.deliver(store, progress=bar)
                said |= {
                    "levels_changed": levels.changed,
                    "oversold_units": levels.oversold_units,
                    "calls_delivered": report.delivered + report.adopted,
                    "to_be_retried": report.retried + report.ambiguous,
                    "refused": report.parked,
                }
            return said | {"levels_drifted": stock.prove(store).drifted}
        case "returns":
            with progress_bar(f"{store.key}: reading returns", quiet=quiet):
                back = returns.pull(store)
            said = {"rmas_read": back.rmas, "refunds_read": back.refunds, "receipts_read": back.receipts}
            if not read_only:
                moved_on = returns.decide(store)
                due = moved_on.announced + moved_on.approved
                with progress_bar(f"{store.key}: announcing and refunding", quiet=quiet, total=due) as bar:
                    report = returns.deliver(store, progress=bar)
                said |= {
                    "announced": moved_on.announced,
                    "refunds_approved": moved_on.approved,
                    "delivered": report.delivered + report.adopted,
                    "to_be_retried": report.retried + report.ambiguous,
                    "refused": report.parked,
                }
                proven = returns.prove(store)
                said |= {
                    "rmas": proven.rmas,
                    "refunds": proven.refunds,
                    "refunds_without_receipt": proven.refunds_without_receipt,
                }
            return said
        case _:
            with progress_bar(f"{store.key}: reading goods-outs", quiet=quiet) as bar:
                moved = despatch.pull(store, progress=bar)
            said = {
                "goods_outs_read": moved.goods_outs,
                "rows_changed": moved.changed,
                "missing": moved.missing,
            }
            if not read_only:
                announced = despatch.decide(store)
                with progress_bar(f"{store.key}: creating shipments", quiet=quiet, total=announced.enqueued) as bar:
                    report = despatch.deliver(store, progress=bar)
                said |= {
                    "despatches": announced.despatches,
                    "delivered": report.delivered + report.adopted,
                    "to_be_retried": report.retried + report.ambiguous,
                    "refused": report.parked,
                }
            return said | {"gap": despatch_gap.prove(store).headline}


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
