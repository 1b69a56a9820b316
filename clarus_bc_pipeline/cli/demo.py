"""`demo`: the whole loop on real orders, on this machine only.

What belongs here: driving the story through Dagster, and saying what happened. What does not: the story itself
(`sandbox/scenario.py`) or the processes it needs (`world.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import httpx
import sqlalchemy as sa
import typer

from clarus_bc_pipeline.cli.output import FINDINGS, Json, console, errors, print_json, print_table
from clarus_bc_pipeline.cli.world import sandbox_world

STORY = (  # what the world does, then which flows run; in the order of a working day
    (None, ("sync_catalogue", "sync_orders", "sync_stock")),
    ("payments", ("sync_orders",)),
    ("first_despatch", ("sync_despatch",)),
    ("changes", ("sync_orders", "sync_despatch")),
    ("second_despatch", ("sync_despatch",)),
    ("late_news", ("sync_despatch",)),
    ("money_troubles", ()),
    ("stock_moves", ("sync_orders", "sync_despatch", "sync_stock")),  # and reads back what was sent, which proves it
    ("returns_opened", ("sync_returns",)),
    ("parcels_back", ("sync_returns",)),
    (None, ("sync_stock", "sync_finance")),
)
WINDOW_SECONDS = 0.5  # the doubles' quota window, 30 seconds at BigCommerce; the quota a window is the plans' own

# The run's events are in the Dagster UI; on this console they would hide the story.
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def demo(
    orders: Annotated[int, typer.Option(help="Real Online Retail orders to replay, over both stores.")] = 150,
    seed: Annotated[int, typer.Option(help="The same seed, the same world.")] = 1,
    json: Json = False,
) -> None:
    """One full cycle on real orders: shop to warehouse and back, through Dagster, with proof. Exits 0 when proven.

    Starts an embedded Postgres and doubles of both vendors on this machine; nothing leaves it.
    """
    started = time.monotonic()
    with sandbox_world(orders=orders, seed=seed, window_seconds=WINDOW_SECONDS) as address:
        said = _play(address, quiet=json)
        said["seconds"] = round(time.monotonic() - started, 1)
        said["sandbox"] = address
    if json:
        print_json(said)
    else:
        _tell(said)
    if not said["proven"]:
        raise typer.Exit(FINDINGS)


def _play(address: str, *, quiet: bool) -> dict[str, Any]:
    """Drive the story: a step of the world, then the flows' jobs for each store through Dagster."""
    import dagster as dg

    from clarus_bc_pipeline.definitions import defs
    from clarus_bc_pipeline.flows.resources import STORES
    from clarus_bc_pipeline.flows.sensing import tags_for

    stores = list(STORES.get_partition_keys())
    failed: list[str] = []
    with dg.DagsterInstance.get() as instance:
        # As the webserver does: keep connections. Else each of some 3,000 statements connects anew.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=600, max_overflow=10)
        for step, jobs in STORY:
            if step:
                done = httpx.post(f"{address}/scenario/{step}", timeout=60).raise_for_status().json()["done"]
                _say(quiet, f"[bold]{step.replace('_', ' ')}[/bold]: {done}")
            for job in jobs:
                for store, tags in tags_for(job, stores):
                    with console.status(f"{job} for {store}", spinner="dots") if not quiet else _nothing():
                        result = defs.resolve_job_def(job).execute_in_process(
                            instance=instance,
                            partition_key=store,
                            tags=tags,
                            run_config=QUIET,
                            raise_on_error=False,
                        )
                    if not result.success:
                        failed.append(f"{job} for {store}")
                    _say(quiet, f"  {job} for {store}: {'done' if result.success else '[red]failed[/red]'}")
    world = httpx.get(f"{address}/scenario", timeout=30).raise_for_status().json()
    return _sum_up(world, failed)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        console.print(text)


