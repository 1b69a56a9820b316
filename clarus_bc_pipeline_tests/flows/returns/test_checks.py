"""The pandera reports of returns: each rule is broken by the return or refund that breaks it, by name."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.check_reports import CheckReport
from clarus_bc_pipeline.flows.returns import sync
from clarus_bc_pipeline.flows.returns.assets import overview, proof_metadata
from clarus_bc_pipeline.flows.returns.checks import receipts_report, refunds_report, returns_report
from clarus_bc_pipeline_tests.flows.returns.returns_world import World


@pytest.fixture
def world(ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(ledger).install(monkeypatch)


def returned(world: World, grade: str = "A", *, units: int = 2) -> str:
    order = world.place(("A", 2, "10.00"))
    number = world.open(order, (0, 2))
    world.turn()
    world.receive(number, ("A", units, grade))
    world.turn()
    return number


def lines(world: World) -> CheckReport:
    with world.engine.connect() as connection:
        return returns_report(connection, store=world.key, own=world.store.settings.returns, now=world.at)


def codes(report: CheckReport) -> list[str]:
    return sorted(rule.type.code for rule in report.broken)


def test_a_return_that_was_refunded_and_is_on_sale_breaks_nothing(world: World) -> None:
    returned(world)
    world.read_stock(A=2)
    world.turn()
    assert (lines(world).rows, codes(lines(world))) == (1, [])
    with world.engine.connect() as connection:
        assert codes(receipts_report(connection, store=world.key)) == []
        assert codes(refunds_report(connection, store=world.key)) == []


@pytest.mark.parametrize(
    ("days", "found"),
    [(9, []), (10, ["refund_due"]), (13, ["refund_due", "refund_overdue"])],
)
def test_a_return_without_a_refund_is_due_on_day_ten_and_alarms_on_day_thirteen(
    world: World, days: int, found: list[str]
) -> None:
    number = returned(world, "")
    world.tick(days * 86_400)
    report = lines(world)
    assert codes(report) == found
    assert all(number in rule.examples[0] for rule in report.broken)


def test_units_that_are_over_missing_or_failed_are_named(world: World) -> None:
    returned(world, units=3)
    returned(world, units=1)
    returned(world, "C")
    assert codes(lines(world)) == ["return_missing_units", "return_not_sellable", "return_over_received"]


def test_a_passed_return_that_stock_does_not_hold_after_a_day_is_named(world: World) -> None:
    returned(world)
    world.tick(timedelta(hours=25).total_seconds())
    assert codes(lines(world)) == ["return_not_on_sale"]


def test_refunds_by_hand_and_declined_ones_are_named_with_their_order(world: World) -> None:
    world.declines = True
    returned(world)
    world.declines = False
    by_hand = world.place(("B", 1, "7.00"))
    world.refund_by_hand(by_hand, 0, 1)
    proven = world.turn()
    with world.engine.connect() as connection:
        refunds = refunds_report(connection, store=world.key)
        receipts = receipts_report(connection, store=world.key)
    assert codes(refunds) == ["refund_by_hand", "refund_declined"]
    assert codes(receipts) == ["refund_without_receipt"]
    assert f"order {by_hand}" in receipts.broken[0].examples[0]
    shown = proof_metadata(world.store, proven)
    assert (shown["refunds"], shown["refunds_without_receipt"], shown["refunds_by_hand"]) == (1, 1, 1)


def test_the_overview_shows_what_is_under_way(world: World) -> None:
    order = world.place(("A", 2, "10.00"))
    world.open(order, (0, 2))
    world.turn()
    assert overview(world.store)["under_way"] == 1
    assert sync.prove(world.store).rmas == 1
