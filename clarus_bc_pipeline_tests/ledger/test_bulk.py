"""Bulk upserts: what is inserted, what is changed, and what is left alone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.ledger import bulk
from clarus_bc_pipeline.ledger.bulk import BadRow, Upserted, upsert
from clarus_bc_pipeline.ledger.tables import (
    bigcommerce_order,
    bigcommerce_order_address,
    clarus_goods_out_event,
    order_personal,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADDRESS = ("store", "order_address_id", "order_id", "country_iso2", "shipping_method", "source", "seen_at")


def _address(
    address_id: int, method: str = "Standard", *, source: str = "pull", seen_at: datetime = NOON
) -> tuple[Any, ...]:
    return ("main", address_id, 7, "GB", method, source, seen_at)


def _upsert(ledger: sa.Engine, *rows: tuple[Any, ...], **options: Any) -> Upserted:
    with ledger.begin() as connection:
        return upsert(connection, bigcommerce_order_address, rows, columns=ADDRESS, **options)


def _methods(ledger: sa.Engine) -> dict[int, str]:
    with ledger.connect() as connection:
        table = bigcommerce_order_address.c
        return {row[0]: row[1] for row in connection.execute(sa.select(table.order_address_id, table.shipping_method))}


@pytest.fixture(params=["few rows", "many rows"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of merging the stage must mean the same."""
    monkeypatch.setattr(bulk, "MANY", 1 if request.param == "many rows" else 10**9)


@pytest.mark.usefixtures("ways")
def test_new_changed_and_unchanged_rows_are_told_apart(ledger: sa.Engine) -> None:
    assert _upsert(ledger, _address(1), _address(2)) == Upserted(2, 0, 0)
    assert _upsert(ledger, _address(1), _address(2, "Express"), _address(3)) == Upserted(1, 1, 1)
    assert _methods(ledger) == {1: "Standard", 2: "Express", 3: "Standard"}


@pytest.mark.usefixtures("ways")
def test_a_row_that_says_nothing_new_is_not_written(ledger: sa.Engine) -> None:
    def version() -> Any:
        with ledger.connect() as connection:
            return connection.execute(sa.text("SELECT ctid, xmin, source FROM bigcommerce_order_address")).one()

    _upsert(ledger, _address(1))
    before = version()
    later = _address(1, source="another pull", seen_at=NOON + timedelta(days=1))
    assert _upsert(ledger, later) == Upserted(0, 0, 1)
    assert version() == before


@pytest.mark.usefixtures("ways")
def test_a_changed_row_says_who_said_it_and_when(ledger: sa.Engine) -> None:
    _upsert(ledger, _address(1))
    _upsert(ledger, _address(1, "Express", source="another pull", seen_at=NOON + timedelta(days=1)))
    with ledger.connect() as connection:
        row = connection.execute(sa.select(bigcommerce_order_address)).one()
    assert (row.source, row.seen_at) == ("another pull", NOON + timedelta(days=1))


@pytest.mark.usefixtures("ways")
def test_of_one_key_twice_in_a_batch_the_last_wins(ledger: sa.Engine) -> None:
    assert _upsert(ledger, _address(1, "first"), _address(2), _address(1, "last")).inserted == 2
    assert _methods(ledger)[1] == "last"


@pytest.mark.usefixtures("ways")
def test_an_older_row_never_overwrites_a_newer(ledger: sa.Engine) -> None:
    old, new = NOON, NOON + timedelta(hours=1)
    _upsert(ledger, _address(1, "new", seen_at=new), _address(1, "old", seen_at=old), unless_older="seen_at")
    assert _methods(ledger) == {1: "new"}
    assert _upsert(ledger, _address(1, "old", seen_at=old), unless_older="seen_at") == Upserted(0, 0, 1)
    assert _methods(ledger) == {1: "new"}
    assert _upsert(ledger, _address(1, "same age", seen_at=new), unless_older="seen_at").changed == 1


@pytest.mark.usefixtures("ways")
def test_columns_left_out_keep_their_value_and_only_a_whole_row_can_be_new(ledger: sa.Engine) -> None:
    _upsert(ledger, _address(1, "Express"))
    part = {"store": "main", "order_address_id": 1, "order_id": 9, "source": "s", "seen_at": NOON}
    with ledger.begin() as connection:
        assert upsert(connection, bigcommerce_order_address, [part]) == Upserted(0, 1, 0)
    assert _methods(ledger) == {1: "Express"}
    with ledger.connect() as connection, pytest.raises(sa.exc.IntegrityError, match="country_iso2"):
        upsert(connection, bigcommerce_order_address, [{**part, "order_address_id": 2}])


