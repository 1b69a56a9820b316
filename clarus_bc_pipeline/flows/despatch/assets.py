"""The despatch flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from clarus_bc_pipeline.flows.despatch import gap, sync
from clarus_bc_pipeline.flows.despatch.plot import gap_plot
from clarus_bc_pipeline.flows.resources import (
    RETRY,
    SHOP_POOL,
    STORES,
    WAREHOUSE_POOL,
    Stores,
    calls,
    table,
)
from clarus_bc_pipeline.flows.store import Store

GROUP: dict[str, Any] = {"partitions_def": STORES, "group_name": "despatch", "retry_policy": RETRY}


@dg.asset(
    **GROUP,
    owners=["team:warehouse"],
    kinds={"clarus", "postgres"},
    deps=["released_goods_outs"],
    pool=WAREHOUSE_POOL,
    code_version="1",
)
def clarus_goods_outs(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Sales orders in Clarus that moved: status, quantities picked and despatched, parcels and tracking.

    From the stock transactions feed, and a sweep of what is open; the cost follows open orders, not history.
    """
    with stores.open(context.partition_key) as store:
        pulled = sync.pull(store)
        return dg.MaterializeResult(
            metadata={
                "goods_outs_read": pulled.goods_outs,
                "rows_changed": pulled.changed,
                "goods_outs_missing": pulled.missing,
                "unreadable": pulled.unreadable,
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"postgres"},
    deps=[clarus_goods_outs, "bigcommerce_orders"],
    code_version="1",
)
def shipment_pushes(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Decide.** Which units newly left, in which parcels, and the shipments that tell the shop so.

    Line- and quantity-exact: part despatches, split parcels, shorted lines, late or changed tracking, voided labels.
    """
    with stores.open(context.partition_key) as store:
        decided = sync.decide(store)
        return dg.MaterializeResult(
            metadata={
                "goods_outs_considered": decided.considered,
                "despatches_new": decided.despatches,
                "pushes_new": decided.enqueued,
                "goods_outs_waiting": decided.waiting,
                "findings": decided.findings,
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"bigcommerce"},
    deps=[shipment_pushes],
    pool=SHOP_POOL,
    code_version="1",
)
def bigcommerce_shipments(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Deliver.** Shipments with tracking in the shop, exactly once in effect, through the outbox."""
    with stores.open(context.partition_key) as store:
        report = sync.deliver(store)
        return dg.MaterializeResult(metadata={**report.metadata(), **calls(store)})


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"postgres"},
    deps=[bigcommerce_shipments, clarus_goods_outs, "bigcommerce_orders"],
    pool=SHOP_POOL,
    code_version="1",
)
def despatch_gap(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** Both systems' books line by line: what left and does not show, what shows and has not left.

    The shop is read back first (`gap.prove`): a shipment counts when the shop shows it, not when it was sent.
    """
    with stores.open(context.partition_key) as store:
        return dg.MaterializeResult(metadata={**gap_metadata(store, gap.prove(store)), **calls(store)})


def gap_metadata(store: Store, measured: gap.Gap) -> dict[str, Any]:
    """The gap as metadata: numbers that the UI plots, the oldest lines, and the last week as a picture."""
    with store.engine.connect() as connection:
        past = gap.history(connection, store=store.key, since=store.now() - timedelta(days=7))
        lines = gap.gap_lines(connection, store=store.key)
    by_category = [
        {
            "category": r.category,
            "lines": r.lines,
            "orders": r.orders,
            "oldest, minutes": r.oldest_minutes,
            "value at risk": f"{r.value_at_risk:.2f} {r.currency}",
            "why": r.reason,
        }
        for r in measured.rows
    ]
    return {
        "headline": dg.MetadataValue.md(f"**{measured.headline}.**"),
        "despatched_lines": measured.despatched_lines,
        "confirmed_lines": measured.confirmed_lines,
        "gap_lines": measured.gap_lines,
        "not_checked_lines": measured.not_checked_lines,
        "oldest_gap_minutes": measured.oldest_minutes,
        "value_at_risk": float(sum(r.value_at_risk for r in measured.rows if r.category != "not_checked")),
        **({"last_7_days": dg.MetadataValue.md(gap_plot(past))} if len(past) > 1 else {}),
        **({"by_category": table(by_category)} if by_category else {}),
        **({"oldest_lines": lines_table(lines)} if lines else {}),
    }


def lines_table(lines: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Lines of the gap as a person reads them; the rest is in `clarus-bc gap`."""
    return table(
        [
            {
                "order": line["order_id"],
                "SKU": line["sku"],
                "category": line["category"],
                "despatched": f"{float(line['despatched']):g}",
                "shipped": f"{float(line['shipped']):g}",
                "since": f"{line['since']:%d %b %H:%M}" if line["since"] else "",
            }
            for line in lines
        ],
        most=20,
    )


ASSETS = [clarus_goods_outs, shipment_pushes, bigcommerce_shipments, despatch_gap]
