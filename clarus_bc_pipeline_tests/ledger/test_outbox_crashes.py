"""A worker dies, or sleeps, at every point where it hurts; and real processes do."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.http import NotApplied
from clarus_bc_pipeline.ledger.outbox import ClaimedPush, Receipt
from clarus_bc_pipeline.settings import OutboxSettings
from clarus_bc_pipeline_tests.ledger.outbox_world import STORE, Killed, World


def _recover(world: World) -> None:
    """A new worker, long after."""
    for _ in range(4):
        world.clock.turn(world.settings.lease_seconds + 1)
        world.deliver(worker="w2")


def _die_in_record(connection: sa.Connection, push: ClaimedPush, receipt: Receipt) -> None:
    raise Killed


def test_killed_between_the_claim_and_the_call_it_is_sent_after_all(world: World) -> None:
    world.queue("GO-1")
    world.remote.faults.append("kill")
    with pytest.raises(Killed):
        world.deliver()
    assert world.state("GO-1") == "sending"
    _recover(world)
    assert world.remote.truth == ["GO-1"]
    assert world.state("GO-1") == "delivered"


def test_killed_between_the_call_and_the_commit_it_is_not_sent_again(world: World) -> None:
    world.queue("GO-1")
    world.remote.faults.append("apply_then_kill")
    with pytest.raises(Killed):
        world.deliver()
    _recover(world)
    assert world.remote.truth == ["GO-1"]
    assert world.attempts("GO-1") == [("send", "ambiguous"), ("read_back", "found")]


def test_killed_while_recording_nothing_is_half_written(world: World) -> None:
    world.queue("GO-1")
    with pytest.raises(Killed):
        world.deliver(world.remote.delivery(record=_die_in_record))
    assert world.state("GO-1") == "sending"
    _recover(world)
    assert world.remote.truth == ["GO-1"]
    assert world.state("GO-1") == "delivered"


def test_an_expired_lease_is_unknown_and_never_simply_pending(world: World) -> None:
    world.queue("GO-1")
    world.remote.faults.append("kill")
    with pytest.raises(Killed):
        world.deliver()
    world.clock.turn(world.settings.lease_seconds)
    assert world.deliver().lapsed == 0  # not a moment too early
    world.clock.turn(1)
    report = world.deliver()
    assert (report.lapsed, report.attempted) == (1, 0)
    row = world.row("GO-1")
    assert (row.state, row.last_error) == ("ambiguous", "the worker stopped before the outcome was known")
    assert world.remote.looks == []  # it settles first


def test_a_killed_read_back_is_done_again_and_not_counted_as_a_miss(world: World) -> None:
    world.queue("GO-1")
    world.remote.faults.append("apply_then_reset")
    world.deliver()
    world.clock.turn(world.settings.settle_seconds)
    with pytest.raises(Killed):
        world.deliver(world.remote.delivery(record=_die_in_record))
    assert world.deliver().attempted == 0  # still held by the dead
    _recover(world)
    assert world.remote.truth == ["GO-1"]
    assert world.row("GO-1").misses == 0


def test_a_zombie_whose_lease_has_passed_on_overwrites_nothing(world: World) -> None:
    """The first worker is paused inside its call for two leases; the second settles the push meanwhile."""

    def pause(push: ClaimedPush) -> None:
        world.remote.during_send = None
        world.remote.truth.append("GO-1")  # the paused call did arrive
        _recover(world)
        assert world.row("GO-1").remote_id == "R-GO-1"
        raise NotApplied("POST /GO-1", "no connection")  # and the zombie believes the opposite

    world.remote.during_send = pause
    world.queue("GO-1")
    report = world.deliver(worker="zombie")
    assert (report.fenced, report.retried) == (1, 0)
    assert world.state("GO-1") == "delivered"
    assert world.remote.truth == ["GO-1"]


def test_a_zombie_does_not_undo_what_its_successor_has_begun(world: World) -> None:
    """The successor's own send is ambiguous when the zombie comes back and says: surely not applied."""

    def pause(push: ClaimedPush) -> None:
        world.remote.during_send = None
        world.remote.faults.append("apply_then_reset")
        for _ in range(4):  # lapse, two misses, and the successor's send
            if world.remote.truth:
                break
            world.clock.turn(world.settings.lease_seconds + 1)
            world.deliver(worker="successor")
        raise NotApplied("POST /GO-1", "no connection")

    world.remote.during_send = pause
    world.queue("GO-1")
    assert world.deliver(worker="zombie", limit=1).fenced == 1
    _recover(world)
    assert world.remote.truth == ["GO-1"]