def _sum_up(world: dict[str, Any], failed: list[str]) -> dict[str, Any]:
    """What the ledger claims, beside what the doubles know."""
    from clarus_bc_pipeline.flows.despatch import gap
    from clarus_bc_pipeline.flows.finance.control import control_totals
    from clarus_bc_pipeline.flows.store import utc_now
    from clarus_bc_pipeline.ledger.engine import open_ledger
    from clarus_bc_pipeline.ledger.findings import open_findings
    from clarus_bc_pipeline.settings import load_settings

    said: Counter[str] = Counter()
    findings = []
    gaps: list[dict[str, Any]] = []
    unproven = []
    control_difference = Decimal(0)
    listed: dict[str, list[str]] = {}
    with open_ledger().connect() as connection:
        for store, settings in load_settings().stores.items():
            given = {"store": store}
            today = utc_now().date()
            control = control_totals(connection, settings, first=today - timedelta(days=366), last=today)
            if control is None:
                unproven.append(store)
            else:
                control_difference += control.difference
                listed[store] = [f"{each.order_id}: {', '.join(each.codes)}" for each in control.differences]
            for name, sql in COUNTS.items():
                said[name] += connection.scalar(sa.text(sql), given) or 0
            measured = gap.last_measured(connection, store=store, now=utc_now())
            if measured is None:  # its runs failed, and are named
                continue
            said.update(
                {
                    "despatched_lines": measured.despatched_lines,
                    "lines_confirmed_in_bigcommerce": measured.confirmed_lines,
                    "gap_lines": measured.gap_lines,
                    "not_checked_lines": measured.not_checked_lines,
                }
            )
            planted = world["planted"][store]
            gaps += [
                {
                    "store": store,
                    "order": line["order_id"],
                    "SKU": line["sku"],
                    "category": line["category"],
                    "despatched": int(line["despatched"]),
                    "shipped": int(line["shipped"]),
                    "why": line["reason"],
                    "planted": planted.get(str(line["order_id"])),
                }
                for line in gap.gap_lines(connection, store=store, most=10_000)
            ]
            findings += open_findings(connection, store=store)
    failed += [f"control totals of {store}" for store in unproven]
    calls = world["calls"]["bigcommerce"]
    said_all: dict[str, Any] = {
        **{
            name: said[name]
            for name in (
                *COUNTS,
                "despatched_lines",
                "lines_confirmed_in_bigcommerce",
                "gap_lines",
                "not_checked_lines",
            )
        },
        "unexplained_gap_lines": sum(1 for line in gaps if not line["planted"]),
        "gap": gaps,
        "findings_by_type": dict(Counter(f.code for f in findings).most_common()),
        "findings_by_owner": dict(Counter(str(f.type.owner) for f in findings).most_common()),
        "bigcommerce_calls": calls,
        "clarus_calls": world["calls"]["clarus"],
        # Of orders and shipments; catalogue and stock cost the same however many orders there are.
        "calls_per_shipment": round(world["calls"]["bigcommerce_orders"] / max(1, world["shipments"]), 3),
        "duplicates": world["duplicate_shipments"],
        "lost_units": sum(world["lost_units"].values()),
        "surplus_units": sum(world["surplus_units"].values()),
        "lost": world["lost_units"],
        "stock_above_warehouse_units": sum(world["stock_above_warehouse_units"].values()),
        "early_refund_units": sum(world["early_refund_units"].values()),
        "double_refunds": len(world["double_refunds"]),
        "control_total_difference": float(control_difference),
        "differences_listed": listed,
        "own_429s": world["throttled"],
        "failed_runs": failed,
    }
    said_all["proven"] = not (
        said_all["unexplained_gap_lines"]
        or said_all["duplicates"]
        or said_all["lost_units"]
        or said_all["stock_above_warehouse_units"]
        or said_all["early_refund_units"]
        or said_all["double_refunds"]
        or said_all["control_total_difference"]
        or failed
    )
    return said_all


COUNTS = {
    "orders_pulled": "SELECT count(*) FROM bigcommerce_order WHERE store = :store",
    "orders_released": "SELECT count(DISTINCT lane) FROM push "
    "WHERE store = :store AND kind = 'goods_out' AND state = 'delivered'",
    "skus_compared": "SELECT count(*) FROM bigcommerce_variant WHERE store = :store",
    "sku_mismatches": "SELECT count(*) FROM finding WHERE store = :store AND scope = 'catalogue' AND state = 'open'",
    "stock_pushed": "SELECT count(*) FROM stock_level WHERE store = :store AND sent IS NOT NULL",
    "stock_drift": "SELECT count(*) FROM stock_level WHERE store = :store AND target IS NOT NULL "
    "AND shown IS DISTINCT FROM target AND refused IS NULL",
    "oversold_units": "SELECT coalesce(sum((evidence->>'units')::int), 0) FROM finding "
    "WHERE store = :store AND code = 'oversold' AND state = 'open'",
    "rmas": "SELECT count(*) FROM rma WHERE store = :store",
    "refunds": "SELECT count(*) FROM push WHERE store = :store AND kind = 'refund' AND state = 'delivered'",
    "refunds_without_receipt": "SELECT count(*) FROM finding WHERE store = :store "
    "AND code = 'refund_without_receipt' AND state = 'open'",
    "journal_lines": "SELECT count(*) FROM journal_line WHERE store = :store",
    "shipments_created": "SELECT count(*) FROM push WHERE store = :store AND kind = 'shipment' AND state = 'delivered'",
}


def _tell(said: dict[str, Any]) -> None:
    numbers = {key: value for key, value in said.items() if isinstance(value, (int, float))}
    print_table("What happened", [{"what": key.replace("_", " "), "": value} for key, value in numbers.items()])
    lines = Counter((g["store"], g["order"], g["category"], g["planted"], g["why"]) for g in said["gap"])
    print_table(
        "Orders in a gap or not checked, and what was planted there",
        [
            {
                "store": store,
                "order": str(order),
                "lines": number,
                "what": category.replace("_", " ") + (f": {why}" if why else ""),
                "planted": planted or "NOT PLANTED",
            }
            for (store, order, category, planted, why), number in lines.items()
        ],
    )
    print_table("Findings by owner", [{"owner": o, "open": n} for o, n in said["findings_by_owner"].items()])
    print_table("Findings by type", [{"type": t, "open": n} for t, n in said["findings_by_type"].items()])
    if said["failed_runs"]:
        errors.print(f"Runs that failed a check or step: {', '.join(said['failed_runs'])}", style="red")
    console.print(
        f"\n[bold]{said['lines_confirmed_in_bigcommerce']:,} of {said['despatched_lines']:,} despatched lines show "
        "in BigCommerce.[/bold]"
    )
    if said["unexplained_gap_lines"]:
        errors.print(f"{said['unexplained_gap_lines']} lines are in a gap that nobody planted.", style="red")
    else:
        console.print(
            f"{said['gap_lines']} in a gap and {said['not_checked_lines']} not checked, each planted and named above."
        )
    console.print("[green]Proven: nothing lost, nothing twice.[/green]" if said["proven"] else "[red]Not proven.[/red]")
    console.print("Look closer: clarus-bc findings · clarus-bc order NUMBER · make up")
