"""What people see of the outbox, do to it, and are told by it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clarus_bc_pipeline.decisions.pushes import PushState
from clarus_bc_pipeline.ledger import outbox
from clarus_bc_pipeline.ledger.findings import OpenFinding, Recorded, open_findings
from clarus_bc_pipeline_tests.ledger.outbox_world import STORE, World


def _retry(world: World, key: str) -> None:
    with world.engine.begin() as connection:
        push_id = world.row(key).push_id
        outbox.retry_push(connection, push_id=push_id, actor="ada", now=world.clock(), reason="SKU was added")


def _park(world: World, key: str, reason: str = "customer called") -> None:
    with world.engine.begin() as connection:
        outbox.park_push(connection, push_id=world.row(key).push_id, reason=reason, actor="ada", now=world.clock())


def _watch(world: World) -> Recorded:
    with world.engine.begin() as connection:
        return outbox.outbox_findings(connection, store=STORE, settings=world.settings, now=world.clock())


def _findings(world: World) -> list[OpenFinding]:
    with world.engine.connect() as connection:
        return open_findings(connection, store=STORE)


def test_a_person_sends_a_parked_push_again(world: World) -> None:
    world.remote.faults.append("refuse")
    world.queue("GO-1")
    world.deliver()
    _retry(world, "GO-1")
    assert world.deliver().delivered == 1
    with world.engine.connect() as connection:
        history = outbox.push_history(connection, push_id=world.row("GO-1").push_id)
    assert [(a.action, a.worker, a.detail) for a in history][2] == ("retry", "ada", "SKU was added")


def test_a_person_cuts_a_back_off_short(world: World) -> None:
    world.remote.faults.append("throttled")
    world.queue("GO-1")
    world.deliver()
    _retry(world, "GO-1")
    assert world.deliver().delivered == 1


def test_a_person_brings_a_read_back_forward_but_cannot_skip_it(world: World) -> None:
    world.remote.faults.append("apply_then_reset")
    world.queue("GO-1")
    world.deliver()
    _retry(world, "GO-1")
    assert world.deliver().adopted == 1
    assert world.remote.truth == ["GO-1"]


def test_a_person_sets_a_push_aside(world: World) -> None:
    world.queue("GO-1")
    _park(world, "GO-1")
    assert world.deliver().attempted == 0
    assert (world.state("GO-1"), world.row("GO-1").last_error) == ("parked", "customer called")
    assert world.attempts("GO-1") == [("park", None)]


def test_an_act_needs_a_reason_and_a_push_that_allows_it(world: World) -> None:
    world.queue("GO-1")
    with pytest.raises(ValueError, match="give a reason"):
        _park(world, "GO-1", reason=" ")
    world.deliver()
    with pytest.raises(outbox.PushNotMovable, match=r"push \d+ is delivered: it is at rest"):
        _retry(world, "GO-1")
    with (
        pytest.raises(outbox.PushNotMovable, match="there is no push 999"),
        world.engine.begin() as connection,
    ):
        outbox.retry_push(connection, push_id=999, actor="ada", now=world.clock())


def test_a_push_that_is_being_sent_cannot_be_moved(world: World) -> None:
    def meanwhile(push: outbox.ClaimedPush) -> None:
        with pytest.raises(outbox.PushNotMovable, match="a worker holds it"):
            _park(world, "GO-1")
        with pytest.raises(outbox.PushNotMovable, match="a worker holds it"):
            _retry(world, "GO-1")

    world.remote.during_send = meanwhile
    world.queue("GO-1")
    assert world.deliver().delivered == 1


def test_pushes_are_listed_by_state_kind_and_lane(world: World) -> None:
    world.queue("GO-1", "GO-2")
    world.queue("RMA-1", kind="payout", lane="order:GO-2")
    world.deliver(limit=1)
    with world.engine.connect() as connection:
        open_ = outbox.list_pushes(connection, store=STORE)
        done = outbox.list_pushes(connection, states=[PushState.DELIVERED])
        lane = outbox.list_pushes(connection, lane="order:GO-2", kind="payout")
        other = outbox.list_pushes(connection, store="other")
    assert [p.business_key for p in open_] == ["RMA-1", "GO-2"]
    assert [p.business_key for p in done] == ["GO-1"]
    assert [p.business_key for p in lane] == ["RMA-1"]
    assert other == []


def test_a_refused_push_is_a_finding_until_it_is_delivered(world: World) -> None:
    world.remote.faults.append("refuse")
    world.queue("GO-1", lane="order:10432", cause={"value_at_risk": "59.90", "currency": "GBP"})
    world.deliver()
    assert _watch(world) == Recorded(opened=1)
    assert _watch(world) == Recorded(repeated=1)
    (found,) = _findings(world)
    assert (found.code, found.subject, found.order_id) == ("push_parked", "shipment GO-1", 10432)
    assert (found.value_at_risk, found.currency) == (Decimal("59.90"), "GBP")
    assert "422: refused: quantity exhausted" in found.message
    _retry(world, "GO-1")
    world.deliver()
    assert _watch(world) == Recorded(resolved=1)


def test_a_push_that_keeps_failing_is_a_finding_after_so_many_failures(world: World) -> None:
    world.queue("GO-1")
    for n in range(world.settings.alert_after_failures):
        assert _watch(world).opened == 0, n
        world.remote.faults.append("no_connection")
        world.deliver(limit=1)
        world.clock.turn(world.settings.longest_retry_seconds)
    assert _watch(world).opened == 1
    assert [f.code for f in _findings(world)] == ["push_failing"]
    world.deliver()
    assert _watch(world) == Recorded(resolved=1)


def test_a_push_later_than_agreed_is_a_finding(world: World) -> None:
    world.queue("GO-1", due_at=world.clock() + timedelta(minutes=15))
    world.clock.turn(15 * 60)
    assert _watch(world).opened == 0
    world.clock.turn(1)
    assert _watch(world).opened == 1
    assert "was due at 2026-11-24 09:15 UTC" in _findings(world)[0].message
    world.deliver()
    assert _watch(world) == Recorded(resolved=1)


def test_money_of_unknown_outcome_is_a_finding_of_its_own(world: World) -> None:
    refunds = world.remote.delivery("payout", person_after_misses=True)
    world.remote.faults.append("reset")
    world.queue("RMA-1", kind="payout")
    for _ in range(3):
        world.deliver(refunds)
        world.clock.turn(world.settings.settle_seconds)
    _watch(world)
    assert [f.code for f in _findings(world)] == ["write_unknown"]
