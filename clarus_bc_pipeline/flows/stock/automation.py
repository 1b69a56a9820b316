"""The stock job, the sensor that starts it when stock or orders moved, and the hourly sweep that is owed regardless."""

from collections.abc import Iterator

import dagster as dg

from clarus_bc_pipeline.flows.resources import STORES
from clarus_bc_pipeline.flows.sensing import store_sensor, tags_for
from clarus_bc_pipeline.flows.stock import sync

sync_stock = dg.define_asset_job(
    "sync_stock",
    selection=dg.AssetSelection.groups("stock"),
    description="Stock from Clarus to BigCommerce: pull, decide, deliver, prove.",
)

stock_sensor = store_sensor(
    name="stock_sensor",
    job=sync_stock,
    news=sync.news,
    description="Asks the ledger for changed orders, the outbox for due levels, and Clarus for new stock transactions "
    "(one call); starts a run only when one is new or a sweep is due.",
)


@dg.schedule(
    job=sync_stock,
    cron_schedule="15 * * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def hourly_stock_sweep(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Every hour: the whole loop once, whether or not anything changed; the pull sweeps when its sweep is due."""
    hour = f"{context.scheduled_execution_time:%Y-%m-%dT%H}"
    for key, tags in tags_for("sync_stock", list(STORES.get_partition_keys())):
        yield dg.RunRequest(run_key=f"{key}:{hour}", partition_key=key, tags=tags)


JOBS = [sync_stock]
SENSORS = [stock_sensor]
SCHEDULES = [hourly_stock_sweep]
