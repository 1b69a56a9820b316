"""The world of the despatch flow's tests over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline_tests.flows.despatch.despatch_world import DespatchWorld, despatch_world


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[DespatchWorld]:
    with despatch_world(ledger) as made:
        yield made
