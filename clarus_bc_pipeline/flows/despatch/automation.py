"""The despatch job, the sensor that starts it when the warehouse moved, and the nightly full proof."""

from collections.abc import Iterator

import dagster as dg

from clarus_bc_pipeline.flows.despatch import sync
from clarus_bc_pipeline.flows.resources import STORES
from clarus_bc_pipeline.flows.sensing import store_sensor, tags_for

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


@dg.schedule(
    job=sync_despatch,
    cron_schedule="0 3 * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_despatch_proof(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Every night: the whole loop once, whether or not anything changed, so that silence is proven too."""
    night = f"{context.scheduled_execution_time:%Y-%m-%d}"
    for key, tags in tags_for("sync_despatch", list(STORES.get_partition_keys())):
        yield dg.RunRequest(run_key=f"{key}:{night}", partition_key=key, tags=tags)


JOBS = [sync_despatch]
SENSORS = [despatch_sensor]
SCHEDULES = [nightly_despatch_proof]
