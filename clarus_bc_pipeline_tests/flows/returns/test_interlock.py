"""The database itself refuses an early, a second or too large a refund, whatever the code does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.decisions import Push
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.outbox import enqueue

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STORES = itertools.count(1)
LINE = 101


class Books:
    """One order of one line and an RMA of two units of it, as rows."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.store = engine, f"b{next(STORES)}"
        self.refused = ""

    def keep_rma(self, rma: str = "RMA-1", *, passed: int = 2, state: str = "inspected") -> None:
        is_back = NOW if state == "inspected" else None
        said = {"store": self.store, "rma": rma, "source": "test", "seen_at": NOW}
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(tables.rma).values(
                    **said, order_id=7, state=state, opened_at=NOW, received_at=is_back, inspected_at=is_back
                )
            )
            connection.execute(
                sa.insert(tables.rma_line).values(
                    **said, order_product_id=LINE, sku="A", product_code="A", reason="unwanted", units=2,
                    received=passed, sellable=passed, passed=passed,
                )
            )  # fmt: skip

    def approve(
        self, rma: str = "RMA-1", *, units: int = 2, amount: str = "10", captured: str = "10", **more: Any
    ) -> bool:
        """An approval, its line and the push in one transaction, as the flow does it; whether the database took it."""
        row = {
            "store": self.store, "rma": rma, "order_id": 7, "currency": "GBP", "amount": Decimal(amount),
            "shipping": Decimal(0), "restocking_fee": Decimal(0), "captured": Decimal(captured),
            "refunded_before": Decimal(0), "approved_at": NOW,
        }  # fmt: skip
        line = {"store": self.store, "rma": rma, "order_product_id": LINE, "units": units, "amount": Decimal(amount)}
        with self.tried() as connection:
            connection.execute(sa.insert(tables.refund_approval).values(row | more))
            connection.execute(sa.insert(tables.refund_approval_line).values(line))
            self._push(connection, rma)
        return not self.refused

    def push(self, rma: str = "RMA-1") -> bool:
        """A push alone, without an approval of its own."""
        with self.tried() as connection:
            self._push(connection, rma)
        return not self.refused

    def _push(self, connection: sa.Connection, rma: str) -> None:
        push = Push(kind="refund", business_key=rma, lane="order:7", payload={})
        enqueue(connection, store=self.store, pushes=[push], now=NOW)

    def deliver(self, rma: str = "RMA-1") -> None:
        push, approval = tables.push, tables.refund_approval
        with self.engine.begin() as connection:
            here = (push.c.store == self.store) & (push.c.business_key == rma)
            connection.execute(sa.update(push).where(here).values(state="delivered"))
            mine = (approval.c.store == self.store) & (approval.c.rma == rma)
            connection.execute(sa.update(approval).where(mine).values(refund_id=77))

    def again(self, rma: str = "RMA-1", state: str = "pending") -> bool:
        """Somebody sets the push back to where it would be sent."""
        push = tables.push
        with self.tried() as connection:
            here = (push.c.store == self.store) & (push.c.business_key == rma)
            connection.execute(sa.update(push).where(here).values(state=state))
        return not self.refused

    @contextmanager
    def tried(self) -> Iterator[sa.Connection]:
        """A transaction that may be refused; `refused` then holds the database's words."""
        self.refused = ""
        try:
            with self.engine.begin() as connection:
                yield connection
        except sa.exc.IntegrityError as error:
            self.refused = str(error.orig)


@pytest.fixture
def books(ledger: sa.Engine) -> Books:
    return Books(ledger)


def test_what_came_back_and_passed_may_be_refunded(books: Books) -> None:
    books.keep_rma()
    assert books.approve()


@pytest.mark.parametrize("state", ["authorised", "announced", "received"])
def test_nothing_is_refunded_before_the_inspection(books: Books, state: str) -> None:
    books.keep_rma(state=state)
    assert not books.approve()
    assert "not received and passed" in books.refused


