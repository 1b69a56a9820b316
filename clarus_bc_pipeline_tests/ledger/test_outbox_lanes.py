"""Who goes first, and who waits for whom."""

from __future__ import annotations

from datetime import timedelta

from clarus_bc_pipeline.decisions.pushes import Priority
from clarus_bc_pipeline_tests.ledger.outbox_world import World


def test_a_lane_goes_in_the_order_in_which_it_was_queued(world: World) -> None:
    world.queue("b", "a", "c", lane="order:1")
    world.deliver()
    assert world.remote.sends == ["b", "a", "c"]


def test_a_lane_waits_for_its_oldest_whatever_the_priorities(world: World) -> None:
    world.queue("release", lane="order:1", priority=Priority.ORDER_RELEASE)
    world.queue("ship", lane="order:1", priority=Priority.SHIPMENT)
    world.remote.faults.append("no_connection")
    world.deliver()
    assert world.remote.sends == ["release"]
    assert world.state("ship") == "pending"
    world.clock.turn(world.settings.first_retry_seconds)
    world.deliver()
    assert world.remote.truth == ["release", "ship"]


def test_a_lane_waits_for_what_nobody_knows(world: World) -> None:
    world.queue("first", "second", lane="order:1")
    world.queue("other")
    world.remote.faults.append("reset")
    world.deliver()
    assert world.remote.sends == ["first", "other"]
    assert world.state("second") == "pending"


def test_a_lane_waits_for_a_kind_that_another_flow_delivers(world: World) -> None:
    world.queue("release", lane="order:1", kind="goods_out")
    world.queue("ship", lane="order:1")
    assert world.deliver().attempted == 0
    assert world.deliver(world.remote.delivery("goods_out")).delivered == 1
    assert world.deliver().delivered == 1


def test_a_parked_push_does_not_hold_back_its_lane(world: World) -> None:
    world.queue("parcel-1", "parcel-2", lane="order:1")
    world.remote.faults.append("refuse")
    report = world.deliver()
    assert (report.parked, report.delivered) == (1, 1)


def test_a_parked_push_holds_back_its_own_kind_where_the_flow_says_so(world: World) -> None:
    refunds = world.remote.delivery("payout", parked_blocks_lane=True)
    world.queue("RMA-1", "RMA-2", lane="order:1", kind="payout")
    world.queue("ship", lane="order:1")
    world.queue("RMA-3", lane="order:2", kind="payout")
    world.remote.faults.append("refuse")
    world.deliver(refunds)
    assert [world.state(k) for k in ("RMA-1", "RMA-2", "RMA-3")] == ["parked", "pending", "delivered"]


def test_a_push_back_from_parking_waits_for_the_one_that_overtook_it(world: World) -> None:
    """It has the lower number, and yet must not fly beside the other."""
    from clarus_bc_pipeline.ledger import outbox

    world.queue("one", "two", lane="order:1")
    world.remote.faults.extend(["refuse", "reset"])
    world.deliver()
    assert [world.state("one"), world.state("two")] == ["parked", "ambiguous"]
    with world.engine.begin() as connection:
        outbox.retry_push(connection, push_id=world.row("one").push_id, actor="ada", now=world.clock())
    assert world.deliver().attempted == 0
    world.clock.turn(world.settings.settle_seconds)
    world.deliver()
    world.clock.turn(world.settings.settle_seconds)
    world.deliver()
    assert world.remote.truth == ["one", "two"]


def test_lanes_go_by_priority(world: World) -> None:
    for key, priority in [
        ("stock", Priority.STOCK),
        ("payout", Priority.REFUND),
        ("ship", Priority.SHIPMENT),
    ]:
        world.queue(key, priority=priority)
    world.deliver()
    assert world.remote.sends == ["ship", "payout", "stock"]


def test_stores_do_not_see_each_other(world: World) -> None:
    from clarus_bc_pipeline.decisions.pushes import Push
    from clarus_bc_pipeline.ledger import outbox

    with world.engine.begin() as connection:
        push = Push("shipment", "theirs", "order:1", {})
        outbox.enqueue(connection, store="other", pushes=[push], now=world.clock())
    assert world.deliver().attempted == 0


def test_a_run_ends_at_its_limit_and_at_its_deadline(world: World) -> None:
    world.queue("a", "b", "c")
    assert world.deliver(limit=2).attempted == 2
    assert world.deliver(until=world.clock()).attempted == 0
    assert world.deliver(until=world.clock() + timedelta(seconds=1)).attempted == 1


def test_a_push_that_comes_back_at_once_does_not_keep_a_run_for_ever(world: World) -> None:
    settings = world.settings.model_copy(update={"settle_seconds": 0})
    world.remote.faults.extend(["reset"] * 50)
    world.queue("GO-1", "GO-2")
    assert world.deliver(settings=settings).attempted == 8


def test_progress_is_told_of_each_push(world: World) -> None:
    steps: list[int] = []
    world.queue("a", "b")
    world.deliver(progress=steps.append)
    assert steps == [1, 1]


def test_a_report_counts_by_kind_and_outcome(world: World) -> None:
    world.queue("a", "b")
    world.queue("c", kind="payout")
    world.remote.faults.append("refuse")
    report = world.deliver(world.remote.delivery(), world.remote.delivery("payout"))
    assert {kind: dict(outcomes) for kind, outcomes in report.by_kind.items()} == {
        "shipment": {"parked": 1, "delivered": 1},
        "payout": {"delivered": 1},
    }
    assert report.metadata() == {
        "delivered": 2, "adopted": 0, "retried": 0, "ambiguous": 0, "parked": 1, "fenced": 0, "lapsed": 0,
    }  # fmt: skip