@pytest.mark.usefixtures("ways")
def test_rows_of_keys_only_are_inserted_once(ledger: sa.Engine) -> None:
    rows = [("main", 1, "PICK", NOON), ("main", 1, "COMPLETED", NOON)]
    for expected in (Upserted(2, 0, 0), Upserted(0, 0, 2)):
        with ledger.begin() as connection:
            assert upsert(connection, clarus_goods_out_event, rows) == expected


def test_many_rows_survive_a_concurrent_twin(ledger: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and our insert another worker inserts the same key: the guarded way is taken."""
    monkeypatch.setattr(bulk, "MANY", 1)
    with ledger.connect() as other, ledger.connect() as connection:
        upsert(other, bigcommerce_order_address, [_address(1, "theirs")], columns=ADDRESS)

        # Our INSERT waits for theirs as soon as it meets its key; only then do they commit.
        theirs = threading.Thread(target=_commit_when_waited_for, args=(ledger, other))
        theirs.start()
        kept = upsert(connection, bigcommerce_order_address, [_address(1, "ours"), _address(2)], columns=ADDRESS)
        connection.commit()
        theirs.join()
    assert kept == Upserted(1, 1, 0)
    assert _methods(ledger) == {1: "ours", 2: "Standard"}


def _commit_when_waited_for(ledger: sa.Engine, other: sa.Connection) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ledger.connect() as watcher:
        while not watcher.scalar(sa.text(waiting)):
            watcher.rollback()
    other.commit()


def test_rows_vanish_with_the_transaction_and_the_next_batch_starts_clean(ledger: sa.Engine) -> None:
    with ledger.connect() as connection:
        upsert(connection, bigcommerce_order_address, [_address(1)], columns=ADDRESS)
        connection.rollback()
        upsert(connection, bigcommerce_order_address, [_address(2)], columns=ADDRESS)
        upsert(connection, bigcommerce_order_address, [_address(3)], columns=ADDRESS)
        connection.commit()
    assert sorted(_methods(ledger)) == [2, 3]


def test_no_rows_are_no_statement(ledger: sa.Engine) -> None:
    assert _upsert(ledger) == Upserted(0, 0, 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abc"\\\n', max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    method=st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    money=st.decimals("-9999999", "9999999", places=4),
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_every_value_comes_back_as_it_went(
    ledger: sa.Engine, payload: Any, method: str, money: Decimal, moment: datetime
) -> None:
    with ledger.connect() as connection:
        upsert(connection, order_personal, [("main", 1, {"p": payload}, None, method, moment)])
        assert connection.execute(sa.select(order_personal)).one() == (
            "main",
            1,
            {"p": payload},
            None,
            method,
            moment,
        )
        order = dict.fromkeys(bigcommerce_order.columns.keys()) | {
            "store": "main",
            "order_id": 1,
            "status_id": 11,
            "payment_status": method,
            "currency": "GBP",
            "total_inc_tax": money,
            "total_tax": money,
            "items_total": 1,
            "items_shipped": 0,
            "is_deleted": True,
            "created_at": moment,
            "modified_at": moment,
            "release_hash": "",
            "source": "",
            "seen_at": moment,
        }
        upsert(connection, bigcommerce_order, [order])
        back = connection.execute(sa.select(bigcommerce_order)).one()
        assert (back.total_inc_tax, back.payment_status, back.is_deleted) == (money, method, True)
        connection.rollback()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("main", "x", 7, "GB", "S", "s", NOON), r"order_address_id is of type str; give int"),
        (("main", 1, 7, "GB", 5, "s", NOON), r"address_id=1\): shipping_method is of type int; give str"),
        (("main", 1, 7, "GB", "a\0b", "s", NOON), "holds a NUL character"),
        (("main", 1, 7, "GB", "S", "s", NOON.replace(tzinfo=None)), "no time zone; give an aware"),
        (("main", 1, 7, "GB"), "a row has 4 values for 7 columns"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(ledger: sa.Engine, row: tuple[Any, ...], words: str) -> None:
    with pytest.raises(BadRow, match=words):
        _upsert(ledger, _address(9), row)


def test_a_column_that_does_not_exist_or_a_key_that_is_missing_is_named(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        with pytest.raises(BadRow, match="bigcommerce_order_address has no column postcode"):
            upsert(
                connection,
                bigcommerce_order_address,
                [("main", 1, "")],
                columns=("store", "order_address_id", "postcode"),
            )
        key_less = ("store", "order_id")
        with pytest.raises(BadRow, match="lack order_address_id, which is part of its key"):
            upsert(connection, bigcommerce_order_address, [("main", 1)], columns=key_less)
        with pytest.raises(BadRow, match="lacks 'order_id'"):
            upsert(
                connection,
                bigcommerce_order_address,
                [
                    {"store": "main", "order_address_id": 1, "order_id": 2},
                    {"store": "main", "order_address_id": 1},
                ],
            )
