"""Asset checks of despatches: quantities, tracking by carrier, the gap, and the time it took to tell the shop."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.findings import REGISTRY
from clarus_bc_pipeline.flows.check_reports import check_result, validate
from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.flows.despatch.assets import lines_table
from clarus_bc_pipeline.flows.resources import STORES, Stores, settings
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("checks.sql"))

WINDOW = timedelta(days=30)


@dg.asset_check(asset="clarus_goods_outs", partitions_def=STORES)
def despatched_quantities_fit(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Despatched units of the last 30 days are whole, match one order line, and are no more than was ordered."""
    import pandas as pd

    from clarus_bc_pipeline.flows.despatch.schemas import despatched_lines

    rows = _rows(stores.engine, "despatched_lines", context.partition_key)
    frame = pd.DataFrame(
        {
            "despatched": pd.Series([r["despatched"] for r in rows], dtype=object),
            "matched": pd.Series([r["candidates"] == 1 for r in rows], dtype=bool),
            "not_over": pd.Series([r["despatched"] <= r["ordered"] for r in rows], dtype=bool),
        }
    )
    name = {i: f"order {r['order_id']}, SKU {r['product_code']!r}" for i, r in enumerate(rows)}
    return check_result(validate(frame, despatched_lines, name=name))


@dg.asset_check(asset="clarus_goods_outs", partitions_def=STORES)
def tracking_numbers_are_valid(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Carrier and tracking number of every parcel of the last 30 days, by each carrier's published format."""
    from clarus_bc_pipeline.flows.despatch.schemas import parcel_frame, parcels

    rows = _rows(stores.engine, "despatched_parcels", context.partition_key)
    frame = parcel_frame(rows, settings().stores[context.partition_key].despatch)
    name = {
        i: f"order {r['order_id']}, {r['carrier_code'] or 'no carrier'} {r['tracking_number'] or 'without a number'}"
        for i, r in enumerate(rows)
    }
    return check_result(validate(frame, parcels, name=name))


@dg.asset_check(asset="despatch_gap", partitions_def=STORES)
def despatch_gap_is_closed(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every line that left shows in the shop, nothing shows that has not left, and what was not checked is said."""
    now = utc_now()
    with stores.engine.connect() as connection:
        measured = gap.last_measured(connection, store=context.partition_key, now=now)
        lines = gap.gap_lines(connection, store=context.partition_key)
    if measured is None:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="the gap was never measured"
        )
    sla = settings().stores[context.partition_key].despatch.sla_minutes
    late = [r for r in measured.rows if r.category != "not_checked" and r.oldest_minutes >= sla]
    errors = [r for r in late if REGISTRY[r.category].severity == "ERROR"]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description=measured.headline,
        metadata={
            "report": dg.MetadataValue.md(_gap_report(measured)),
            "gap_lines": measured.gap_lines,
            "not_checked_lines": measured.not_checked_lines,
            "oldest_gap_minutes": measured.oldest_minutes,
            **({"oldest_lines": lines_table(lines)} if lines else {}),
        },
    )


def _gap_report(measured: gap.Gap) -> str:
    parts = [f"**{measured.headline}.**"]
    for row in measured.rows:
        if row.category == "not_checked":
            parts.append(f"### Not checked: {row.lines:,} lines\nBecause {row.reason}.")
            continue
        kind = REGISTRY[row.category]
        ages = ", ".join(
            f"{n:,} {label}"
            for n, label in zip(
                row.age_buckets, ("under 4 h", "4–24 h", "1–2 days", "3–7 days", "over 7 days"), strict=True
            )
            if n
        )
        parts.append(
            f"### {kind.title}: {row.lines:,} lines of {row.orders:,} orders\n{kind.meaning}\n\n*Age:* {ages}. "
            f"*At risk:* {row.value_at_risk:,.2f} {row.currency}. *Owner:* {kind.owner}. *Open:* {kind.system}.\n\n"
            f"*Next step:* {kind.next_step}"
        )
    return "\n\n".join(parts)


@dg.asset_check(asset="bigcommerce_shipments", partitions_def=STORES)
def despatches_reach_the_shop_in_time(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Despatched in Clarus to shown in BigCommerce, against the agreed time; the last 30 days."""
    sla = settings().stores[context.partition_key].despatch.sla_minutes
    with stores.engine.connect() as connection:
        row = (
            connection.execute(
                SQL["delivery_times"],
                {
                    "store": context.partition_key,
                    "since": utc_now() - WINDOW,
                    "now": utc_now(),
                    "sla": timedelta(minutes=sla),
                },
            )
            .mappings()
            .one()
        )
    late = row["late"] + row["open_late"]
    return dg.AssetCheckResult(
        passed=late == 0,
        severity=dg.AssetCheckSeverity.ERROR if row["open_late"] else dg.AssetCheckSeverity.WARN,
        description=f"{row['delivered']:,} shipments delivered, {row['late']:,} of them later than {sla} minutes; "
        f"{row['open_late']:,} still open past it",
        metadata={
            "delivered": row["delivered"],
            "late": row["late"],
            "open_past_sla": row["open_late"],
            "median_minutes": float(row["median_minutes"] or 0),
            "p95_minutes": float(row["p95_minutes"] or 0),
        },
    )


def _rows(engine: sa.Engine, name: str, store: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(SQL[name], {"store": store, "since": utc_now() - WINDOW}).mappings()
        return [dict(row) for row in rows]


CHECKS = [
    despatched_quantities_fit,
    tracking_numbers_are_valid,
    despatch_gap_is_closed,
    despatches_reach_the_shop_in_time,
]