def test_a_zombie_is_fenced_even_from_saying_delivered(world: World) -> None:
    recorded: list[str] = []

    def pause(push: ClaimedPush) -> None:
        world.remote.during_send = None
        _recover(world)

    world.remote.during_send = pause
    world.queue("GO-1")
    delivery = world.remote.delivery(record=lambda connection, push, receipt: recorded.append(receipt.remote_id))
    assert world.deliver(delivery, worker="zombie").fenced == 1
    assert recorded == []  # the fact was recorded by the one who held the lease, not by the zombie


def test_a_worker_that_slept_after_its_claim_does_not_call_at_all(world: World) -> None:
    times = iter([0.0, 0.0])  # looking for lapsed leases, claiming: then it sleeps

    def sleepy() -> object:
        if next(times, None) is None:
            world.clock.turn(world.settings.lease_seconds / 2)
        return world.clock()

    world.queue("GO-1")
    report = world.deliver(now=sleepy, limit=1)
    assert report.retried == 1
    assert world.remote.sends == []
    assert world.attempts("GO-1") == [("send", "not_applied")]
    assert world.deliver().delivered == 1


_SEND_AND_HANG = """
    import os, sys, time
    from datetime import UTC, datetime, timedelta
    from clarus_bc_pipeline.ledger.engine import new_engine
    from clarus_bc_pipeline.ledger.outbox import Delivery, deliver_due
    from clarus_bc_pipeline.settings import OutboxSettings

    url, truth, now = sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])

    def send(push):
        with open(truth, "a") as applied:
            print(push.business_key, file=applied)
        print("applied", flush=True)
        time.sleep(60)  # the reply never comes: the parent kills us here

    deliver_due(new_engine(url), store="main", deliveries=[Delivery("shipment", send, lambda push: None)],
                settings=OutboxSettings(threads=1), now=lambda: now, worker="doomed")
"""


def test_a_process_killed_inside_its_call_leaves_exactly_one_effect(
    world: World, ledger_url: str, tmp_path: Path
) -> None:
    world.queue("GO-1", "GO-2")
    truth = tmp_path / "truth"
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(_SEND_AND_HANG),
        ledger_url,
        str(truth),
        str(world.clock()),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "applied\n"
        doomed.kill()
    world.remote.truth += truth.read_text().split()
    assert world.state("GO-1") == "sending"
    _recover(world)
    assert sorted(world.remote.truth) == ["GO-1", "GO-2"]
    assert [world.state("GO-1"), world.state("GO-2")] == ["delivered", "delivered"]


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_side_by_side_never_send_a_push_twice_nor_two_of_a_lane_at_once(world: World, workers: int) -> None:
    flying: set[str] = set()
    clashes: list[str] = []
    lock = threading.Lock()
    send = world.remote.send

    def watched(push: ClaimedPush) -> Receipt:
        with lock:
            if push.lane in flying:
                clashes.append(push.lane)
            flying.add(push.lane)
        receipt = send(push)
        with lock:
            flying.remove(push.lane)
        return receipt

    world.remote.send = watched  # type: ignore[method-assign]
    keys = [f"GO-{n}" for n in range(60)]
    for n, key in enumerate(keys):
        world.queue(key, lane=f"order:{n % 20}")
    settings = OutboxSettings.model_validate({"threads": 2})
    go = threading.Barrier(workers)

    def work(name: str) -> None:
        go.wait()
        world.deliver(worker=name, settings=settings)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.deliver()
    assert sorted(world.remote.truth) == sorted(keys)
    assert clashes == []


def test_the_database_itself_refuses_a_second_push_in_flight_in_a_lane(world: World) -> None:
    world.queue("GO-1", "GO-2", lane="order:1")
    with pytest.raises(sa.exc.IntegrityError, match="uq_push_in_flight"), world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE push SET state = 'sending', lease_until = now()"))


def test_a_fault_in_one_thread_is_raised_and_the_others_finish_their_call(world: World) -> None:
    world.queue(*[f"GO-{n}" for n in range(12)])
    world.remote.faults.extend(["none", "none", "kill"])
    with pytest.raises(Killed):
        world.deliver(settings=OutboxSettings.model_validate({"threads": 3}))
    with world.engine.connect() as connection:
        states = connection.scalars(sa.text("SELECT state FROM push WHERE store = :s"), {"s": STORE}).all()
    assert states.count("sending") == 1  # only the killed one
    assert states.count("delivered") == len(world.remote.truth)
