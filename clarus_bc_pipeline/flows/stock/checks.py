"""Asset checks of stock: the last whole reading (blocking), the balances' arithmetic, and published against target."""

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.flows.check_reports import check_result, validate
from clarus_bc_pipeline.flows.resources import STORES, Stores, settings
from clarus_bc_pipeline.flows.stock.sync import SQL
from clarus_bc_pipeline.ledger import tables


@dg.asset_check(asset="clarus_stock_balances", partitions_def=STORES, blocking=True)
def stock_reading_is_whole(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """The last whole reading was not empty, and not much smaller than the one before: else nothing is published."""
    snapshot = tables.stock_snapshot
    query = sa.select(snapshot).where(snapshot.c.store == context.partition_key).order_by(snapshot.c.as_of.desc())
    with stores.engine.connect() as connection:
        last = connection.execute(query.limit(1)).one_or_none()
    if last is None:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="stock was never read whole"
        )
    said = f"{last.products:,} products with {last.units:,} units, read {last.as_of:%Y-%m-%d %H:%M} UTC"
    return dg.AssetCheckResult(
        passed=last.fault is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"not used, because {last.fault}" if last.fault else said,
        metadata={"products": last.products, "units": last.units},
    )


@dg.asset_check(asset="clarus_stock_balances", partitions_def=STORES)
def balances_add_up(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every balance: whole units, none negative, in a warehouse that the shop shows, and no drop in doubt."""
    import pandas as pd

    from clarus_bc_pipeline.flows.stock.schemas import balances

    own = settings().stores[context.partition_key]
    mapped = set(own.stock.locations) or {own.clarus.warehouse}
    balance = tables.stock_balance
    query = sa.select(balance).where(balance.c.store == context.partition_key).order_by(balance.c.product_code)
    with stores.engine.connect() as connection:
        rows = connection.execute(query).all()
    frame = pd.DataFrame(
        {
            name: pd.Series([getattr(row, name) for row in rows], dtype=object)
            for name in ("available", "allocated", "received", "picked", "ordered")
        }
        | {
            "mapped": pd.Series([row.warehouse in mapped or row.available <= 0 for row in rows], dtype=bool),
            "believed": pd.Series([row.doubted is None for row in rows], dtype=bool),
        }
    )
    return check_result(
        validate(frame, balances, name={i: f"{r.product_code} in {r.warehouse}" for i, r in enumerate(rows)})
    )


@dg.asset_check(asset="stock_drift", partitions_def=STORES)
def shop_shows_its_targets(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every level that has a target shows it, but for those that were sent a moment ago."""
    with stores.engine.connect() as connection:
        rows = connection.execute(SQL["drift"], {"store": context.partition_key, "most": 20}).mappings().all()
    differ = rows[0]["all_levels"] if rows else 0
    named = "; ".join(f"{r['sku']} at {r['location_id']}: {r['shown']} for {r['target']} ({r['cause']})" for r in rows)
    return dg.AssetCheckResult(
        passed=not differ,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{differ:,} levels do not show their target" if differ else "every level shows its target",
        metadata={"levels": differ, **({"which": named} if named else {})},
    )


CHECKS = [stock_reading_is_whole, balances_add_up, shop_shows_its_targets]
