"""The sandbox's scenario on loopback with a ledger of its own, for tests of what stands on top of the flows.

What belongs here: serving the world and the environment that points at it. What does not: what a test does there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows import resources
from clarus_bc_pipeline.ledger.engine import new_engine
from clarus_bc_pipeline.ledger.urls import URL_VARIABLE
from clarus_bc_pipeline.sandbox.bigcommerce import served
from clarus_bc_pipeline.sandbox.opening import new_scenario
from clarus_bc_pipeline.sandbox.scenario import (
    ACCOUNTS,
    CLIENT_ID,
    CLIENT_SECRET,
    REFUND_TOKEN,
    TOKEN,
    Scenario,
)
from clarus_bc_pipeline.sandbox.server import app
from clarus_bc_pipeline.settings import SANDBOX_FILE

DAGSTER_YAML = Path(__file__).parents[1] / "dagster.yaml"


@dataclass(frozen=True)
class SmallWorld:
    """Where the doubles are served, their hand, and the environment of a process that works on them."""

    address: str
    scenario: Scenario
    settings: Path
    environment: dict[str, str]

    @cached_property
    def engine(self) -> sa.Engine:
        return new_engine(self.environment[URL_VARIABLE])

    def point_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this process's settings and ledger those of the world."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        resources.settings.cache_clear()
        resources.engine.cache_clear()


@contextmanager
def small_world(
    folder: Path, ledger_url: str, *, orders: int = 9, seed: int = 1, more: str = ""
) -> Iterator[SmallWorld]:
    """Serve a scenario; `more` is appended to its settings. The quota's window is short, so that nothing waits."""
    scenario = new_scenario(orders=orders, seed=seed, window_seconds=0.5)
    with served(app(scenario, seed=seed, faults=False)) as address:
        settings = folder / "clarus_bc.toml"
        settings.write_text(SANDBOX_FILE.read_text().replace("http://127.0.0.1:8650", address) + more)
        home = folder / "dagster"
        home.mkdir(exist_ok=True)
        shutil.copy(DAGSTER_YAML, home / "dagster.yaml")
        environment = {
            "CLARUS_BC_SETTINGS": str(settings),
            URL_VARIABLE: ledger_url,
            "CLARUS_BC_HOME": str(folder),
            "DAGSTER_HOME": str(home),
        }
        for store in ACCOUNTS:
            prefix = f"CLARUS_BC_{store.upper()}"
            environment[f"{prefix}_BC_TOKEN"] = TOKEN
            environment[f"{prefix}_BC_REFUND_TOKEN"] = REFUND_TOKEN
            environment[f"{prefix}_CLARUS_CLIENT_ID"] = CLIENT_ID
            environment[f"{prefix}_CLARUS_CLIENT_SECRET"] = CLIENT_SECRET
        yield SmallWorld(address, scenario, settings, os.environ | environment)
