"""Every way from one state of a push to the next."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.pushes import Push
from clarus_bc_pipeline.ledger import outbox
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Receipt
from clarus_bc_pipeline.ledger.tables import cursor
from clarus_bc_pipeline_tests.ledger.outbox_world import STORE, World


def test_a_push_is_queued_once_for_ever(world: World) -> None:
    assert world.queue("GO-1", "GO-2", "GO-1") == 2
    world.deliver()
    assert world.queue("GO-1") == 0
    assert world.deliver().attempted == 0
    assert world.remote.truth == ["GO-1", "GO-2"]


def test_queueing_is_undone_with_the_fact_that_caused_it(world: World) -> None:
    with world.engine.connect() as connection:
        push = Push("shipment", "GO-1", "order:1", {})
        assert outbox.enqueue(connection, store=STORE, pushes=[push], now=world.clock()) == 1
        connection.rollback()  # the fact could not be written
    assert world.deliver().attempted == 0


def test_a_push_that_is_accepted_is_delivered(world: World) -> None:
    world.queue("GO-1")
    report = world.deliver()
    row = world.row("GO-1")
    assert (row.state, row.remote_id, row.attempts, row.failures) == ("delivered", "R-GO-1", 1, 0)
    assert row.delivered_at == world.clock()
    assert row.lease_until is None
    assert (report.delivered, report.adopted) == (1, 0)
    assert world.attempts("GO-1") == [("send", "delivered")]


def test_the_fact_of_a_delivery_commits_with_its_state(world: World) -> None:
    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        row = {"store": push.store, "feed": receipt.remote_id, "position": {}, "updated_at": world.clock()}
        connection.execute(sa.insert(cursor).values(row))

    world.queue("GO-1")
    world.deliver(world.remote.delivery(record=record))
    with world.engine.connect() as connection:
        assert connection.scalars(sa.select(cursor.c.feed)).all() == ["R-GO-1"]


def test_the_claim_is_committed_before_the_call(world: World) -> None:
    def look(push: ClaimedPush) -> None:
        row = world.row("GO-1")  # on another connection: only what is committed can be seen
        assert (row.state, row.attempts, row.lease_token) == ("sending", 1, push.lease_token)
        assert row.lease_until == world.clock() + timedelta(seconds=world.settings.lease_seconds)
        assert world.attempts("GO-1") == [("send", None)]

    world.remote.during_send = look
    world.queue("GO-1")
    assert world.deliver().delivered == 1


def test_no_transaction_is_open_during_a_call(world: World) -> None:
    def look(push: ClaimedPush) -> None:
        with world.engine.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state ~ :idle"
            assert connection.scalar(sa.text(query), {"idle": "^idle in"}) == 0

    world.remote.during_send = look
    world.queue("GO-1")
    assert world.deliver().delivered == 1


def test_a_call_that_surely_did_not_arrive_is_sent_again_after_a_pause(world: World) -> None:
    world.remote.faults.append("no_connection")
    world.queue("GO-1")
    assert world.deliver().retried == 1
    row = world.row("GO-1")
    assert (row.state, row.failures) == ("pending", 1)
    assert row.next_attempt_at - world.clock() <= timedelta(seconds=world.settings.first_retry_seconds)
    world.clock.turn(world.settings.first_retry_seconds)
    assert world.deliver().delivered == 1
    assert world.row("GO-1").failures == 0
    assert world.remote.looks == []  # nothing to look for


def test_a_throttled_call_waits_as_long_as_the_vendor_said(world: World) -> None:
    world.remote.faults.append("throttled")
    world.queue("GO-1")
    world.deliver()
    assert world.row("GO-1").next_attempt_at == world.clock() + timedelta(seconds=7)
    world.clock.turn(6.9)
    assert world.deliver().attempted == 0
    world.clock.turn(0.1)
    assert world.deliver().delivered == 1


def test_the_pause_grows_and_has_an_end(world: World) -> None:
    world.queue("GO-1")
    for _ in range(12):
        world.remote.faults.append("no_connection")
        world.deliver(limit=1)
        wait = world.row("GO-1").next_attempt_at - world.clock()
        assert wait <= timedelta(seconds=world.settings.longest_retry_seconds)
        world.clock.turn(world.settings.longest_retry_seconds)
    assert world.row("GO-1").failures == 12


@pytest.mark.parametrize("fault", ["apply_then_reset", "apply_then_500", "reset", "bug"])
def test_a_call_of_unknown_outcome_is_looked_for_and_not_sent_again_before(world: World, fault: str) -> None:
    world.remote.faults.append(fault)
    world.queue("GO-1")
    assert world.deliver().ambiguous == 1
    assert world.state("GO-1") == "ambiguous"
    world.clock.turn(world.settings.settle_seconds - 1)
    assert world.deliver().attempted == 0  # the write may still be on its way
    world.clock.turn(1)
    world.deliver()
    assert world.remote.sends == ["GO-1"]
    assert world.remote.looks == ["GO-1"]


def test_what_is_found_is_adopted(world: World) -> None:
    world.remote.faults.append("apply_then_reset")
    world.queue("GO-1")
    world.deliver()
    world.clock.turn(world.settings.settle_seconds)
    report = world.deliver()
    assert (report.adopted, report.delivered) == (1, 0)
    assert world.row("GO-1").remote_id == "R-GO-1"
    assert world.attempts("GO-1") == [("send", "ambiguous"), ("read_back", "found")]
    assert world.remote.truth == ["GO-1"]


def test_only_two_misses_apart_let_it_be_sent_again(world: World) -> None:
    world.remote.faults.append("reset")
    world.queue("GO-1")
    world.deliver()
    world.clock.turn(world.settings.settle_seconds)
    world.deliver()
    row = world.row("GO-1")
    assert (row.state, row.misses) == ("ambiguous", 1)
    assert row.next_attempt_at == world.clock() + timedelta(seconds=world.settings.settle_seconds)
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver().delivered == 1
    assert world.attempts("GO-1") == [
        ("send", "ambiguous"), ("read_back", "missed"), ("read_back", "missed"), ("send", "delivered"),
    ]  # fmt: skip
    assert world.row("GO-1").misses == 0


def test_a_write_that_is_applied_late_is_not_sent_twice(world: World) -> None:
    world.remote.faults.append("apply_late")
    world.queue("GO-1")
    world.deliver()
    world.clock.turn(world.settings.settle_seconds)
    world.deliver()  # misses it
    world.remote.pass_time(90)
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver().adopted == 1
    assert world.remote.truth == ["GO-1"]


def test_a_read_back_that_fails_is_not_a_miss(world: World) -> None:
    world.remote.faults.append("apply_then_reset")
    world.remote.look_faults.extend(["reset"] * 5)
    world.queue("GO-1")
    for _ in range(6):
        world.deliver()
        assert world.row("GO-1").misses == 0
        world.clock.turn(world.settings.longest_retry_seconds)
    assert world.deliver().adopted == 1
    assert world.remote.truth == ["GO-1"]


def test_a_refusal_that_is_the_echo_of_our_own_success_is_adopted(world: World) -> None:
    world.remote.faults.append("apply_then_refuse")
    world.queue("GO-1")
    assert world.deliver().adopted == 1
    assert world.attempts("GO-1") == [("send", "refused"), ("read_back", "found")]


def test_a_true_refusal_is_parked_for_a_person(world: World) -> None:
    world.remote.faults.append("refuse")
    world.queue("GO-1")
    assert world.deliver().parked == 1
    row = world.row("GO-1")
    assert (row.state, row.last_error) == ("parked", "POST /GO-1: 422: refused: quantity exhausted")
    world.clock.turn(10**6)
    assert world.deliver().attempted == 0
    assert world.attempts("GO-1") == [("send", "refused"), ("read_back", "missed")]


def test_a_refusal_whose_look_fails_is_unknown(world: World) -> None:
    world.remote.faults.append("apply_then_refuse")
    world.remote.look_faults.append("reset")
    world.queue("GO-1")
    assert world.deliver().ambiguous == 1
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver().adopted == 1


def test_a_push_to_something_that_is_gone_is_parked(world: World) -> None:
    world.remote.faults.append("gone")
    world.queue("GO-1")
    assert world.deliver().parked == 1


def test_refused_credentials_stop_the_run_and_lose_nothing(world: World) -> None:
    world.remote.faults.append("auth")
    world.queue("GO-1", "GO-2", "GO-3")
    report = world.deliver()
    assert report.auth_failed == "POST /GO-1: 401: credentials or scope not accepted"
    assert report.metadata()["auth_failed"] == report.auth_failed
    assert world.remote.sends == ["GO-1"]
    assert [world.state(k) for k in ("GO-1", "GO-2", "GO-3")] == ["pending"] * 3
    world.clock.turn(world.settings.first_retry_seconds)
    assert world.deliver().delivered == 3


def test_credentials_refused_on_a_read_back_keep_it_unknown(world: World) -> None:
    world.remote.faults.append("apply_then_reset")
    world.queue("GO-1")
    world.deliver()
    world.remote.look_faults.append("auth")
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver().auth_failed
    assert world.state("GO-1") == "ambiguous"
    world.clock.turn(world.settings.longest_retry_seconds)
    assert world.deliver().adopted == 1


def test_money_goes_to_a_person_after_two_misses(world: World) -> None:
    refunds = world.remote.delivery("payout", person_after_misses=True)
    world.remote.faults.append("reset")
    world.queue("RMA-1", kind="payout")
    for _ in range(3):
        world.deliver(refunds)
        world.clock.turn(world.settings.settle_seconds)
    row = world.row("RMA-1")
    assert (row.state, row.misses) == ("parked", 2)
    assert world.remote.sends == ["RMA-1"]


def test_what_only_is_looked_for_is_never_sent(world: World) -> None:
    watching = world.remote.delivery(adopt_only=True)
    world.queue("GO-1")
    assert world.deliver(watching).retried == 1
    assert world.state("GO-1") == "pending"
    world.remote.truth.append("GO-1")  # somebody else did it
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver(watching).adopted == 1
    assert world.remote.sends == []
    assert world.row("GO-1").attempts == 0


def test_a_delivery_that_cannot_be_recorded_is_never_sent_again(world: World) -> None:
    failing = True

    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        if failing:
            raise ValueError("no such order")

    delivery = world.remote.delivery(record=record)
    world.queue("GO-1")
    assert world.deliver(delivery).ambiguous == 1
    row = world.row("GO-1")
    assert (row.state, row.remote_id) == ("ambiguous", "R-GO-1")
    assert row.last_error == "accepted as R-GO-1, but not recorded: ValueError: no such order"
    failing = False
    world.clock.turn(world.settings.settle_seconds)
    assert world.deliver(delivery).adopted == 1
    assert world.remote.truth == ["GO-1"]


def test_an_accepted_write_that_vanishes_goes_to_a_person(world: World) -> None:
    def record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
        raise ValueError("no such order")

    world.queue("GO-1")
    delivery = world.remote.delivery(record=record)
    world.deliver(delivery)
    world.remote.look_faults.extend(["blind", "blind"])
    for _ in range(2):
        world.clock.turn(world.settings.settle_seconds)
        world.deliver(delivery)
    assert world.state("GO-1") == "parked"
    assert world.remote.truth == ["GO-1"]


def test_a_newer_push_supersedes_what_waits_and_leaves_what_flies(world: World) -> None:
    world.queue("stock@1", "stock@2", "stock@3", kind="stock")
    stock = world.remote.delivery("stock")
    world.remote.faults.extend(["reset", "refuse"])
    world.deliver(stock, limit=2)  # stock@1 is ambiguous, stock@2 parked, stock@3 waits
    with world.engine.begin() as connection:
        keys = ["stock@1", "stock@2", "stock@3", "stock@4"]
        assert outbox.supersede(connection, store=STORE, kind="stock", business_keys=keys) == 2
    assert [world.state(f"stock@{n}") for n in (1, 2, 3)] == ["ambiguous", "superseded", "superseded"]
    assert world.deliver(stock).attempted == 0


def test_two_deliveries_of_one_kind_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="two deliveries of one kind: shipment"):
        world.deliver(world.remote.delivery(), world.remote.delivery())


def test_what_is_due_is_told_in_words_that_change_with_it(world: World) -> None:
    def mark() -> str | None:
        with world.engine.connect() as connection:
            return outbox.due_mark(connection, store=STORE, kinds=["shipment"], now=world.clock())

    assert mark() is None
    world.queue("GO-1")
    first = mark()
    assert first == mark()
    world.remote.faults.append("reset")
    world.deliver()
    assert mark() is None
    world.clock.turn(world.settings.settle_seconds)
    assert mark() not in (None, first)
