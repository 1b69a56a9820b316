"""What does not agree gets a row by a fixed code, the books tie to 0.00, and what is mended resolves."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline_tests.conftest import _EMPTY
from clarus_bc_pipeline_tests.flows.finance.books import Books, D, settings_of


@pytest.fixture
def books(ledger: sa.Engine) -> Books:
    return Books(ledger)


def test_an_order_that_was_paid_and_left_whole_is_matched(books: Books) -> None:
    books.order(1)
    books.read_payments(1, "20.00")
    books.send(1, 2)
    control = books.prove()
    assert books.breaks() == {}
    assert (control.completeness.read, control.completeness.matched) == (1, 1)
    assert control.difference == 0


def test_paid_units_that_have_not_left_are_listed_line_by_line_with_the_charges(books: Books) -> None:
    books.order(1, (3, "10.00"), (1, "5.00"), total="18.50")
    books.prove()
    assert books.breaks() == {(1, "paid_not_despatched"): D("18.50")}
    assert books.findings() == set()
    books.send(1, 1, 0)
    books.read_payments(1, "18.50")
    books.prove()
    assert books.breaks() == {(1, "paid_not_despatched"): D("11.67")}


def test_paid_and_not_despatched_is_a_finding_once_it_is_late_and_resolves_when_it_left(books: Books) -> None:
    books.order(1)
    books.tick(hours=49)
    books.prove()
    assert books.findings() == {(1, "paid_not_despatched")}
    books.send(1, 2)
    books.read_payments(1, "20.00")
    books.prove()
    assert books.findings() == set()


@pytest.mark.parametrize(
    ("captured", "sent", "code", "amount"),
    [
        (["20.00", "20.00"], 2, "duplicate_capture", "20.00"),
        (["15.00"], 0, "partial_capture", "5.00"),
        (["15.00"], 2, "despatched_not_paid", "5.00"),
        ([], 1, "despatched_not_paid", "10.00"),
    ],
)
def test_a_capture_that_is_not_the_order_has_a_code_and_explains_the_difference(
    books: Books, captured: list[str], sent: int, code: str, amount: str
) -> None:
    books.order(1)
    books.read_payments(1, *captured)
    books.send(1, sent)
    control = books.prove()
    assert books.breaks()[1, code] == D(amount)
    assert (1, code) in books.findings()
    assert [code in each.codes for each in control.differences] == [True]
    assert control.difference == 0


def test_a_surplus_that_was_paid_back_is_no_duplicate_any_more(books: Books) -> None:
    books.order(1)
    books.read_payments(1, "20.00", "20.00")
    books.send(1, 2)
    books.refund(5, 1, "20.00")
    books.read_payments(1, "20.00", event="refund")
    control = books.prove()
    assert (1, "duplicate_capture") not in books.breaks()
    assert control.difference == 0


def test_the_status_refunded_without_money_is_found(books: Books) -> None:
    books.order(1, status_id=4, payment_status="refunded")
    books.read_payments(1, "20.00")
    control = books.prove()
    assert books.breaks()[1, "refunded_without_money"] == D("20.00")
    assert control.difference == 0


def test_money_that_the_gateway_paid_back_and_the_shop_does_not_show_is_found(books: Books) -> None:
    books.order(1)
    books.send(1, 2)
    books.read_payments(1, "20.00")
    books.read_payments(1, "-4.00", event="refund")
    books.prove()
    assert books.breaks() == {(1, "gateway_refund_not_in_shop"): D("4.00")}


def test_a_payment_in_another_currency_is_left_out_of_the_totals_and_listed(books: Books) -> None:
    books.order(1)
    books.read_payments(1, "20.00")
    books.read_payments(1, "7.00", currency="EUR")
    books.send(1, 2)
    control = books.prove()
    assert list(books.breaks()) == [(1, "currency_differs")]
    assert books.balances()["bank"] == D("20.00")
    assert control.difference == 0


@pytest.mark.parametrize(
    ("lines", "total", "currency"),
    [(((1, "10.005"),), "10.005", "GBP"), (((1, "100.50"),), "100.50", "JPY"), (((1, "-3.00"),), "5.00", "GBP")],
)
def test_amounts_that_do_not_add_up_are_listed_and_the_books_still_tie(
    books: Books, lines: tuple[tuple[int, str], ...], total: str, currency: str
) -> None:
    books.order(1, *lines, total=total, currency=currency)
    books.send(1, 1)
    control = books.prove()
    assert (1, "amounts_do_not_add_up") in books.breaks()
    assert control.difference == 0


def test_a_cancelled_order_that_was_short_is_an_oversell_and_what_it_keeps_is_owed(books: Books) -> None:
    from clarus_bc_pipeline.ledger import tables

    books.order(1, status_id=5)
    books.read_payments(1, "20.00")
    said = ("test", books.at)
    with books.engine.begin() as connection:
        head = (1, "BC-1", 1, 1, "CANCELLED", None, None, None)
        connection.execute(sa.insert(tables.clarus_goods_out).values(("main", *head, *said)))
        line = (1, 1, 10, 1, "SKU-0", D(2), D(0), D(0), D(0), "SHORT")
        connection.execute(sa.insert(tables.clarus_goods_out_line).values(("main", *line, *said)))
    control = books.prove()
    assert books.breaks() == {(1, "oversell_cancelled"): D("20.00"), (1, "refund_owed"): D("20.00")}
    assert books.balances() == {"bank": D("20.00"), "refunds_owed": D("-20.00")}
    assert control.difference == 0


def test_payments_that_were_not_read_are_said_and_never_shown_as_checked(books: Books) -> None:
    books.order(1)
    books.send(1, 2)
    control = books.prove()
    assert books.breaks() == {(1, "not_checked"): D("20.00")}
    assert control.by_status == {"GBP": D("20.00")}


def test_orders_outside_the_books_are_counted_by_reason(ledger: sa.Engine) -> None:
    store = settings_of()
    orders = store.orders.model_copy(update={"since": "2026-11-03T00:00:00+00:00"})
    books = Books(ledger, store.model_copy(update={"orders": orders}))
    books.order(1, created_at=books.at.replace(day=1))
    books.order(2, status_id=0, payment_status="")
    books.order(3, payment_status="declined")
    books.order(4)
    books.read_payments(4, "20.00", is_test=True)
    books.order(5)
    completeness = books.prove().completeness
    assert dict(completeness.excluded) == {
        "created before go-live": 1,
        "incomplete: never placed": 1,
        "not paid and nothing sent": 1,
        "test payments only": 1,
    }
    assert (completeness.read, completeness.listed, completeness.difference) == (5, 1, 0)


def test_a_small_difference_is_grouped_and_not_told(books: Books) -> None:
    books.order(1, (1, "500.00"))
    books.read_payments(1, "499.50")
    books.send(1, 1)
    books.prove()
    assert books.breaks() == {(1, "despatched_not_paid"): D("0.50")}
    assert books.findings() == set()


def test_a_fault_in_the_books_is_told_as_one(books: Books) -> None:
    books.order(1)
    books.send(1, 2)
    books.post()
    with books.engine.begin() as connection:  # somebody writes into the journal by hand
        connection.execute(
            sa.text("""INSERT INTO journal_line (store, period, journal, posting_date, account, nominal, debit, credit,
                              currency, event, order_id, narrative, evidence, posted_at)
                       SELECT 'main', '2026-11', 'x', '2026-11-03', a, '0', d, c, 'GBP', 'despatch:x', 9, '', '{}',
                              now() FROM (VALUES ('deferred_income', 5, 0), ('vat', 0, 5)) v (a, d, c)""")
        )
    control = books.prove()
    assert control.difference == D("15.00")
    assert (None, "control_total_differs") in books.findings()


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["send", "void", "pay", "refund", "rma", "gateway", "edit", "cancel", "prove"]),
        st.integers(1, 3),
        st.integers(1, 3),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ACTS)
def test_the_books_tie_or_every_difference_is_named_whatever_happens(
    ledger: sa.Engine, acts: list[tuple[str, int, int]]
) -> None:
    with ledger.begin() as connection:
        connection.execute(sa.text(_EMPTY))
    books = Books(ledger, settings_of(unit_costs={"SKU-0": "1.11"}, cost_share="0.4"))
    total = dict.fromkeys((1, 2, 3), "30.01")
    for n in total:
        books.order(n, (3, "20.00"), (1, "7.01"), total=total[n])
    for step, (act, n, k) in enumerate(acts, 1):
        books.tick(hours=1)
        match act:
            case "send":
                books.send(n, k, k % 2, sequence=step)
            case "void":
                books.void(n, sequence=k)
            case "pay":
                books.read_payments(n, "10.00" if k == 1 else total[n])
            case "refund":
                books.refund(step, n, str(k * 3), units=k if k < 3 else 0)
            case "rma":
                books.come_back(f"RMA-{step}", n, sellable=k, damaged=1)
                books.refund(step, n, "6.66", units=1, rma=f"RMA-{step}")
            case "gateway":
                books.read_payments(n, "3.00", event="refund")
            case "edit":
                total[n] = str(Decimal(total[n]) + k)
                books.order(n, (3, str(20 + k)), (1, "7.01"), total=total[n])
            case "cancel":
                books.order(n, (3, "20.00"), (1, "7.01"), total=total[n], status_id=5)
            case _:
                books.prove()
    control = books.prove()
    assert control.difference == 0, [p for p in control.proofs if p.difference]
    assert control.completeness.difference == 0
    assert all(each.codes for each in control.differences)
    with ledger.connect() as connection:
        lines = connection.scalar(sa.text("SELECT count(*) FROM journal_line"))
    assert books.prove().difference == 0
    with ledger.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM journal_line")) == lines


def test_what_turns_late_without_a_change_is_told_by_the_next_tick(books: Books) -> None:
    from clarus_bc_pipeline.flows.finance.matching import match

    books.order(1)
    books.order(2)
    books.prove()
    books.tick(hours=49)
    match(books.engine, books.settings, now=books.at, order_ids=[2])
    assert books.findings() == {(1, "paid_not_despatched"), (2, "paid_not_despatched")}
    match(books.engine, books.settings, now=books.at, order_ids=[])
    assert books.findings() == {(1, "paid_not_despatched"), (2, "paid_not_despatched")}
