"""Pages are read while others are stored: none lost, none out of turn, and a failure comes after what was read."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.orders.read_ahead import read_ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_every_page_comes_once_and_in_order_in_batches_of_at_most_so_many(pages: list[int], most: int) -> None:
    batches = list(read_ahead(pages, most=most))
    assert [page for batch in batches for page in batch] == pages
    assert all(1 <= len(batch) <= most for batch in batches)


def test_the_next_page_is_read_before_the_last_is_stored() -> None:
    second_read = threading.Event()

    def pages() -> Iterator[int]:
        yield 1
        second_read.set()
        yield 2

    batches = read_ahead(pages(), most=1)
    assert next(batches) == [1]
    assert second_read.wait(10)
    batches.close()


def test_what_was_read_before_a_failure_is_given_out_first() -> None:
    def pages() -> Iterator[int]:
        yield 1
        yield 2
        raise ConnectionError

    got: list[int] = []
    with pytest.raises(ConnectionError):
        got.extend(page for batch in read_ahead(pages(), most=9) for page in batch)
    assert got == [1, 2]


def test_a_caller_that_stops_ends_the_reading() -> None:
    read: list[int] = []

    def pages() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    batches = read_ahead(pages(), most=2)
    next(batches)
    batches.close()
    assert len(read) < 10
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]
