"""Asset checks of open orders: can each be packed and delivered, and did each paid one reach the warehouse?"""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from clarus_bc_pipeline.decisions import Severity
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.catalogue.sync import product_codes
from clarus_bc_pipeline.flows.check_reports import check_result, validate
from clarus_bc_pipeline.flows.resources import STORES, Stores, settings
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("checks.sql"))

REACH_THE_WAREHOUSE_WITHIN = timedelta(minutes=15)


@dg.asset_check(asset="bigcommerce_orders", partitions_def=STORES)
def order_lines_can_be_packed(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """SKU, quantity and price of every physical line of every open, paid order."""
    import pandas as pd

    from clarus_bc_pipeline.flows.orders.schemas import open_order_lines

    store = context.partition_key
    with stores.engine.connect() as connection:
        rows = connection.execute(SQL["open_order_lines"], _open(store)).mappings().all()
        codes = product_codes(connection, store=store)
    sku_map = SkuMap(settings().stores[store].skus)
    frame = pd.DataFrame(
        {
            "sku": pd.Series([r["sku"] for r in rows], dtype=str),
            "known_in_clarus": pd.Series([sku_map.to_clarus(r["sku"]) in codes for r in rows], dtype=bool),
            "quantity": pd.Series([r["quantity"] for r in rows], dtype="int64"),
            "price_inc_tax": pd.Series([r["price_inc_tax"] for r in rows], dtype=object),
        }
    )
    name = {i: f"order {r['order_id']}, SKU {r['sku']!r}" for i, r in enumerate(rows)}
    return check_result(validate(frame, open_order_lines, name=name))


@dg.asset_check(asset="bigcommerce_orders", partitions_def=STORES)
def addresses_can_be_delivered(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Delivery addresses of every open, paid order: what a carrier needs, within Clarus's field lengths."""
    from clarus_bc_pipeline.flows.orders.schemas import address_frame, open_order_addresses

    with stores.engine.connect() as connection:
        rows = connection.execute(SQL["open_order_addresses"], _open(context.partition_key)).mappings().all()
    frame = address_frame([row["address"] for row in rows])
    return check_result(
        validate(frame, open_order_addresses, name={i: f"order {r['order_id']}" for i, r in enumerate(rows)})
    )


@dg.asset_check(asset="order_progress", partitions_def=STORES)
def paid_orders_reach_the_warehouse(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """No paid order waits longer than 15 minutes without Clarus having it, unless a named finding holds it."""
    with stores.engine.connect() as connection:
        rows = (
            connection.execute(
                SQL["orders_not_in_clarus"],
                {**_open(context.partition_key), "before": utc_now() - REACH_THE_WAREHOUSE_WITHIN},
            )
            .mappings()
            .all()
        )
    unexplained = [row for row in rows if not row["held_by"]]
    lines = [f"- order {row['order_id']}: {row['held_by'] or '**no finding explains it**'}" for row in rows[:50]]
    severity = Severity.ERROR if unexplained else Severity.WARN
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.ERROR if severity == Severity.ERROR else dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(rows):,} paid orders are not in Clarus after 15 minutes; {len(unexplained):,} of them without a "
            "finding"
            if rows
            else "every paid order is in Clarus"
        ),
        metadata={
            "orders_waiting": len(rows),
            "unexplained": len(unexplained),
            "report": dg.MetadataValue.md("\n".join(lines) or "Every paid order is in Clarus."),
        },
    )


def _open(store: str) -> dict[str, object]:
    orders = settings().stores[store].orders
    return {
        "store": store,
        "status_ids": list(orders.release_status_ids),
        "payment_statuses": list(orders.paid_payment_statuses),
    }


CHECKS = [order_lines_can_be_packed, addresses_can_be_delivered, paid_orders_reach_the_warehouse]
