"""How far each feed has been read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.tables import bigcommerce_order_address

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _write(ledger: sa.Engine, position: dict[str, Any], **options: Any) -> bool:
    with ledger.begin() as connection:
        return write_cursor(connection, store="main", feed="orders", position=position, now=NOON, **options)


def _read(ledger: sa.Engine, store: str = "main") -> dict[str, Any] | None:
    with ledger.connect() as connection:
        return read_cursor(connection, store=store, feed="orders")


def test_a_feed_that_was_never_read_has_no_position(ledger: sa.Engine) -> None:
    assert _read(ledger) is None


def test_a_cursor_is_kept_by_store(ledger: sa.Engine) -> None:
    assert _write(ledger, {"since": "2026-11-24T09:00:00+00:00", "seen": [1, 2]})
    assert _read(ledger) == {"since": "2026-11-24T09:00:00+00:00", "seen": [1, 2]}
    assert _read(ledger, "other") is None


@pytest.mark.parametrize(
    ("held", "new", "moves"),
    [
        ({"since": "2026-11-24T09:00:00Z"}, {"since": "2026-11-24T09:00:00.5Z"}, True),
        ({"since": "2026-11-24T09:00:00.5Z"}, {"since": "2026-11-24T09:00:00Z"}, False),
        ({"since": "2026-11-24T09:00:00Z"}, {"since": "2026-11-24T10:00:00+02:00"}, False),  # that is 08:00
        ({"since": "2026-11-24T09:00:00Z"}, {"since": "2026-11-24T09:00:00+00:00"}, True),  # the same moment
        ({"last_id": 9}, {"last_id": 10}, True),
        ({"last_id": 10}, {"last_id": 9}, False),
        ({"since": "2026-11-24T09:00:00Z", "open": 12}, {"since": "2026-11-24T09:00:00Z", "open": 3}, True),
        ({"page": "b2Zmc2V0"}, {"page": "YWJj"}, True),  # a token has no order
        ({"since": "2026-11-24T09:00:00Z"}, {}, True),
    ],
)
def test_a_cursor_never_moves_back(ledger: sa.Engine, held: dict[str, Any], new: dict[str, Any], moves: bool) -> None:
    _write(ledger, held)
    assert _write(ledger, new) is moves
    assert _read(ledger) == (new if moves else held)


def test_a_cursor_moves_back_when_told(ledger: sa.Engine) -> None:
    _write(ledger, {"last_id": 10})
    assert _write(ledger, {"last_id": 1}, rewind=True)
    assert _read(ledger) == {"last_id": 1}


def test_rows_and_the_cursor_that_covers_them_come_and_go_together(ledger: sa.Engine) -> None:
    row = ("main", 1, 7, "GB", "Standard", "pull", NOON)
    count = sa.select(sa.func.count()).select_from(bigcommerce_order_address)
    with ledger.connect() as connection:
        upsert(connection, bigcommerce_order_address, [row])
        write_cursor(connection, store="main", feed="orders", position={"last_id": 1}, now=NOON)
        connection.rollback()
        assert (connection.scalar(count), _read(ledger)) == (0, None)
        upsert(connection, bigcommerce_order_address, [row])
        write_cursor(connection, store="main", feed="orders", position={"last_id": 1}, now=NOON)
        connection.commit()
        assert (connection.scalar(count), _read(ledger)) == (1, {"last_id": 1})