def test_no_more_units_are_refunded_than_passed(books: Books) -> None:
    books.keep_rma(passed=1)
    assert not books.approve(units=2)
    assert books.approve(units=1)


def test_no_more_money_is_refunded_than_is_left(books: Books) -> None:
    books.keep_rma()
    assert not books.approve(amount="10.01", captured="10")
    assert not books.approve(amount="6", captured="10", refunded_before=Decimal(5))
    assert books.approve(amount="5", captured="10", refunded_before=Decimal(5))


def test_a_push_without_an_approval_is_refused(books: Books) -> None:
    books.keep_rma()
    assert not books.push()
    assert "not approved" in books.refused


def test_an_rma_is_approved_once(books: Books) -> None:
    books.keep_rma()
    assert books.approve(units=1, amount="5")
    assert not books.approve(units=1, amount="5")
    books.deliver()
    assert not books.approve(units=1, amount="5")


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_delivered_refund_is_never_sent_again(books: Books, state: str) -> None:
    books.keep_rma()
    books.approve()
    books.deliver()
    assert not books.again(state=state)
    assert "refunded already" in books.refused


def test_an_order_has_one_refund_in_flight(books: Books) -> None:
    for rma in ("RMA-1", "RMA-2"):
        books.keep_rma(rma)
    assert books.approve("RMA-1", units=1, amount="5")
    assert not books.approve("RMA-2", units=1, amount="5")
    books.deliver("RMA-1")
    assert books.approve("RMA-2", units=1, amount="5")


def test_no_more_units_pass_than_are_there_or_were_authorised(books: Books) -> None:
    line = tables.rma_line
    books.keep_rma(passed=1)
    for passed in (2, 3):
        with books.tried() as connection:
            connection.execute(sa.update(line).where(line.c.store == books.store).values(passed=passed))
        assert "passed" in books.refused


def test_a_quote_above_the_approval_cannot_be_kept(books: Books) -> None:
    approval = tables.refund_approval
    books.keep_rma()
    books.approve()
    with books.tried() as connection:
        connection.execute(sa.update(approval).where(approval.c.store == books.store).values(quoted=Decimal("10.01")))
    assert "quoted" in books.refused


step = st.one_of(
    st.tuples(st.just("pass"), st.integers(0, 2)),
    st.tuples(st.just("approve"), st.integers(1, 3), st.sampled_from(["5", "10", "15"])),
    st.tuples(st.just("push")),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("again")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, max_size=10))
def test_in_any_order_of_writes_one_refund_of_passed_units_and_of_money_that_is_left(
    ledger: sa.Engine, steps: list[tuple[Any, ...]]
) -> None:
    books = Books(ledger)
    books.keep_rma(passed=0, state="received")
    passed, approvals, deliveries = 0, 0, 0
    for what, *given_ in steps:
        if what == "pass" and not approvals:
            passed = int(given_[0])
            inspect(books, passed)
        elif what == "approve":
            units, amount = given_
            taken = books.approve(units=units, amount=amount, captured="10")
            assert taken == (not approvals and 0 < units <= passed and Decimal(amount) <= 10)
            approvals += taken
        elif what == "push":
            assert books.push() == (approvals > deliveries)  # where it is queued already it stays one
        elif what == "deliver" and approvals > deliveries:
            books.deliver()
            deliveries += 1
        elif what == "again" and approvals:
            assert books.again() == (approvals > deliveries)
    assert approvals <= 1
    with ledger.connect() as connection:
        pushes = connection.execute(sa.select(tables.push.c.push_id).where(tables.push.c.store == books.store)).all()
    assert len(pushes) == approvals


def inspect(books: Books, passed: int) -> None:
    with books.engine.begin() as connection:
        rma, line = tables.rma, tables.rma_line
        connection.execute(
            sa.update(rma)
            .where(rma.c.store == books.store)
            .values(state="inspected", inspected_at=NOW, received_at=NOW)
        )
        connection.execute(
            sa.update(line)
            .where(line.c.store == books.store)
            .values(received=passed, sellable=passed, damaged=0, passed=passed)
        )
