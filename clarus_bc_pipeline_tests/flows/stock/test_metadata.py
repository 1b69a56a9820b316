"""What Dagster shows of stock: levels that differ, exposure, and balances held to their rules."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.check_reports import validate
from clarus_bc_pipeline.flows.stock import sync
from clarus_bc_pipeline.flows.stock.assets import drift_metadata, exposure_metadata
from clarus_bc_pipeline.flows.stock.schemas import balances
from clarus_bc_pipeline_tests.flows.stock.counter_world import Counters
from clarus_bc_pipeline_tests.flows.stock.test_sync import turn, world_of


def test_levels_that_do_not_show_their_target_are_counted_and_named_with_a_cause(
    ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world: Counters = world_of(ledger, monkeypatch)
    turn(world)
    assert drift_metadata(world.store, sync.ReadBack())["stock_drift"] == 0
    world.shop["MUG", 1] = 99
    world.tick()
    metadata = drift_metadata(world.store, sync.prove(world.store, whole=True))
    assert metadata["stock_drift"] == metadata["levels_drifted"] == 1
    [record] = metadata["levels_that_differ"].records
    assert record.data["SKU"] == "MUG"
    assert record.data["cause"] == "changed by hand or by another app"


def test_what_sells_is_shown_with_its_exposure(ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(ledger, monkeypatch)
    world.place("MUG", 3)
    turn(world)
    metadata = exposure_metadata(world.store)
    assert [record.data["SKU"] for record in metadata["exposure"].records] == ["MUG"]
    assert metadata["exposed_value"] >= 0


@pytest.mark.parametrize(("available", "broken"), [("3", set()), ("-1", {"zero or more"}), ("1.5", {"whole"})])
def test_balances_that_cannot_be_true_are_named(available: str, broken: set[str]) -> None:
    row = dict.fromkeys(("allocated", "received", "picked", "ordered"), Decimal(0)) | {"available": Decimal(available)}
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()})
    frame = frame.assign(mapped=True, believed=True)
    report = validate(frame, balances, name={0: "MUG in WHS01"})
    assert {b.rule for b in report.broken} == {f"available units are {words}" for words in broken}
