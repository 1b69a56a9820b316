"""The life of a finding."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.decisions.findings import Finding, Owner
from clarus_bc_pipeline.ledger.findings import (
    NoSuchFinding,
    OpenFinding,
    Recorded,
    assign_finding,
    close_finding,
    open_findings,
    record_findings,
    snooze_finding,
)
from clarus_bc_pipeline.ledger.tables import finding, finding_event

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _sku(subject: str, message: str = "SKU is not in Clarus", order_id: int | None = None) -> Finding:
    return Finding("unknown_sku", subject, message, order_id, {"sku": "A1"}, Decimal("12.34"), "GBP")


def _record(
    ledger: sa.Engine,
    *findings: Finding,
    scope: str = "orders",
    examined: Collection[str] | None = None,
    examined_orders: Collection[int] | None = None,
    now: datetime = NOON,
) -> Recorded:
    with ledger.begin() as connection:
        return record_findings(
            connection, store="main", scope=scope, findings=findings, examined=examined,
            examined_orders=examined_orders, now=now,
        )  # fmt: skip


def _open(ledger: sa.Engine) -> list[OpenFinding]:
    with ledger.connect() as connection:
        return open_findings(connection)


def _events(ledger: sa.Engine) -> list[str]:
    with ledger.connect() as connection:
        return list(connection.scalars(sa.select(finding_event.c.event).order_by(finding_event.c.finding_event_id)))


def test_a_finding_opens_once_and_its_repeats_are_counted(ledger: sa.Engine) -> None:
    assert _record(ledger, _sku("order 1"), _sku("order 2")) == Recorded(opened=2)
    later = NOON + timedelta(hours=1)
    assert _record(ledger, _sku("order 1"), _sku("order 2"), now=later) == Recorded(repeated=2)
    first = _open(ledger)[0]
    assert (first.occurrences, first.first_seen_at, first.last_seen_at) == (2, NOON, later)
    assert (first.value_at_risk, first.currency, first.evidence) == (Decimal("12.34"), "GBP", {"sku": "A1"})
    assert _events(ledger) == ["opened", "opened"]  # a mere repeat is not an event


def test_new_words_refresh_the_finding_and_are_an_event(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"))
    assert _record(ledger, _sku("order 1", "two SKUs are not in Clarus")) == Recorded(changed=1)
    assert _open(ledger)[0].message == "two SKUs are not in Clarus"
    assert _events(ledger) == ["opened", "changed"]


def test_of_one_subject_named_twice_the_last_word_counts(ledger: sa.Engine) -> None:
    assert _record(ledger, _sku("order 1", "first"), _sku("order 1", "last")) == Recorded(opened=1)
    assert _open(ledger)[0].message == "last"


def test_a_finding_resolves_when_its_cause_is_gone(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"), _sku("order 2"))
    assert _record(ledger, _sku("order 2")) == Recorded(repeated=1, resolved=1)
    assert [f.subject for f in _open(ledger)] == ["order 2"]
    assert _events(ledger)[-1] == "resolved"


def test_what_was_not_looked_at_does_not_resolve(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1", order_id=1), _sku("order 2", order_id=2), _sku("order 3", order_id=3))
    assert _record(ledger, examined=[]) == Recorded()
    assert _record(ledger, examined=["order 1"]) == Recorded(resolved=1)
    assert _record(ledger, examined_orders=[2]) == Recorded(resolved=1)
    assert [f.subject for f in _open(ledger)] == ["order 3"]


def test_a_decision_resolves_only_its_own(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"), scope="orders")
    assert _record(ledger, scope="despatch") == Recorded()
    assert len(_open(ledger)) == 1


def test_what_comes_back_opens_anew_and_names_where_it_was(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"))
    (first,) = _open(ledger)
    _record(ledger)
    assert _record(ledger, _sku("order 1")) == Recorded(opened=1)
    (second,) = _open(ledger)
    assert second.finding_id != first.finding_id
    with ledger.connect() as connection:
        query = sa.select(finding_event.c.note).where(finding_event.c.event == "reopened")
        assert connection.scalar(query) == f"was finding {first.finding_id}"


def test_what_a_person_closed_stays_closed_until_it_says_something_new(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"))
    with ledger.begin() as connection:
        close_finding(connection, finding_id=_open(ledger)[0].finding_id, reason="known", actor="ada", now=NOON)
    assert _record(ledger, _sku("order 1")) == Recorded(kept_closed=1)
    assert _open(ledger) == []
    assert _record(ledger, _sku("order 1", "now three SKUs")) == Recorded(opened=1)
    assert _events(ledger) == ["opened", "closed", "reopened"]


def test_open_repeated_closed_and_new_ones_come_in_one_batch(ledger: sa.Engine) -> None:
    _record(ledger, _sku("a"), _sku("b"), _sku("c"), _sku("d"))
    with ledger.begin() as connection:
        (c,) = [f.finding_id for f in _open(ledger) if f.subject == "c"]
        close_finding(connection, finding_id=c, reason="known", actor="ada", now=NOON)
    batch = [_sku("a"), _sku("b", "new words"), _sku("c"), _sku("e")]
    assert _record(ledger, *batch) == Recorded(opened=1, repeated=1, changed=1, resolved=1, kept_closed=1)


def test_people_assign_snooze_and_close_and_it_is_kept_who(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"))
    (one,) = _open(ledger)
    until = NOON + timedelta(days=1)
    with ledger.begin() as connection:
        assign_finding(connection, finding_id=one.finding_id, assignee="bob", actor="ada", now=NOON)
        snooze_finding(connection, finding_id=one.finding_id, until=until, actor="ada", now=NOON)
    (one,) = _open(ledger)
    assert (one.assigned_to, one.snoozed_until) == ("bob", until)
    with ledger.connect() as connection:
        assert open_findings(connection, awake_at=NOON) == []
        assert len(open_findings(connection, awake_at=until)) == 1
    assert _events(ledger) == ["opened", "assigned", "snoozed"]
    with pytest.raises(ValueError, match="give a reason"), ledger.begin() as connection:
        close_finding(connection, finding_id=one.finding_id, reason="", actor="ada", now=NOON)


def test_only_an_open_finding_can_be_acted_on(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1"))
    (one,) = _open(ledger)
    _record(ledger)
    with pytest.raises(NoSuchFinding, match="is resolved, not open"), ledger.begin() as connection:
        assign_finding(connection, finding_id=one.finding_id, assignee="bob", actor="ada", now=NOON)
    with pytest.raises(NoSuchFinding, match="there is no finding 999"), ledger.begin() as connection:
        assign_finding(connection, finding_id=999, assignee="bob", actor="ada", now=NOON)


def test_findings_are_asked_for_by_store_owner_and_order(ledger: sa.Engine) -> None:
    _record(ledger, _sku("order 1", order_id=1), Finding("voided_despatch", "goods-out GO-1", "taken back", 1))
    with ledger.connect() as connection:
        assert [f.code for f in open_findings(connection, owner=Owner.WAREHOUSE)] == ["voided_despatch"]
        assert len(open_findings(connection, order_id=1)) == 2
        assert open_findings(connection, order_id=2) == open_findings(connection, store="other") == []


def test_two_workers_that_see_the_same_open_it_once(ledger: sa.Engine) -> None:
    many = [_sku(f"order {n}") for n in range(200)]
    results: list[Recorded] = []
    threads = [threading.Thread(target=lambda: results.append(_record(ledger, *many))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert sum(r.opened for r in results) == len(_open(ledger)) == 200


def test_ten_thousand_findings_are_a_handful_of_statements(ledger: sa.Engine) -> None:
    statements: list[str] = []
    sa.event.listen(ledger, "before_cursor_execute", lambda *args: statements.append(args[2]))
    many = [_sku(f"order {n}") for n in range(10_000)]
    assert _record(ledger, *many).opened == 10_000
    assert _record(ledger, *many[:5_000]) == Recorded(repeated=5_000, resolved=5_000)
    assert len(statements) < 12
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(finding)) == 10_000
