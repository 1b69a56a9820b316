"""The despatch job, the sensor that starts it when the warehouse moved, and the nightly full proof."""

import dagster as dg

from clarus_bc_pipeline.flows.despatch import sync
from clarus_bc_pipeline.flows.scheduling import store_schedule
from clarus_bc_pipeline.flows.sensing import store_sensor

sync_despatch = dg.define_asset_job(
    "sync_despatch",
    selection=dg.AssetSelection.groups("despatch"),
    description="Despatches from Clarus to BigCommerce: pull, decide, deliver, prove.",
)

despatch_sensor = store_sensor(
    name="despatch_sensor",
    job=sync_despatch,
    news=sync.news,
    description="Asks Clarus for new stock transactions (one call), the ledger for waiting despatches and the outbox "
    "for due pushes; starts a run only when one is new.",
)

nightly_despatch_proof = store_schedule(
    name="nightly_despatch_proof",
    job=sync_despatch,
    cron="0 3 * * *",
    description="Every night: the whole loop once, whether or not anything changed, so that silence is proven too.",
)

JOBS = [sync_despatch]
SENSORS = [despatch_sensor]
SCHEDULES = [nightly_despatch_proof]
