"""The returns job, the sensor that starts it when a return moved, and the daily run that time alone owes."""

import dagster as dg

from clarus_bc_pipeline.flows.resources import settings
from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline.flows.scheduling import store_schedule
from clarus_bc_pipeline.flows.sensing import store_sensor

sync_returns = dg.define_asset_job(
    "sync_returns",
    selection=dg.AssetSelection.groups("returns"),
    description="Returns between BigCommerce and Clarus: pull, decide, deliver, prove.",
)

returns_sensor = store_sensor(
    name="returns_sensor",
    job=sync_returns,
    news=sync.news,
    every_seconds=settings().worker.returns_every_seconds,
    description="Reads RMAs and refunds of the shop (two calls) and open receipts of Clarus; starts a run only when one"
    " of them, or an order of theirs, is new, or a push is due.",
)

daily_returns = store_schedule(
    name="daily_returns",
    job=sync_returns,
    cron="45 6 * * *",
    description="Every morning: the whole loop once, so that late inspections and due refunds are told before work.",
)

JOBS = [sync_returns]
SENSORS = [returns_sensor]
SCHEDULES = [daily_returns]
