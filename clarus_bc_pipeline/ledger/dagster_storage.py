"""Dagster's storage on the ledger's server, for `storage: custom:` in the one `dagster.yaml`.

What belongs here: handing dagster-postgres the address. What does not: anything about runs or assets. The
only module of the ledger that knows Dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from clarus_bc_pipeline.ledger.urls import dagster_url


class LedgerDagsterStorage(DagsterPostgresStorage):
    """Run, event-log and schedule storage in the database `<ledger's>_dagster`; needs no configuration.

    Raises `LedgerUnavailable` when the server is out of reach, or none is named in production.
    """

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"should_autocreate_tables": dg.Field(bool, is_required=False, default_value=True)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LedgerDagsterStorage:
        return cls(
            postgres_url=dagster_url(),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )
