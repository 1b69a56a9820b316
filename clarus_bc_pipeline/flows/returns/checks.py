"""Asset checks of returns: receipts against RMAs, refunds against receipts and approvals, and the law's 14 days."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.check_reports import CheckReport, check_result, validate
from clarus_bc_pipeline.flows.resources import STORES, Stores, settings
from clarus_bc_pipeline.flows.returns.deciding import ON_SALE_WITHIN
from clarus_bc_pipeline.flows.returns.sync import SQL
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.settings import ReturnsSettings

if TYPE_CHECKING:
    import pandas as pd


@dg.asset_check(asset="return_proof", partitions_def=STORES)
def returns_come_to_their_end(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every line of an open RMA: authorised as despatched, received whole, passed, refunded in time, on sale."""
    own = settings().stores[context.partition_key].returns
    with stores.engine.connect() as connection:
        return check_result(returns_report(connection, store=context.partition_key, own=own, now=utc_now()))


def returns_report(connection: sa.Connection, *, store: str, own: ReturnsSettings, now: datetime) -> CheckReport:
    """Every line of every RMA that no person closed, held to `schemas.return_lines`."""
    from clarus_bc_pipeline.flows.returns.schemas import return_lines

    rows = connection.execute(SQL["check_returns"], {"store": store}).mappings().all()
    kept = [_kept_rules(dict(row), own, now) for row in rows]
    names = {i: f"RMA {r['rma']} of order {r['order_id']}, SKU {r['sku']}" for i, r in enumerate(rows)}
    return validate(_frame(kept, list(return_lines.columns)), return_lines, name=names)


def _kept_rules(row: dict[str, Any], own: ReturnsSettings, now: datetime) -> dict[str, bool]:
    """Which rules a line of an RMA keeps, by name of the rule's column."""
    inspected = row["inspected_at"] is not None
    owed = row["received_at"] is not None and row["refund_id"] is None and (row["passed"] > 0 or not inspected)
    waited = now - row["received_at"] if owed else timedelta(0)
    return {
        "shipped": row["shipped"] is not None and row["units"] <= row["shipped"],
        "not_over": row["received"] <= row["units"],
        "not_missing": row["missing"] == 0,
        "passes": not inspected or row["passed"] >= min(row["units"], row["sellable"] + row["damaged"]),
        "on_time": waited < timedelta(days=own.warn_after_days),
        "not_late": waited < timedelta(days=own.alarm_after_days),
        "on_sale": row["state"] != "refunded" or now - row["inspected_at"] <= ON_SALE_WITHIN,
    }


@dg.asset_check(asset="return_proof", partitions_def=STORES)
def refunds_have_receipts(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """No order was refunded despatched units that the warehouse has not received back."""
    with stores.engine.connect() as connection:
        return check_result(receipts_report(connection, store=context.partition_key))


def receipts_report(connection: sa.Connection, *, store: str) -> CheckReport:
    """Every refunded order, held to `schemas.refunded_orders`."""
    from clarus_bc_pipeline.flows.returns.schemas import refunded_orders

    given = {"store": store}
    open_rows = connection.execute(SQL["refunds_without_receipt"], given).all()
    refunds = connection.execute(SQL["check_refunds"], given).all()
    missing = {row.order_id: row for row in open_rows}
    orders = sorted({row.order_id for row in refunds} | missing.keys())
    names = {
        i: f"order {order}" + (f" ({r.units} of SKU {', '.join(r.skus)}, {r.value} {r.currency})" if r else "")
        for i, order in enumerate(orders)
        for r in [missing.get(order)]
    }
    frame = _frame([{"has_receipt": order not in missing} for order in orders], ["has_receipt"])
    return validate(frame, refunded_orders, name=names)


@dg.asset_check(asset="return_proof", partitions_def=STORES)
def refunds_are_as_approved(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every refund of the shop: made by an RMA, of the approved amount, and paid by the provider."""
    with stores.engine.connect() as connection:
        return check_result(refunds_report(connection, store=context.partition_key))


def refunds_report(connection: sa.Connection, *, store: str) -> CheckReport:
    """Every refund of the shop, held to `schemas.refunds`."""
    from clarus_bc_pipeline.flows.returns.schemas import refunds

    rows = connection.execute(SQL["check_refunds"], {"store": store}).all()
    kept = [
        {
            "by_rma": row.rma is not None,
            "as_approved": row.rma is None or row.amount == row.approved,
            "paid": not row.declined,
        }
        for row in rows
    ]
    names = {
        i: f"refund {row.refund_id} of order {row.order_id}, {row.amount:f} {row.currency}"
        + (f" for {row.approved:f}" if row.approved is not None and row.approved != row.amount else "")
        for i, row in enumerate(rows)
    }
    return validate(_frame(kept, list(refunds.columns)), refunds, name=names)


def _frame(rows: list[dict[str, bool]], columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=bool) for name in columns})


CHECKS = [returns_come_to_their_end, refunds_have_receipts, refunds_are_as_approved]
