"""The finance flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import sync
from clarus_bc_pipeline.flows.finance.control import Control, control_totals
from clarus_bc_pipeline.flows.finance.matching import SQL
from clarus_bc_pipeline.flows.resources import RETRY, SHOP_POOL, STORES, Stores, calls, table
from clarus_bc_pipeline.flows.returns.currency import shown
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import urls

GROUP: dict[str, Any] = {
    "partitions_def": STORES,
    "group_name": "finance",
    "retry_policy": RETRY,
    "owners": ["team:finance"],
    "code_version": "1",
}
PACK_FOLDER = "finance"  # under the pipeline's home
BUCKETS = ("days_0_7", "days_8_30", "days_31_60", "days_61_90", "days_over_90")


@dg.asset(**GROUP, kinds={"bigcommerce", "postgres"}, deps=["bigcommerce_orders", "rmas"], pool=SHOP_POOL)
def bigcommerce_payments(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Transactions of orders of which something left, went back or was cancelled: a call an order.

    At most so many a run as the settings allow; the others wait, and are shown as not checked.
    """
    with stores.open(context.partition_key) as store:
        pulled = sync.pull(store)
        return dg.MaterializeResult(
            metadata={
                "orders_read": pulled.orders,
                "transactions_read": pulled.transactions,
                "orders_unreadable": pulled.unreadable,
                "orders_waiting": pulled.waiting,
                **calls(store),
            }
        )


@dg.asset(**GROUP, kinds={"postgres"}, deps=[bigcommerce_payments, "clarus_goods_outs", "return_proof"])
def finance_journal(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Decide.** Double entry of what was paid, sent, refunded and returned, and what does not agree with what.

    Posted lines are never changed: a fact that changes is posted as the difference, a late one in the next open period.
    """
    with stores.open(context.partition_key) as store:
        decided = sync.decide(store)
        return dg.MaterializeResult(
            metadata={
                "orders_posted": decided.booked.orders,
                "journals_new": decided.booked.journals,
                "journal_lines_new": decided.booked.lines,
                "journals_of_closed_periods": decided.booked.late,
                "orders_matched": decided.matched.matched,
                "orders_listed": decided.matched.listed,
                **breaks_metadata(store),
            }
        )


@dg.asset(**GROUP, kinds={"postgres"}, deps=[finance_journal])
def finance_control(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** All orders matched, and the journal held against the facts: to 0.00, or each difference by name."""
    with stores.open(context.partition_key) as store:
        proven = sync.prove(store)
        return dg.MaterializeResult(metadata=control_metadata(proven.control) if proven.control else {"is_on": False})


@dg.asset(**GROUP, kinds={"postgres", "excel"}, deps=[finance_control])
def finance_pack(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Deliver.** The month so far as one workbook with its journals for Xero and Sage: control sheet, schedules,
    ageing, journals, findings, sign-off. A file a day, in the folder finance of the pipeline's home."""
    from clarus_bc_pipeline.flows.finance.pack import write_pack

    with stores.open(context.partition_key) as store:
        first, last = month_so_far(store)
        with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            control = control_totals(connection, store.settings, first=first, last=last)
            if control is None:
                return dg.MaterializeResult(metadata={"is_on": False})
            pack = write_pack(
                connection, store.settings, urls.home() / PACK_FOLDER,
                first=first, last=last, now=store.now(), control=control,
            )  # fmt: skip
        return dg.MaterializeResult(
            metadata={
                "workbook": dg.MetadataValue.path(str(pack.file)),
                "exports": dg.MetadataValue.text("\n".join(str(file) for file in pack.exports)),
                "sha256": pack.sha256,
                "control_total_difference": float(control.difference),
                **{f"rows_{name}": rows for name, rows in pack.rows.items()},
            }
        )


def month_so_far(store: Store) -> tuple[date, date]:
    """Yesterday's month from its first day to today (of the store's days): what a morning's pack is of."""
    today = store.now().astimezone(ZoneInfo(store.settings.timezone)).date()
    return (today - timedelta(days=1)).replace(day=1), today


def control_metadata(control: Control) -> dict[str, Any]:
    """The control totals as a page and as numbers to plot, and the orders behind each difference."""
    named = [
        {
            "order": str(each.order_id),
            "amount": shown(each.amount, each.currency),
            "because": ", ".join(each.codes) or "nothing explains it",
        }
        for each in control.differences
    ]
    complete = control.completeness
    return {
        "control_totals": dg.MetadataValue.md(control_page(control)),
        "control_total_difference": float(control.difference),
        "orders_read": complete.read,
        "orders_matched": complete.matched,
        "orders_listed": complete.listed,
        "orders_left_out": sum(complete.excluded.values()),
        **({"differences": table(named)} if named else {}),
    }


def control_page(control: Control) -> str:
    """The control totals for a controller: what the facts say, what the books say, what is named, what is left."""
    rows = [
        f"| {each.name} | {shown(each.facts, each.currency)} | {shown(each.books, each.currency)} "
        f"| {shown(each.explained, each.currency)} | {shown(each.difference, each.currency)} |"
        for each in control.proofs
    ]
    complete = control.completeness
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in complete.excluded.items()) or "none"
    by_status = "; ".join(shown(amount, currency) for currency, amount in control.by_status.items())
    return "\n".join(
        [
            f"As of {control.as_of:%d %b %Y %H:%M} UTC. **{_verdict(control)}**",
            "",
            "| | facts | journal | named breaks | left |",
            "| --- | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            f"{complete.read:,} orders read: {complete.matched:,} matched, {complete.listed:,} listed; "
            f"left out: {left_out}.",
            *([f"Taken as paid by the order's status, transactions not read: {by_status}."] if by_status else []),
        ]
    )


def _verdict(control: Control) -> str:
    if not control.proofs:
        return "The books are empty."
    return "Everything ties to 0.00." if not control.difference else "Something does not tie."


def breaks_metadata(store: Store) -> dict[str, Any]:
    """What is listed, by code and age of the event."""
    with store.engine.connect() as connection:
        rows = break_sums(connection, store=store.key, now=store.now())
    listed = [
        {
            "what": row.code.replace("_", " ") + ("" if row.is_material else ", below materiality"),
            "orders": row.orders,
            "amount": shown(row.amount, row.currency),
            **{bucket.replace("_", " "): str(getattr(row, bucket).normalize()) for bucket in BUCKETS},
        }
        for row in rows
    ]
    return {"break_rows": sum(row.rows for row in rows), **({"breaks": table(listed)} if listed else {})}


def break_sums(connection: sa.Connection, *, store: str, now: datetime) -> Sequence[sa.Row[Any]]:
    """The breaks by code, currency and materiality, with their amounts by age."""
    return connection.execute(SQL["break_sums"], {"store": store, "now": now}).all()


ASSETS = [bigcommerce_payments, finance_journal, finance_control, finance_pack]
