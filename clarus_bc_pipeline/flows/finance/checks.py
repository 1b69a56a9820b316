"""Asset checks of finance, to be read as a report: control totals, what is open, what was not checked, the lock."""

from datetime import timedelta

import dagster as dg
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.registry import REGISTRY
from clarus_bc_pipeline.flows.finance.assets import break_sums, control_metadata
from clarus_bc_pipeline.flows.finance.control import control_totals
from clarus_bc_pipeline.flows.finance.matching import TOLD
from clarus_bc_pipeline.flows.finance.periods import changed_since_closing, closed_periods
from clarus_bc_pipeline.flows.resources import STORES, Stores, settings
from clarus_bc_pipeline.flows.returns.currency import shown
from clarus_bc_pipeline.flows.store import utc_now
from clarus_bc_pipeline.ledger import tables


@dg.asset_check(asset="finance_control", partitions_def=STORES)
def control_totals_tie(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """The journal and the facts come to the same, to 0.00: else every difference is one that a named break explains."""
    now = utc_now()
    with stores.engine.connect() as connection:
        own = settings().stores[context.partition_key]
        control = control_totals(connection, own, first=now.date(), last=now.date())
    if control is None:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="the books were never proven"
        )
    differ = [each for each in control.proofs if each.difference]
    named = "; ".join(f"{each.name}: {shown(each.difference, each.currency)}" for each in differ)
    return dg.AssetCheckResult(
        passed=not differ and not control.completeness.difference,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"unexplained: {named}" if differ else f"{len(control.proofs)} control totals tie to 0.00",
        metadata=control_metadata(control),
    )


@dg.asset_check(asset="finance_journal", partitions_def=STORES)
def nothing_is_open(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Order, payment, despatch and refund agree, but for what is below materiality or still within its time."""
    now = utc_now()
    hours = settings().stores[context.partition_key].finance.paid_not_despatched_after_hours
    with stores.engine.connect() as connection:
        rows = break_sums(connection, store=context.partition_key, now=now)
    due = now - timedelta(hours=hours)
    open_rows = [
        row
        for row in rows
        if row.code in TOLD and row.is_material and (row.code != "paid_not_despatched" or row.oldest <= due)
    ]
    parts = [
        f"### {kind.title}: {row.orders:,} order{'s' * (row.orders != 1)}, {shown(row.amount, row.currency)}\n"
        f"{kind.meaning} Oldest: {row.oldest:%d %b %Y}.\n\n*Owner:* {kind.owner}. *Open:* {kind.system}.\n\n"
        f"*Next step:* {kind.next_step}"
        for row in open_rows
        for kind in (REGISTRY[row.code],)
    ]
    small = sum(row.orders for row in rows if not row.is_material)
    below = f"\n\n{small:,} below materiality are listed in the pack." if small else ""
    codes = sorted({row.code for row in open_rows})
    return dg.AssetCheckResult(
        passed=not open_rows,
        severity=dg.AssetCheckSeverity.WARN,
        description="open: " + ", ".join(code.replace("_", " ") for code in codes) if codes else "nothing is open",
        metadata={
            "report": dg.MetadataValue.md(("\n\n".join(parts) or "**Nothing is open.**") + below),
            "open_orders": sum(row.orders for row in open_rows),
        },
    )


@dg.asset_check(asset="bigcommerce_payments", partitions_def=STORES)
def payments_are_read(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """Every order of which something left, went back or was cancelled is held against its transactions."""
    row = tables.finance_break
    query = (
        sa.select(row.c.currency, sa.func.count(), sa.func.sum(row.c.amount))
        .where(row.c.store == context.partition_key, row.c.code == "not_checked")
        .group_by(row.c.currency)
    )
    with stores.engine.connect() as connection:
        waiting = connection.execute(query).all()
    orders = sum(count for _, count, _ in waiting)
    worth = ", ".join(shown(amount, currency) for currency, _, amount in waiting)
    return dg.AssetCheckResult(
        passed=not orders,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{orders:,} orders are not checked yet ({worth})" if orders else "all that need it are read",
        metadata={"orders_not_checked": orders},
    )


@dg.asset_check(asset="finance_journal", partitions_def=STORES)
def closed_periods_stand(context: dg.AssetCheckExecutionContext, stores: Stores) -> dg.AssetCheckResult:
    """The journal of every closed period still has the SHA-256 that it was closed with."""
    with stores.engine.connect() as connection:
        closed = closed_periods(connection, store=context.partition_key)
        changed = changed_since_closing(connection, store=context.partition_key)
    said = f"{len(closed)} closed period{'s' * (len(closed) != 1)} stand as they were closed"
    return dg.AssetCheckResult(
        passed=not changed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"changed since closing: {', '.join(changed)}" if changed else said,
        metadata={"closed_periods": len(closed)},
    )


CHECKS = [control_totals_tie, nothing_is_open, payments_are_read, closed_periods_stand]
