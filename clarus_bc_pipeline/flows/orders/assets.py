"""The orders flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from typing import Any

import dagster as dg

from clarus_bc_pipeline.flows.orders import sync
from clarus_bc_pipeline.flows.resources import (
    RETRY,
    SHOP_POOL,
    STORES,
    WAREHOUSE_POOL,
    Stores,
    calls,
    table,
)

GROUP: dict[str, Any] = {"partitions_def": STORES, "group_name": "orders", "retry_policy": RETRY}


@dg.asset(**GROUP, owners=["team:ecommerce"], kinds={"bigcommerce", "postgres"}, pool=SHOP_POOL, code_version="1")
def bigcommerce_orders(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** Orders that changed in the shop since the last look, with their lines and delivery addresses.

    One list call brings 250 orders whole. Names, e-mail, phone and street are kept apart and purged after despatch.
    """
    with stores.open(context.partition_key) as store:
        pulled = sync.pull(store)
        return dg.MaterializeResult(
            metadata={
                "orders_read": pulled.read,
                "orders_changed": pulled.changed,
                "orders_unreadable": pulled.unreadable,
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:warehouse"],
    kinds={"postgres"},
    deps=[bigcommerce_orders, "clarus_products"],
    code_version="1",
)
def goods_out_pushes(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Decide.** Which paid orders go to the warehouse, with their packing notes, and which wait and why.

    An order is released whole or not at all. A change or cancellation after release is acted on here too.
    """
    with stores.open(context.partition_key) as store:
        decided = sync.decide(store)
        return dg.MaterializeResult(
            metadata={
                "orders_considered": decided.considered,
                "pushes_new": decided.enqueued,
                "orders_waiting": decided.waiting,
                "findings": decided.findings,
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"clarus"},
    deps=[goods_out_pushes],
    pool=WAREHOUSE_POOL,
    code_version="1",
)
def released_goods_outs(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Deliver.** Sales orders created (or cancelled) in Clarus, exactly once in effect, through the outbox."""
    with stores.open(context.partition_key) as store:
        report = sync.deliver(store)
        return dg.MaterializeResult(metadata={**report.metadata(), **calls(store)})


@dg.asset(
    **GROUP,
    owners=["team:warehouse"],
    kinds={"postgres"},
    deps=[released_goods_outs, "clarus_goods_outs"],
    code_version="1",
)
def order_progress(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** Where every paid order of the last 30 days stands, from payment to despatch."""
    with stores.open(context.partition_key) as store:
        stages = sync.prove(store)
        waiting = sum(row["orders"] for row in stages if row["stage"][0] in "0129")
        return dg.MaterializeResult(
            metadata={
                "paid_orders": sum(row["orders"] for row in stages),
                "not_in_clarus": waiting,
                "stages": table(stages),
            }
        )


ASSETS = [bigcommerce_orders, goods_out_pushes, released_goods_outs, order_progress]
