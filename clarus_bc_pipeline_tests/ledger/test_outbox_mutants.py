"""Classic mistakes of an outbox, each caught by a history that the true one passes: the tests can fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.http import Ambiguous
from clarus_bc_pipeline.ledger.outbox import claims, verdict
from clarus_bc_pipeline.ledger.outbox.queue import SQL
from clarus_bc_pipeline_tests.ledger import test_outbox_crashes as crashes
from clarus_bc_pipeline_tests.ledger import test_outbox_lanes as lanes
from clarus_bc_pipeline_tests.ledger import test_outbox_states as states
from clarus_bc_pipeline_tests.ledger.outbox_world import World

# (the mistake, the query, what stands in it, what the mistake makes of it, the history that catches it)
IN_SQL: list[tuple[str, str, str, str, Callable[[World], None]]] = [
    (
        "an expired lease is simply sent again",
        "lapse", "SET state = 'ambiguous'", "SET state = 'pending'",
        crashes.test_killed_between_the_call_and_the_commit_it_is_not_sent_again,
    ),
    (
        "no fencing token",
        "settle", "AND lease_token = :lease_token", "",
        crashes.test_a_zombie_does_not_undo_what_its_successor_has_begun,
    ),
    (
        "a lane does not wait for what is unknown",
        "claim", "flying.state IN ('sending', 'ambiguous')", "flying.state IN ('sending')",
        lanes.test_a_push_back_from_parking_waits_for_the_one_that_overtook_it,
    ),
    (
        "what is in flight can be superseded",
        "supersede", "state IN ('pending', 'parked')", "state IN ('pending', 'parked', 'ambiguous')",
        states.test_a_newer_push_supersedes_what_waits_and_leaves_what_flies,
    ),
    (
        "the settling time is skipped",
        "lapse", "CAST(:settled_at AS timestamptz)", "CAST(:now AS timestamptz)",
        crashes.test_an_expired_lease_is_unknown_and_never_simply_pending,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "query", "right", "wrong", "history"), IN_SQL, ids=[m[0] for m in IN_SQL])
def test_a_mistake_in_sql_is_caught(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    mistake: str,
    query: str,
    right: str,
    wrong: str,
    history: Callable[[World], None],
) -> None:
    text = str(SQL[query])
    assert right in text
    monkeypatch.setitem(SQL, query, sa.text(text.replace(right, wrong)))
    with pytest.raises((AssertionError, sa.exc.IntegrityError)):
        history(world)


def test_one_miss_taken_for_an_absence_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "MISSES_ALLOWED", 1)
    with pytest.raises(AssertionError):
        states.test_a_write_that_is_applied_late_is_not_sent_twice(world)


def test_a_timeout_taken_for_not_applied_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "NotApplied", Ambiguous)
    monkeypatch.setattr(Ambiguous, "retry_after", 0.0, raising=False)
    with pytest.raises(AssertionError):
        states.test_what_is_found_is_adopted(world)


def test_a_failed_look_taken_for_a_miss_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    missed, delivery = verdict.Rules.missed, world.remote.delivery()
    monkeypatch.setattr(verdict.Rules, "look_failed", lambda rules, push, error: missed(rules, push, delivery))
    with pytest.raises(AssertionError):
        states.test_a_read_back_that_fails_is_not_a_miss(world)


def test_delivered_committed_before_the_call_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claims.Desk.claim

    def early(desk: claims.Desk, **options: list[int]) -> object:
        if push := claim(desk, **options):
            with world.engine.begin() as connection:
                connection.execute(sa.text("UPDATE push SET state = 'delivered'"))
        return push

    monkeypatch.setattr(claims.Desk, "claim", early)
    with pytest.raises(AssertionError):
        crashes.test_killed_between_the_claim_and_the_call_it_is_sent_after_all(world)
