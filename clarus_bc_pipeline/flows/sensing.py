"""How a flow's sensor works: ask each store cheaply whether anything changed, and request a run only then.

What belongs here: the sensor around a flow's own question. What does not: the question (a flow's `automation.py`).
"""

from collections.abc import Callable, Iterator

from typing import TYPE_CHECKING

import dagster as dg

from clarus_bc_pipeline.flows.resources import LANE_TAG, STORE_TAG, STORES, Stores
from clarus_bc_pipeline.flows.store import Store, utc_now
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline.ledger.worker_lease import live_worker

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

News = Callable[[Store], str | None]
TICK_SECONDS = 5  # Dagster's sensor loop is no faster than this


def store_sensor(
    *, name: str, job: "UnresolvedAssetJobDefinition", news: News, description: str
) -> dg.SensorDefinition:
    """A sensor over all stores. `news(store)` says what is new as a short text, or None when nothing is.

    A store that a live worker serves is left to it. A store
    that cannot be asked is skipped with the reason and asked again at the next tick; the others go on.
    """

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=TICK_SECONDS,
        description=description,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, stores: Stores) -> dg.SensorResult | dg.SkipReason:
        requests: list[dg.RunRequest] = []
        reasons: list[str] = []
        for key in STORES.get_partition_keys():
            with stores.engine.connect() as connection:
                worker = live_worker(connection, store=key, now=utc_now())
            if worker:
                reasons.append(f"{key}: served by worker {worker}")
                continue
            if _is_running(context, job.name, key):
                reasons.append(f"{key}: a run is under way")
                continue
            try:
                with stores.open(key) as store:
                    new = news(store)
            except CallFailed as error:
                reasons.append(f"{key}: could not be asked: {error}")
                continue
            if new is None:
                reasons.append(f"{key}: nothing changed")
                continue
            requests.append(
                dg.RunRequest(
                    run_key=f"{key}:{new}",
                    partition_key=key,
                    tags={STORE_TAG: key, LANE_TAG: f"{key}/{job.name}"},
                )
            )
        if not requests:
            return dg.SkipReason("; ".join(reasons))
        return dg.SensorResult(run_requests=requests)

    return sensor


def _is_running(context: dg.SensorEvaluationContext, job: str, store: str) -> bool:
    """Whether the last request still runs: what it has not read yet would only be requested twice."""
    unfinished = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ]
    runs = context.instance.get_run_records(
        dg.RunsFilter(job_name=job, statuses=unfinished, tags={STORE_TAG: store}), limit=1
    )
    return bool(runs)


def tags_for(job: str, stores: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each store with the tags that its run of `job` carries."""
    for key in stores:
        yield key, {STORE_TAG: key, LANE_TAG: f"{key}/{job}"}
