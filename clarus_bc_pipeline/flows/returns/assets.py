"""The returns flow's verbs as assets: thin, with the numbers worth watching in their metadata."""

from typing import Any

import dagster as dg

from clarus_bc_pipeline.flows.resources import RETRY, SHOP_POOL, STORES, WAREHOUSE_POOL, Stores, calls, table
from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline.flows.store import Store

GROUP: dict[str, Any] = {"partitions_def": STORES, "group_name": "returns", "retry_policy": RETRY}


@dg.asset(
    **GROUP,
    owners=["team:cx"],
    kinds={"bigcommerce", "clarus", "postgres"},
    deps=["bigcommerce_orders", "clarus_products"],
    pool=SHOP_POOL,
    code_version="1",
)
def rmas(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Pull.** RMAs (order metafields) and refunds of the shop, receipts of returns with their grades from Clarus."""
    with stores.open(context.partition_key) as store:
        pulled = sync.pull(store)
        return dg.MaterializeResult(
            metadata={
                "rmas_read": pulled.rmas,
                "refunds_read": pulled.refunds,
                "receipts_read": pulled.receipts,
                "receipts_changed": pulled.changed,
                "unreadable": pulled.unreadable,
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"postgres"},
    deps=[rmas, "clarus_stock_balances"],
    code_version="1",
)
def return_pushes(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Decide.** Each RMA as far as the facts prove: what Clarus is told of, and which refunds are approved.

    Only units that were received and passed inspection are refunded, and never above captured less refunded; the
    database refuses anything else.
    """
    with stores.open(context.partition_key) as store:
        decided = sync.decide(store)
        return dg.MaterializeResult(
            metadata={
                "rmas_considered": decided.considered,
                "steps": decided.steps,
                "returns_announced": decided.announced,
                "refunds_approved": decided.approved,
                "findings": decided.findings,
                **overview(store),
                **calls(store),
            }
        )


@dg.asset(
    **GROUP,
    owners=["team:integration"],
    kinds={"bigcommerce", "clarus"},
    deps=[return_pushes],
    pool=WAREHOUSE_POOL,
    code_version="1",
)
def return_deliveries(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Deliver.** Receipts announced to Clarus; refunds quoted, chosen and sent to BigCommerce, one an order."""
    with stores.open(context.partition_key) as store:
        report = sync.deliver(store)
        return dg.MaterializeResult(metadata={**report.metadata(), **calls(store)})


@dg.asset(
    **GROUP,
    owners=["team:finance"],
    kinds={"postgres"},
    deps=[return_deliveries],
    code_version="1",
)
def return_proof(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[Any]:
    """**Prove.** Refunds against receipts and approvals, both ways; refunds made by hand; what is not back on sale."""
    with stores.open(context.partition_key) as store:
        return dg.MaterializeResult(metadata={**proof_metadata(store, sync.prove(store)), **calls(store)})


def proof_metadata(store: Store, proven: sync.Proven) -> dict[str, Any]:
    """The figures of a proof, and the refunds that no RMA made."""
    with store.engine.connect() as connection:
        given = {"store": store.key, "most": 50}
        rows = connection.execute(sync.SQL["manual_refunds"], given).mappings().all()
    manual = [
        {
            "refund": row["refund_id"],
            "order": row["order_id"],
            "amount": f"{row['amount']:f} {row['currency']}",
            "made at": f"{row['created_at']:%Y-%m-%d %H:%M}",
        }
        for row in rows
    ]
    return {
        "rmas": proven.rmas,
        "refunds": proven.refunds,
        "refunds_waiting": proven.refunds_waiting,
        "refunds_without_receipt": proven.refunds_without_receipt,
        "refunds_that_differ": proven.refunds_that_differ,
        "refunds_declined": proven.refunds_declined,
        "refunds_unconfirmed": proven.unconfirmed,
        "refunds_by_hand": proven.manual_refunds,
        **({"by_hand": table(manual)} if manual else {}),
    }


def overview(store: Store) -> dict[str, Any]:
    """The RMAs that are under way, the oldest first."""
    with store.engine.connect() as connection:
        given = {"store": store.key, "whole": False, "most": 50}
        rows = connection.execute(sync.SQL["returns_overview"], given).mappings().all()
    now = store.now()
    shown = [
        {
            "RMA": row["rma"],
            "order": row["order_id"],
            "units": row["units"],
            "state": row["state"],
            "days": (now - row["opened_at"]).days,
            "days since received": "" if row["received_at"] is None else str((now - row["received_at"]).days),
            "approved": "" if row["amount"] is None else f"{row['amount']:f} {row['currency']}",
        }
        for row in rows
    ]
    return {"under_way": len(shown), **({"rmas": table(shown)} if shown else {})}


ASSETS = [rmas, return_pushes, return_deliveries, return_proof]
