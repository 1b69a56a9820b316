"""Dagster's history goes when its days are over, and a run that is under way stays."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from clarus_bc_pipeline.flows import housekeeping
from clarus_bc_pipeline.flows.store import utc_now


@dg.job
def old_job() -> None:
    pass


@dg.job
def only_runs() -> None:
    housekeeping.purge_runs()


def runs_left_after(days: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            old_job.execute_in_process(instance=instance)
        instance.create_run_for_job(old_job, status=dg.DagsterRunStatus.STARTED)
        monkeypatch.setattr(housekeeping, "utc_now", lambda: utc_now() + timedelta(days=days))
        assert only_runs.execute_in_process(instance=instance).success
        return sorted(f"{run.job_name} {run.status.value}" for run in instance.get_runs())


def test_runs_past_their_days_are_deleted_and_those_under_way_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs_left_after(31, monkeypatch) == ["old_job STARTED", "only_runs SUCCESS"]


def test_runs_within_their_days_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(runs_left_after(29, monkeypatch)) == 4
