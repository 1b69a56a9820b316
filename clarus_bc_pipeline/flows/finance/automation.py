"""The finance jobs: the books, when something moved; the proof and the pack, every morning."""

import dagster as dg

from clarus_bc_pipeline.flows.finance import sync
from clarus_bc_pipeline.flows.resources import settings
from clarus_bc_pipeline.flows.scheduling import store_schedule
from clarus_bc_pipeline.flows.sensing import store_sensor

post_finance = dg.define_asset_job(
    "post_finance",
    selection=dg.AssetSelection.assets("bigcommerce_payments", "finance_journal"),
    description="The books: payments read, journals posted, what something happened to matched.",
)

sync_finance = dg.define_asset_job(
    "sync_finance",
    selection=dg.AssetSelection.groups("finance"),
    description="All of finance: payments read, journals posted, all orders matched and proven, the pack written.",
)

finance_sensor = store_sensor(
    name="finance_sensor",
    job=post_finance,
    news=sync.news,
    every_seconds=settings().worker.finance_every_seconds,
    description="Asks the ledger for orders, despatches, refunds and returns that changed; calls neither system.",
)

daily_finance = store_schedule(
    name="daily_finance",
    job=sync_finance,
    cron="30 5 * * *",
    description="Every morning: all orders matched, the control totals proven, the pack of the month so far written.",
)

JOBS = [post_finance, sync_finance]
SENSORS = [finance_sensor]
SCHEDULES = [daily_finance]
