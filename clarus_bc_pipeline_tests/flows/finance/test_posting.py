"""What is posted stands: the difference follows, in the first open period, and a closed one never changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarus_bc_pipeline.flows.finance import periods, posting
from clarus_bc_pipeline.flows.finance.accounts import UnknownAccount, nominals
from clarus_bc_pipeline.flows.finance.periods import NotClosable, Place, place_of
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline_tests.conftest import _EMPTY
from clarus_bc_pipeline_tests.flows.finance.books import KEY, NOON, Books, D, settings_of

LONDON = ZoneInfo("Europe/London")
DECEMBER = datetime(2026, 12, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def books(ledger: sa.Engine) -> Books:
    return Books(ledger)


def close(books: Books, period: str, *, by: str = "A. Penny") -> periods.Closed:
    with books.engine.begin() as connection:
        return periods.close_period(connection, store=KEY, period=period, by=by, now=books.at, zone=LONDON)


def lines(books: Books) -> list[sa.Row[tuple[object, ...]]]:
    line = tables.journal_line
    with books.engine.connect() as connection:
        return list(connection.execute(sa.select(line).order_by(line.c.journal_line_id)))


def test_only_orders_that_were_touched_are_posted_and_the_second_time_nothing(books: Books) -> None:
    books.order(1)
    assert books.post().lines == 2
    assert books.post() == posting.Booked(1, 0, 0, 0, (1,))
    books.tick(minutes=10)
    books.post()
    assert books.post() == posting.Booked()
    books.send(1, 2)
    assert books.post().journals == 1


def test_every_line_says_its_event_its_order_and_what_it_rests_on(books: Books) -> None:
    books.order(1)
    books.send(1, 2)
    books.post()
    first, last = lines(books)[0], lines(books)[-1]
    assert (first.event, first.account, first.nominal, first.debit) == ("payment:1/1", "bank", "1250", D("20.00"))
    assert (last.event, last.order_id, last.evidence["goods_out"]) == ("despatch:1/1", 1, "1/1")
    assert last.evidence["units"] == {"10": 2}


def test_a_return_brings_stock_back_at_cost_and_writes_off_what_is_damaged(ledger: sa.Engine) -> None:
    books = Books(ledger, settings_of(unit_costs={"SKU-0": "3.00"}))
    books.order(1, (3, "30.00"))
    books.read_payments(1, "30.00")
    books.send(1, 3)
    books.come_back("RMA-1", 1, sellable=1, damaged=1)
    books.refund(5, 1, "20.00", units=2, rma="RMA-1")
    books.post()
    assert books.balances() == {
        "bank": D("10.00"),
        "revenue": D("-25.00"),
        "refunds": D("16.67"),
        "vat": D("-1.67"),
        "cost_of_sales": D("3.00"),
        "stock": D("-6.00"),
        "stock_written_off": D("3.00"),
    }


def test_what_the_gateway_declined_has_not_gone(books: Books) -> None:
    books.order(1)
    books.refund(5, 1, "20.00", declined="15.00")
    books.post()
    assert books.balances() == {"bank": D("15.00"), "deferred_income": D("-15.00")}


def test_income_waits_for_delivery_where_that_is_the_cut_off(ledger: sa.Engine) -> None:
    books = Books(ledger, settings_of(cut_off="delivery", delivery_days=2))
    books.order(1)
    books.read_payments(1, "20.00")
    books.send(1, 2)
    books.prove()
    assert books.balances() == {"bank": D("20.00"), "deferred_income": D("-20.00")}
    books.tick(days=2)
    assert books.post().journals == 1
    assert lines(books)[-1].posting_date == date(2026, 11, 5)
    assert books.prove().difference == 0


def test_a_despatch_before_midnight_in_london_is_of_that_day(books: Books) -> None:
    books.order(1)
    books.send(1, 2, at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC))
    books.post()
    assert {line.period for line in lines(books) if line.event == "despatch:1/1"} == {"2026-10"}


def test_another_cut_off_posts_the_books_of_all_orders_again(books: Books) -> None:
    books.order(1)
    books.send(1, 2)
    books.post()
    books.tick(minutes=10)
    books.settings = settings_of(cost_share="0.5")
    assert books.post().journals == 1
    assert books.balances()["stock"] == D("-8.34")


def test_a_late_fact_goes_to_the_next_open_period_and_says_of_which_it_is(books: Books) -> None:
    books.order(1)
    books.post()
    books.at = DECEMBER
    closed = close(books, "2026-11")
    books.send(1, 2, at=NOON)
    assert books.post().late == 1
    late = [line for line in lines(books) if line.event == "despatch:1/1"]
    assert {(line.period, line.posting_date, line.belongs_to) for line in late} == {
        ("2026-12", date(2026, 12, 1), "2026-11")
    }
    with books.engine.connect() as connection:
        assert periods.hash_of_period(connection, store=KEY, period="2026-11") == (2, closed.sha256)
        assert periods.changed_since_closing(connection, store=KEY) == []


def test_a_price_edited_after_despatch_is_found_until_its_period_is_closed(books: Books) -> None:
    books.order(1)
    books.read_payments(1, "20.00")
    books.send(1, 2)
    books.prove()
    books.tick(hours=1)
    books.order(1, (2, "18.00"))
    books.read_payments(1)
    books.prove()
    assert books.breaks()[1, "price_changed_after_despatch"] == D("2.00")
    books.at = DECEMBER
    close(books, "2026-11")
    books.prove()
    assert (1, "price_changed_after_despatch") not in books.breaks()


@pytest.mark.parametrize(
    ("period", "by", "why"),
    [
        ("2026-12", "A", "is not over"),
        ("2026-13", "A", "write it as 2026-11"),
        ("2026-11", "  ", "say who closes it"),
        ("2026-11", "A", "period 2026-10 is open"),
    ],
)
def test_a_period_that_cannot_be_closed_says_why(books: Books, period: str, by: str, why: str) -> None:
    books.order(1, created_at=NOON - timedelta(days=30))
    books.post()
    books.at = DECEMBER
    with pytest.raises(NotClosable, match=why):
        close(books, period, by=by)


def test_a_period_is_closed_once(books: Books) -> None:
    books.at = DECEMBER
    close(books, "2026-11")
    with pytest.raises(NotClosable, match=r"closed by A\. Penny on 05 Dec 2026"):
        close(books, "2026-11")


def test_the_database_itself_holds_a_closed_period(books: Books) -> None:
    books.order(1)
    books.post()
    books.at = DECEMBER
    close(books, "2026-11")
    with pytest.raises(sa.exc.IntegrityError, match="is closed"), books.engine.begin() as connection:
        connection.execute(
            sa.text("""INSERT INTO journal_line (store, period, journal, posting_date, account, nominal, debit, credit,
                              currency, event, order_id, narrative, evidence, posted_at)
                       SELECT store, period, 'x', posting_date, account, nominal, debit, credit, currency, event,
                              order_id, narrative, evidence, posted_at FROM journal_line""")
        )


def test_an_account_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownAccount, match=r"no account sales; there are bank, deferred_income"):
        nominals(settings_of(nominals={"sales": "4000"}).finance)
    assert nominals(settings_of(nominals={"bank": "090"}).finance)["bank"] == "090"


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sets(st.sampled_from(["2026-11", "2026-12", "2027-01"])))
def test_a_fact_is_posted_in_its_own_period_or_the_first_open_one_after_it(day: date, closed: set[str]) -> None:
    place = place_of(day, closed)
    own = f"{day:%Y-%m}"
    assert place.period not in closed
    assert place.period >= own
    assert place.period == f"{place.on:%Y-%m}"
    assert (place == Place(own, day, None)) == (own not in closed)
    assert place.belongs_to == (own if own in closed else None)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["send", "void", "pay", "refund", "edit"]), st.integers(1, 2)), max_size=8))
def test_the_hash_of_a_closed_period_never_changes_whatever_comes_late(
    ledger: sa.Engine, acts: list[tuple[str, int]]
) -> None:
    with ledger.begin() as connection:
        connection.execute(sa.text(_EMPTY))
    books = Books(ledger)
    books.order(1)
    books.order(2)
    books.send(2, 2)
    books.post()
    books.at = DECEMBER
    closed = close(books, "2026-11")
    for n, (act, order) in enumerate(acts, 2):
        match act:
            case "send":
                books.send(order, 1, sequence=n, at=NOON)
            case "void":
                books.void(order)
            case "pay":
                books.read_payments(order, "7.00")
            case "refund":
                books.refund(n, order, "5.00", units=1)
            case _:
                books.order(order, (2, f"{20 + n}.00"))
        books.post()
    with ledger.connect() as connection:
        held = periods.hash_of_period(connection, store=KEY, period="2026-11")
    assert held == (closed.journal_lines, closed.sha256)
    assert books.prove().difference == 0
