"""Waking a sleeping worker."""

from __future__ import annotations

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.notify import Listener, notify, wait_for


def test_a_hint_wakes_whoever_listens_once_it_is_committed(ledger: sa.Engine) -> None:
    with Listener(ledger) as hints, ledger.connect() as connection:
        notify(connection, store="main")
        assert not hints.wait(0.05)
        connection.commit()
        assert hints.wait(10)
        assert not hints.wait(0.05)


def test_a_hint_about_another_store_is_slept_through(ledger: sa.Engine) -> None:
    with Listener(ledger) as hints, ledger.begin() as connection:
        notify(connection, store="other")
        connection.commit()
        assert not hints.wait(0.05, store="main")


def test_hints_between_two_waits_of_a_thread_are_heard(ledger: sa.Engine) -> None:
    assert not wait_for(ledger, 0.01, store="main")
    with ledger.begin() as connection:
        notify(connection, store="main")
    assert wait_for(ledger, 10, store="main")
