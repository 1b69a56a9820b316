"""The stock job, the sensor that starts it when stock or orders moved, and the hourly sweep that is owed regardless."""

import dagster as dg

from clarus_bc_pipeline.flows.scheduling import store_schedule
from clarus_bc_pipeline.flows.sensing import store_sensor
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

hourly_stock_sweep = store_schedule(
    name="hourly_stock_sweep",
    job=sync_stock,
    cron="15 * * * *",
    description="Every hour: the whole loop once, whether or not anything changed; it sweeps when a sweep is due.",
)

JOBS = [sync_stock]
SENSORS = [stock_sensor]
SCHEDULES = [hourly_stock_sweep]
