"""Fixtures of the ledger's tests."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline_tests.ledger.outbox_world import World


@pytest.fixture
def world(ledger: sa.Engine) -> World:
    """An empty outbox, a remote system that works, and a clock that stands."""
    return World(ledger)
