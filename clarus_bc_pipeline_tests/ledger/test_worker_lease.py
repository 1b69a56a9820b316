"""One resident worker a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.worker_lease import claim_store, live_worker, release_store, renew_store

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=61)


def test_a_store_has_one_worker_at_a_time(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        token = claim_store(connection, store="main", worker="a", seconds=60, now=NOON)
        assert token is not None
        assert claim_store(connection, store="main", worker="b", seconds=60, now=NOON) is None
        assert claim_store(connection, store="other", worker="b", seconds=60, now=NOON) is not None
        assert live_worker(connection, store="main", now=NOON) == "a"
        assert live_worker(connection, store="main", now=LATER) is None


def test_a_store_whose_worker_is_gone_is_taken_over_and_the_old_token_is_worthless(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        old = claim_store(connection, store="main", worker="a", seconds=60, now=NOON)
        new = claim_store(connection, store="main", worker="b", seconds=60, now=LATER)
        assert old is not None
        assert new is not None
        assert new > old
        assert not renew_store(connection, store="main", token=old, seconds=60, now=LATER)
        assert not release_store(connection, store="main", token=old)
        assert live_worker(connection, store="main", now=LATER) == "b"


def test_a_worker_that_renews_keeps_its_store_and_one_that_releases_frees_it(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        token = claim_store(connection, store="main", worker="a", seconds=60, now=NOON)
        assert token is not None
        assert renew_store(connection, store="main", token=token, seconds=600, now=NOON)
        assert claim_store(connection, store="main", worker="b", seconds=60, now=LATER) is None
        assert release_store(connection, store="main", token=token)
        assert live_worker(connection, store="main", now=NOON) is None
        assert claim_store(connection, store="main", worker="b", seconds=60, now=NOON) is not None


def test_without_a_time_the_database_tells_it(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        assert claim_store(connection, store="main", worker="a", seconds=60) is not None
        assert live_worker(connection, store="main") == "a"
