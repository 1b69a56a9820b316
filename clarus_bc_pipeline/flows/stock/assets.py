"""The stock flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from datetime import timedelta
from typing import Any

import dagster as dg

from clarus_bc_pipeline.flows.resources import RETRY, SHOP_POOL, STORES, WAREHOUSE_POOL, Stores, calls, table
from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline.flows.stock.exposure import exposure, exposure_plot, read_sales
from clarus_bc_pipeline.flows.stock.published import takes_off_when_shipped
from clarus_bc_pipeline.flows.store import Store

NEXT_SYNC = timedelta(seconds=60)
GROUP: dict[str, Any] = {"partitions_def": STORES, "group_name": "stock", "retry_policy": RETRY}


@dg.asset(
    **GROUP,
    owners=["team:warehouse"],
    kinds={"clarus", "postgres"},
    deps=["clarus_products", "clarus_goods_outs"],
    pool=WAREHOUSE_POOL,
    code_version="1",
)
def clarus_stock_balances(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Units of every product in Clarus: of what moved, and all of them when a sweep is due.

    A whole reading that is empty or much smaller than the last is not used; a sudden drop waits to be read again.
    """
    with stores.open(context.partition_key) as store:
        pulled = sync.pull(store)
        return dg.MaterializeResult(
            metadata={
                "balances_read": pulled.balances,
                "balances_changed": pulled.changed,
                "drops_doubted": pulled.doubted,
                "unreadable": pulled.unreadable,
                "is_whole": pulled.whole,
                **({"not_used_because": pulled.fault} if pulled.fault else {}),
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"postgres"},
    deps=[clarus_stock_balances, "bigcommerce_orders", "bigcommerce_variants"],
    code_version="1",
)
def stock_pushes(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Decide.** What the shop may offer of each SKU at each location, and the levels that differ from what it shows.

    Target: what is free in Clarus, less paid orders that it has set nothing aside for, less the buffer.
    """
    with stores.open(context.partition_key) as store:
        decided = sync.decide(store)
        return dg.MaterializeResult(
            metadata={
                "levels": decided.levels,
                "levels_changed": decided.changed,
                "pushes_new": decided.enqueued,
                "pushes_superseded": decided.superseded,
                "oversold_units": decided.oversold_units,
                "findings": decided.findings,
                **exposure_metadata(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"bigcommerce"},
    deps=[stock_pushes],
    pool=SHOP_POOL,
    code_version="1",
)
def bigcommerce_stock(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Deliver.** Levels set in the shop, absolute, up to 2,000 a call; what it refuses is told and the rest goes."""
    with stores.open(context.partition_key) as store:
        report = sync.deliver(store)
        return dg.MaterializeResult(metadata={**report.metadata(), **calls(store)})


@dg.asset(
    **GROUP,
    owners=["team:ecommerce"],
    kinds={"postgres"},
    deps=[bigcommerce_stock],
    pool=SHOP_POOL,
    code_version="1",
)
def stock_drift(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** What was sent, read back from the shop: shown, not shown yet, or changed by somebody else."""
    with stores.open(context.partition_key) as store:
        proven = sync.prove(store)
        return dg.MaterializeResult(metadata={**drift_metadata(store, proven), **calls(store)})


def drift_metadata(store: Store, proven: sync.ReadBack) -> dict[str, Any]:
    """What was read back, and the levels that do not show their target, the oldest first."""
    with store.engine.connect() as connection:
        rows = connection.execute(sync.SQL["drift"], {"store": store.key, "most": 50}).mappings().all()
    now = store.now()
    shown = [
        {
            "SKU": row["sku"],
            "location": row["location_id"],
            "target": row["target"],
            "shown": "not read" if row["shown"] is None else row["shown"],
            "minutes": int((now - row["since"]).total_seconds() // 60),
            "cause": row["cause"],
        }
        for row in rows
    ]
    return {
        "levels_read_back": proven.levels,
        "levels_proven": proven.proven,
        "levels_not_shown_yet": proven.lag,
        "levels_drifted": proven.drifted,
        "stock_drift": rows[0]["all_levels"] if rows else 0,
        **({"levels_that_differ": table(shown)} if shown else {}),
    }


def exposure_metadata(store: Store) -> dict[str, Any]:
    """The SKUs likeliest to be oversold before the next sync, and the smallest buffers that would hold."""
    with store.engine.connect() as connection:
        sales = read_sales(connection, store=store.key, now=store.now())
        counts_late = takes_off_when_shipped(connection, store)
    settle = timedelta(seconds=store.settings.stock.settle_seconds)
    # A level on its way takes as long to show as the shop may take; then until it is set right again.
    rows = exposure(sales, until_next_sync=NEXT_SYNC + settle, uncounted=None if counts_late else settle)
    if not rows:
        return {}
    listed = [
        {
            "SKU": row.sku,
            "offered": row.offered,
            "units a day": round(row.units_a_day, 1),
            "chance of an oversell": f"{row.chance:.2%}",
            "expected value": f"{row.expected_value:.2f}",
            "smallest buffer": row.smallest_buffer,
        }
        for row in rows[:20]
    ]
    return {
        "exposed_value": float(sum(row.expected_value for row in rows)),
        "exposure": table(listed),
        "exposure_plot": dg.MetadataValue.md(exposure_plot(rows)),
    }


ASSETS = [clarus_stock_balances, stock_pushes, bigcommerce_stock, stock_drift]
