"""One turn of each flow by hand, for `sync`: its verbs with progress bars, and what came of them in figures.

What belongs here: a function a flow. What does not: which stores and flows are turned (`run.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clarus_bc_pipeline.cli.output import progress_bar
from clarus_bc_pipeline.flows.catalogue import sync as catalogue
from clarus_bc_pipeline.flows.despatch import gap as despatch_gap
from clarus_bc_pipeline.flows.despatch import sync as despatch
from clarus_bc_pipeline.flows.finance import sync as finance
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.returns import sync as returns
from clarus_bc_pipeline.flows.stock import sync as stock
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger.outbox import DeliveryReport

Said = dict[str, Any]


def turn_catalogue(store: Store, read_only: bool, quiet: bool) -> Said:
    with progress_bar(f"{store.key}: reading both catalogues", quiet=quiet):
        read = {"clarus_products": catalogue.pull_warehouse(store), "bigcommerce_skus": catalogue.pull_shop(store)}
    return {**read, "differences": len(catalogue.decide(store))}


def turn_orders(store: Store, read_only: bool, quiet: bool) -> Said:
    with progress_bar(f"{store.key}: reading orders", quiet=quiet) as bar:
        pulled = orders.pull(store, progress=bar)
    said: Said = {
        "orders_read": pulled.read,
        "orders_changed": pulled.changed,
        "unreadable": pulled.unreadable,
    }
    if read_only:
        return said
    decided = orders.decide(store)
    with progress_bar(f"{store.key}: releasing orders", quiet=quiet, total=decided.enqueued) as bar:
        report = orders.deliver(store, progress=bar)
    return {**said, "orders_waiting": decided.waiting, **_delivered("released", report)}


def turn_despatch(store: Store, read_only: bool, quiet: bool) -> Said:
    with progress_bar(f"{store.key}: reading goods-outs", quiet=quiet) as bar:
        moved = despatch.pull(store, progress=bar)
    said: Said = {
        "goods_outs_read": moved.goods_outs,
        "rows_changed": moved.changed,
        "missing": moved.missing,
    }
    if not read_only:
        announced = despatch.decide(store)
        with progress_bar(f"{store.key}: creating shipments", quiet=quiet, total=announced.enqueued) as bar:
            report = despatch.deliver(store, progress=bar)
        said |= {"despatches": announced.despatches, **_delivered("delivered", report)}
    return said | {"gap": despatch_gap.prove(store).headline}


def turn_stock(store: Store, read_only: bool, quiet: bool) -> Said:
    with progress_bar(f"{store.key}: reading stock", quiet=quiet):
        units = stock.pull(store)
    said: Said = {
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
            **_delivered("calls_delivered", report),
        }
    return said | {"levels_drifted": stock.prove(store).drifted}


def turn_returns(store: Store, read_only: bool, quiet: bool) -> Said:
    with progress_bar(f"{store.key}: reading returns", quiet=quiet):
        back = returns.pull(store)
    said: Said = {"rmas_read": back.rmas, "refunds_read": back.refunds, "receipts_read": back.receipts}
    if read_only:
        return said
    moved_on = returns.decide(store)
    due = moved_on.announced + moved_on.approved
    with progress_bar(f"{store.key}: announcing and refunding", quiet=quiet, total=due) as bar:
        report = returns.deliver(store, progress=bar)
    proven = returns.prove(store)
    return {
        **said,
        "announced": moved_on.announced,
        "refunds_approved": moved_on.approved,
        **_delivered("delivered", report),
        "rmas": proven.rmas,
        "refunds": proven.refunds,
        "refunds_without_receipt": proven.refunds_without_receipt,
    }


def turn_finance(store: Store, read_only: bool, quiet: bool) -> Said:
    """It sends nothing to anybody, so that a read-only turn is a whole one."""
    with progress_bar(f"{store.key}: reading payments", quiet=quiet):
        pulled = finance.pull(store)
    with progress_bar(f"{store.key}: posting and proving the books", quiet=quiet):
        proven = finance.prove(store)
    return {
        "orders_read": pulled.orders,
        "transactions_read": pulled.transactions,
        "orders_waiting": pulled.waiting,
        "journal_lines_new": proven.booked.lines,
        "orders_matched": proven.matched.matched,
        "orders_listed": proven.matched.listed,
        "control_total_difference": float(proven.control.difference) if proven.control else 0.0,
    }


def _delivered(name: str, report: DeliveryReport) -> Said:
    return {
        name: report.delivered + report.adopted,
        "to_be_retried": report.retried + report.ambiguous,
        "refused": report.parked,
    }


# In the order in which data goes through them.
TURNS: Mapping[str, Callable[[Store, bool, bool], Said]] = {
    "catalogue": turn_catalogue,
    "orders": turn_orders,
    "despatch": turn_despatch,
    "stock": turn_stock,
    "returns": turn_returns,
    "finance": turn_finance,
}
