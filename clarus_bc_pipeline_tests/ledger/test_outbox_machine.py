"""Any history of faults, kills and acts of people: never two effects of a business key, and nothing lost."""

from __future__ import annotations

from contextlib import suppress

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clarus_bc_pipeline.ledger import outbox
from clarus_bc_pipeline.ledger.outbox import outbox_findings
from clarus_bc_pipeline.ledger.tables import push, push_attempt
from clarus_bc_pipeline_tests.ledger.outbox_world import STORE, Killed, World

FAULTS = [
    "none", "no_connection", "throttled", "apply_then_reset", "apply_then_500", "reset", "refuse",
    "apply_then_refuse", "auth", "bug", "kill", "apply_then_kill", "apply_late",
]  # fmt: skip


class Outbox(RuleBasedStateMachine):
    """Rules are what may happen; invariants are looked at in the remote system's truth after each."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            connection.execute(sa.delete(push_attempt))
            connection.execute(sa.delete(push))
        self.world = World(self.engine)
        self.queued: set[str] = set()

    @initialize()
    def begin(self) -> None:
        self.queue(2, 0)

    @rule(count=st.integers(1, 3), lane=st.integers(0, 2))
    def queue(self, count: int, lane: int) -> None:
        keys = [f"GO-{len(self.queued) + n}" for n in range(count)]
        self.world.queue(*keys, lane=f"order:{lane}")
        self.queued.update(keys)

    @rule(keys=st.integers(0, 5))
    def queue_again(self, keys: int) -> None:
        self.world.queue(*sorted(self.queued)[:keys])

    @rule(
        faults=st.lists(st.sampled_from(FAULTS), max_size=4),
        looks=st.lists(st.sampled_from(["none", "reset", "auth"]), max_size=2),
        then_wait=st.sampled_from([1, 60, 151, 900]),
    )
    def deliver(self, faults: list[str], looks: list[str], then_wait: int) -> None:
        self.world.remote.faults.extend(faults)
        self.world.remote.look_faults.extend(looks)
        with suppress(Killed):
            self.world.deliver()
        self.world.remote.faults.clear()
        self.world.remote.look_faults.clear()
        self.wait(then_wait)

    def wait(self, seconds: int) -> None:
        self.world.remote.pass_time(seconds)
        self.world.clock.turn(seconds)

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def person_retries_or_parks(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.queued)))
        row, now = self.world.row(key), self.world.clock()
        with self.engine.begin() as connection:
            try:
                if row.state == "parked":
                    outbox.retry_push(connection, push_id=row.push_id, actor="ada", now=now)
                elif row.state == "pending":
                    outbox.park_push(connection, push_id=row.push_id, reason="wait", actor="ada", now=now)
            except outbox.PushNotMovable:
                pytest.fail(f"{key} is {row.state} and could not be moved")

    @invariant()
    def no_effect_twice(self) -> None:
        there = self.world.remote.truth + [key for key, _ in self.world.remote.late]
        assert len(there) == len(set(there))

    @invariant()
    def nothing_is_lost_and_no_lane_flies_twice(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(push.c.business_key, push.c.state, push.c.lane)).all()
        assert {row.business_key for row in rows} == self.queued
        flying = [row.lane for row in rows if row.state in ("sending", "ambiguous")]
        assert len(flying) == len(set(flying))
        assert {r.business_key for r in rows if r.state == "delivered"} <= set(self.world.remote.truth)

    def teardown(self) -> None:
        """When the faults end, everything that is not parked arrives."""
        for _ in range(12):
            self.wait(900)
            self.world.deliver()
        for key in self.queued:
            row = self.world.row(key)
            assert row.state in ("delivered", "parked")
            assert row.state == "parked" or self.world.remote.truth.count(key) == 1
        with self.engine.begin() as connection:
            outbox_findings(connection, store=STORE, settings=self.world.settings, now=self.world.clock())
            parked = sum(self.world.state(key) == "parked" for key in self.queued)
            assert connection.scalar(sa.text("SELECT count(*) FROM finding WHERE state = 'open'")) == parked


def test_no_history_doubles_or_loses_a_push(ledger: sa.Engine) -> None:
    run_state_machine_as_test(
        type("Machine", (Outbox,), {"engine": ledger}),
        settings=settings(
            max_examples=20, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
