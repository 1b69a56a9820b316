"""Dagster's history on the ledger's server, through the repository's own dagster.yaml."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster_postgres import PostgresRunStorage

from clarus_bc_pipeline.ledger import urls
from clarus_bc_pipeline.ledger.dagster_storage import LedgerDagsterStorage

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_repositorys_dagster_yaml_keeps_dagsters_history_beside_the_ledger(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(urls.URL_VARIABLE, postgres_url.replace("/postgres?", "/boot?"))
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        configured = instance.get_ref().storage_data
        assert configured is not None
        assert configured.class_name == LedgerDagsterStorage.__name__
        assert sa.make_url(instance.run_storage.postgres_url).database == "boot_dagster"
        instance.report_runless_asset_event(dg.AssetMaterialization("despatch_gap"))
        assert instance.get_latest_materialization_event(dg.AssetKey("despatch_gap")) is not None
        assert instance.global_op_concurrency_default_limit is not None  # every pool has an end
        assert not instance.telemetry_enabled
