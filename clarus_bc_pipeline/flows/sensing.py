"""How a flow's sensor works: ask each store cheaply whether anything changed, and request a run only then.

What belongs here: the sensor around a flow's own question. What does not: the question (a flow's `automation.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from clarus_bc_pipeline.flows.resources import LANE_TAG, STORE_TAG, STORES, Stores
from clarus_bc_pipeline.flows.store import Store, utc_now
from clarus_bc_pipeline.http import CallFailed
from clarus_bc_pipeline.ledger.worker_lease import live_worker
from clarus_bc_pipeline.settings import SettingsError

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

News = Callable[[Store], str | None]
TICK_SECONDS = 5  # Dagster's sensor loop is no faster than this
ASK_FOR_SECONDS = 8.0  # then the tick ends and the next one goes on with the stores that were not asked
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def store_sensor(
    *, name: str, job: UnresolvedAssetJobDefinition, news: News, description: str, every_seconds: int = TICK_SECONDS
) -> dg.SensorDefinition:
    """A sensor over all stores, every `every_seconds` at most.

    `news(store)` says what is new as a short text, or None when nothing is. A store that a live worker serves is left
    to it. A store that cannot be asked (a system out of reach, a secret that is not set) is skipped with the reason
    and asked again at the next tick; the others go on. The cursor is the store that a tick begins with, when the one
    before ran out of time.
    """

    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=every_seconds,
        description=description,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, stores: Stores) -> dg.SensorResult:
        requests: list[dg.RunRequest] = []
        reasons: list[str] = []
        first = None
        ends = time.monotonic() + ASK_FOR_SECONDS
        for key in _from(context.cursor, STORES.get_partition_keys()):
            if time.monotonic() >= ends:
                first = first or key
                reasons.append(f"{key}: asked at the next tick")
            elif reason := _stand_back(context, stores, job.name, key):
                reasons.append(f"{key}: {reason}")
            else:
                new, reason = _ask(stores, key, news)
                reasons.append(f"{key}: {new or reason}")
                if new is not None:
                    requests += [
                        dg.RunRequest(run_key=f"{key}:{new} ({_minute()})", partition_key=key, tags=tags)
                        for _, tags in tags_for(job.name, [key])
                    ]
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else "; ".join(reasons), cursor=first or ""
        )

    return sensor


def _minute() -> str:
    """Part of a run's key: a key runs once for ever, and what a failed run did not read must be asked for again."""
    return f"{utc_now():%Y-%m-%dT%H:%M}"


def _from(first: str | None, keys: Sequence[str]) -> list[str]:
    """`keys`, beginning with `first` where it is one of them."""
    start = keys.index(first) if first in keys else 0
    return [*keys[start:], *keys[:start]]


def _stand_back(context: dg.SensorEvaluationContext, stores: Stores, job: str, key: str) -> str | None:
    """Why the store is not asked now, or None. What a run has not read yet would only be requested twice."""
    with stores.engine.connect() as connection:
        if worker := live_worker(connection, store=key, now=utc_now()):
            return f"served by worker {worker}"
    unfinished = dg.RunsFilter(job_name=job, statuses=UNFINISHED, tags={STORE_TAG: key})
    return "a run is under way" if context.instance.get_run_records(unfinished, limit=1) else None


def _ask(stores: Stores, key: str, news: News) -> tuple[str | None, str]:
    """What is new in the store, and in words why there is nothing to do when that is None."""
    try:
        with stores.open(key) as store:
            return news(store), "nothing changed"
    except (CallFailed, SettingsError) as error:
        return None, f"could not be asked: {error}"


def tags_for(job: str, stores: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each store with the tags that its run of `job` carries."""
    for key in stores:
        yield key, {STORE_TAG: key, LANE_TAG: f"{key}/{job}"}
