"""The flow on a shop over HTTP: only payments that are needed are read, a few at a time, and the rest is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from clarus_bc_pipeline.flows.finance import sync
from clarus_bc_pipeline.flows.finance.assets import breaks_metadata, control_metadata, control_page
from clarus_bc_pipeline.flows.orders import sync as orders
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline_tests.flows.finance.books import D
from clarus_bc_pipeline_tests.flows.orders.orders_world import OrdersWorld, orders_world


@pytest.fixture
def world(ledger: sa.Engine) -> Iterator[OrdersWorld]:
    with orders_world(ledger) as made:
        yield made


def sent(world: OrdersWorld, order_id: int) -> None:
    """Every unit of the order left."""
    with world.store.engine.begin() as connection:
        line = tables.bigcommerce_order_line
        query = sa.select(line.c.order_product_id, line.c.quantity).where(line.c.order_id == order_id)
        units = connection.execute(query).all()
        now = world.clock.at
        upsert(connection, tables.despatch, [("main", order_id, 1, order_id, 1, now, now, None)])
        upsert(connection, tables.despatch_line, [("main", order_id, 1, i, i, quantity) for i, quantity in units])


def limited(store: Store, most: int) -> Store:
    finance = store.settings.finance.model_copy(update={"transactions_at_once": most})
    return replace(store, settings=store.settings.model_copy(update={"finance": finance}))


def test_payments_are_read_once_something_left_and_again_only_when_the_order_changed(world: OrdersWorld) -> None:
    order, other = world.order(), world.order()
    orders.pull(world.store)
    assert sync.pull(world.store) == sync.Pulled()
    sent(world, order)
    assert sync.pull(world.store) == sync.Pulled(orders=1, transactions=1)
    assert sync.pull(world.store) == sync.Pulled()
    proven = sync.prove(world.store)
    assert (proven.matched.matched, proven.matched.listed) == (1, 1)
    assert proven.control is not None
    assert proven.control.difference == 0
    assert proven.control.by_status == {"GBP": D("20.00")}
    assert other > order


def test_a_pull_reads_so_many_orders_as_the_settings_allow_and_says_how_many_wait(world: OrdersWorld) -> None:
    for _ in range(3):
        world.order()
    orders.pull(world.store)
    for order in list(world.shop.orders):
        sent(world, order)
    store = limited(world.store, 2)
    assert sync.pull(store) == sync.Pulled(orders=2, transactions=2, waiting=1)
    assert sync.pull(store) == sync.Pulled(orders=1, transactions=1)


def test_an_order_that_is_gone_from_the_shop_is_marked_and_keeps_its_books(world: OrdersWorld) -> None:
    order = world.order()
    orders.pull(world.store)
    sent(world, order)
    sync.decide(world.store)
    del world.shop.orders[order]
    assert sync.pull(world.store) == sync.Pulled()
    control = sync.prove(world.store).control
    assert control is not None
    assert control.difference == 0
    assert control.completeness.matched == 1


def test_a_reply_that_cannot_be_read_is_a_finding_and_the_next_order_is_read(world: OrdersWorld) -> None:
    first, second = world.order(), world.order()
    orders.pull(world.store)
    sent(world, first)
    sent(world, second)
    world.shop.payments.transactions[first][0]["amount"] = "lots"
    pulled = sync.pull(world.store)
    assert (pulled.orders, pulled.unreadable) == (1, 1)
    assert [f.subject for f in world.findings() if f.code == "unreadable_record"] == [f"payments of order {first}"]
    world.shop.payments.transactions[first][0]["amount"] = 20.0
    assert sync.pull(world.store).orders == 1
    assert [f for f in world.findings() if f.code == "unreadable_record"] == []


def test_there_is_news_until_the_books_are_kept(world: OrdersWorld) -> None:
    order = world.order()
    assert sync.news(world.store) == "nothing was posted yet"
    sync.decide(world.store)
    assert sync.news(world.store) is None
    world.clock.move(minutes=5)
    orders.pull(world.store)
    assert sync.news(world.store) is not None
    sync.decide(world.store)
    assert sync.news(world.store) is None
    world.clock.move(minutes=5)
    sent(world, order)
    assert str(sync.news(world.store)).startswith("payments are to be read")
    sync.pull(world.store)
    sync.decide(world.store)
    assert sync.news(world.store) is None


def test_the_books_read_as_a_page(world: OrdersWorld) -> None:
    order = world.order()
    orders.pull(world.store)
    sent(world, order)
    world.shop.payments.add_transaction(order, "capture", "5.00")
    orders.pull(world.store)
    sync.pull(world.store)
    control = sync.prove(world.store).control
    assert control is not None
    page = control_page(control)
    assert "**Everything ties to 0.00.**" in page
    assert "| money in | 25.00 GBP | 25.00 GBP | 0.00 GBP | 0.00 GBP |" in page
    assert "| deferred income | 0.00 GBP | 5.00 GBP | -5.00 GBP | 0.00 GBP |" in page
    named = control_metadata(control)["differences"].records
    assert [record.data for record in named] == [
        {"order": str(order), "amount": "-5.00 GBP", "because": "duplicate_capture"}
    ]
    listed = breaks_metadata(world.store)["breaks"].records
    assert [record.data["what"] for record in listed] == ["duplicate capture"]


def test_where_finance_is_off_nothing_is_read_or_posted(world: OrdersWorld) -> None:
    finance = world.store.settings.finance.model_copy(update={"enabled": False})
    store = replace(world.store, settings=world.store.settings.model_copy(update={"finance": finance}))
    world.order()
    orders.pull(store)
    assert sync.pull(store) == sync.Pulled()
    assert sync.decide(store) == sync.Decided()
    assert sync.prove(store).control is None
    assert sync.news(store) is None
