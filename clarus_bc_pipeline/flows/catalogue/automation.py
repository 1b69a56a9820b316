"""The catalogue's job, and the nightly audit of both catalogues."""

from collections.abc import Iterator

import dagster as dg

from clarus_bc_pipeline.flows.resources import STORES
from clarus_bc_pipeline.flows.sensing import tags_for

sync_catalogue = dg.define_asset_job(
    "sync_catalogue",
    selection=dg.AssetSelection.groups("catalogue"),
    description="Read and compare both catalogues.",
)


@dg.schedule(
    job=sync_catalogue,
    cron_schedule="30 2 * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_catalogue_audit(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Every night, while the shop is quiet: read both catalogues and report what differs."""
    night = f"{context.scheduled_execution_time:%Y-%m-%d}"
    for key, tags in tags_for("sync_catalogue", list(STORES.get_partition_keys())):
        yield dg.RunRequest(run_key=f"{key}:{night}", partition_key=key, tags=tags)


JOBS = [sync_catalogue]
SCHEDULES = [nightly_catalogue_audit]
