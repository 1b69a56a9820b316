"""What leaves by itself every night: personal data that has done its work, and Dagster's old runs.

What belongs here: the nightly job. What does not: what is personal and when it has done its work (`retention.py`).
"""

from datetime import timedelta

import dagster as dg

from clarus_bc_pipeline.flows.resources import Stores, settings
from clarus_bc_pipeline.flows.retention import purge_personal_data
from clarus_bc_pipeline.flows.store import utc_now

RUNS_AT_ONCE = 100
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op(description="Empties names, e-mail, phone, street and notes of orders past their store's retention.")
def purge_orders(context: dg.OpExecutionContext, stores: Stores) -> None:
    for key, store in settings().stores.items():
        with stores.engine.begin() as connection:
            days = store.personal_data_retention_days
            purged = purge_personal_data(connection, store=key, days=days, now=utc_now())
        context.log.info(f"{key}: personal data of {purged} orders purged")


@dg.op(description="Deletes runs past history_days, with their events. The ledger does not need them.")
def purge_runs(context: dg.OpExecutionContext) -> None:
    days = settings().history_days
    past = dg.RunsFilter(statuses=FINISHED, updated_before=utc_now() - timedelta(days=days))
    purged = 0
    while runs := context.instance.get_run_records(past, limit=RUNS_AT_ONCE):
        for run in runs:
            context.instance.delete_run(run.dagster_run.run_id)
        purged += len(runs)
    context.log.info(f"{purged} runs older than {days} days deleted")


@dg.job(description="Personal data past its retention, and Dagster's history past its days, are deleted.")
def housekeeping() -> None:
    purge_orders()
    purge_runs()


JOBS = [housekeeping]
SENSORS: list[dg.SensorDefinition] = []
SCHEDULES = [
    dg.ScheduleDefinition(
        name="nightly_housekeeping",
        job=housekeeping,
        cron_schedule="0 4 * * *",
        execution_timezone="Europe/London",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night: what is kept no longer than agreed is deleted.",
    )
]
