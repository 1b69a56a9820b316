"""How a flow's schedule works: a run for each store, whether or not anything changed.

What belongs here: the schedule around a job. What does not: when a sensor starts it (`sensing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from clarus_bc_pipeline.flows.resources import STORES
from clarus_bc_pipeline.flows.sensing import tags_for

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def store_schedule(
    *, name: str, job: UnresolvedAssetJobDefinition, cron: str, description: str
) -> dg.ScheduleDefinition:
    """`job` for every store at each time of `cron` (UK time). Running from the start, for nobody should have to."""

    def runs(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        when = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        for key, tags in tags_for(job.name, list(STORES.get_partition_keys())):
            yield dg.RunRequest(run_key=f"{key}:{when}", partition_key=key, tags=tags)

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="Europe/London",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        execution_fn=runs,
        description=description,
    )
