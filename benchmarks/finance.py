"""Finance over a large history: all orders matched with payments, despatches and refunds, and a tick of the books.

The history is made by SQL: orders paid, sent and some refunded, but for three planted kinds of break, which must be
listed exactly. Books are kept of a part of the history, and what a tick adds is measured.
"""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import Figure
from clarus_bc_pipeline.flows.finance.control import prove_books
from clarus_bc_pipeline.flows.finance.matching import match
from clarus_bc_pipeline.flows.finance.posting import post
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.engine import open_ledger
from clarus_bc_pipeline.settings import StoreSettings

STORE = "bench"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 100_000  # orders a statement: the database checks that every journal balances
NOT_SENT, HALF_PAID, PAID_TWICE, REFUNDED = 101, 211, 307, 13  # one order in so many

# 4,000 orders a day, so that the matching and the books see days and periods as they are in life.
AT = "CAST(:at AS timestamptz) + (o / 1000) * interval '1 day' / CAST(:days_in AS integer)"
HISTORY = f"""
INSERT INTO bigcommerce_order (store, order_id, status_id, payment_status, currency, total_inc_tax, total_tax,
       items_total, items_shipped, is_deleted, created_at, modified_at, release_hash, source, seen_at)
SELECT :store, o, 2, 'captured', 'GBP', 29.99, 5.00, 6, 6, false, {AT}, {AT}, 'h', 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o;
INSERT INTO bigcommerce_order_line (store, order_product_id, order_id, order_address_id, product_id, sku, name, type,
       quantity, quantity_shipped, quantity_refunded, price_inc_tax, total_inc_tax, total_tax, source, seen_at)
SELECT :store, o * 2 + n, o, o, 1, 'SKU-' || (o * 2 + n) % 5000, 'thing', 'physical', 3,
       CASE WHEN o % :not_sent = 0 THEN 0 ELSE 3 END, 0, 4, 12, 2, 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n;
INSERT INTO despatch (store, goods_out_id, sequence, order_id, order_address_id, despatched_at, decided_at)
SELECT :store, o, 1, o, o, {AT} + interval '1 hour', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o WHERE o % :not_sent <> 0;
INSERT INTO despatch_line (store, goods_out_id, sequence, goods_out_line_id, order_product_id, quantity)
SELECT :store, o, 1, o * 2 + n, o * 2 + n, 3
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n
 WHERE o % :not_sent <> 0;
INSERT INTO bigcommerce_transaction (store, transaction_id, order_id, event, method, gateway, gateway_transaction_id,
       amount, currency, status, is_test, created_at, source, seen_at)
SELECT :store, o * 2 + n, o, 'purchase', 'credit_card', 'stripe', 'ch_' || o || '_' || n,
       CASE WHEN o % :half_paid = 0 THEN 14.99 ELSE 29.99 END, 'GBP', 'ok', false, {AT}, 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n
 WHERE n = 0 OR o % :paid_twice = 0;
INSERT INTO payment_reading (store, order_id, read_at, order_modified_at)
SELECT :store, o, :at, {AT} FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o;
INSERT INTO bigcommerce_refund (store, refund_id, order_id, rma, amount, tax, currency, declined, created_at, source,
       seen_at)
SELECT :store, o, o, 'RMA-' || o, 4, 0.67, 'GBP', 0, {AT} + interval '9 days', 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o WHERE o % :refunded = 0;
INSERT INTO bigcommerce_refund_item (store, refund_id, position, item_type, item_id, units, amount)
SELECT :store, o, 1, 'PRODUCT', o * 2, 1, 4
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o WHERE o % :refunded = 0
"""

# The books of that history, as posting makes them: what is measured is proving them, not 6 M lines one by one.
BOOKS = f"""
INSERT INTO journal_line (store, period, journal, posting_date, account, nominal, debit, credit, currency, event,
       order_id, narrative, evidence, posted_at)
SELECT :store, to_char(at, 'YYYY-MM'), event, at::date, account, '1', greatest(amount, 0), greatest(-amount, 0), 'GBP',
       event, o, 'bench', '{{}}', :at
  FROM (
      SELECT o, {AT} AS at, 'payment:' || o || '/' || n + 1 AS event, account,
             side * CASE WHEN o % :half_paid = 0 THEN 14.99 ELSE 29.99 END AS amount
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n,
             (VALUES ('bank', 1), ('deferred_income', -1)) v (account, side)
       WHERE n = 0 OR o % :paid_twice = 0
      UNION ALL
      SELECT o, {AT} + interval '1 hour', 'despatch:' || o || '/1', account, amount
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o,
             (VALUES ('deferred_income', 29.99), ('revenue', -20), ('charges', -4.99), ('vat', -5)) v (account, amount)
       WHERE o % :not_sent <> 0
      UNION ALL
      SELECT o, {AT} + interval '9 days', 'refund:' || o, account, amount
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o,
             (VALUES ('refunds', 3.33), ('vat', 0.67), ('bank', -4)) v (account, amount)
       WHERE o % :refunded = 0
  ) x
"""


def run(orders: int = 1_000_000, booked: int = 20_000, tick: int = 1_000) -> dict[str, Any]:
    """Seconds and client memory of matching all orders and proving their books; how fast `booked` of them are made."""
    engine = open_ledger()
    _clear(engine)
    settings = StoreSettings.model_validate(
        {
            "key": STORE,
            "bigcommerce": {"store_hash": "bench"},
            "clarus": {"subdomain": "bench", "account": "BENCH", "warehouse": "WHS01"},
        }
    )
    now = LONG_AGO + timedelta(days=400)
    _make(engine, 1, booked)
    started = time.perf_counter()
    made = post(engine, settings, now=now)
    posting = time.perf_counter() - started
    started = time.perf_counter()
    again = post(engine, settings, now=now, whole=True)
    reposting = time.perf_counter() - started
    assert again.lines == 0, f"the second posting of the same facts made {again.lines} lines"
    _, control = prove_books(engine, settings, now=now)
    assert control.difference == 0, f"control totals of the posted books differ by {control.difference}"
    ticked = _tick(engine, settings, now, booked, tick)
    _make(engine, booked + 1, orders, is_booked=True)
    started = time.perf_counter()
    _, control = prove_books(engine, settings, now=now)
    matching = time.perf_counter() - started
    assert control.difference == 0, f"control totals differ by {control.difference}"
    with engine.connect() as connection:
        listed = connection.scalar(
            sa.text("SELECT count(DISTINCT order_id) FROM finance_break WHERE store = :store"), {"store": STORE}
        )
    planted = sum(1 for order in range(1, orders + 1) if _is_planted(order))
    assert listed == planted, f"{listed} orders are listed, {planted} were planted"
    client = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    _clear(engine)
    return {
        "orders": orders,
        "lines": orders * 2,
        "matching_seconds": round(matching, 2),
        "listed": listed,
        "planted": planted,
        "client_mb": client,
        "booked_orders": booked,
        "journal_lines": made.lines,
        "posting_orders_a_second": round(booked / posting),
        "reposting_orders_a_second": round(booked / reposting),
        "tick_orders": tick,
        "tick_seconds": round(ticked, 2),
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets, which are for 1 M orders."""
    return [
        Figure(
            f"finance, {result['orders']:,} orders, {result['lines']:,} lines matched",
            result["matching_seconds"],
            "s",
            at_most=30,
        ),
        Figure("finance, memory of the client", result["client_mb"], "MB", at_most=500),
        Figure("finance, orders booked for the first time", result["posting_orders_a_second"], "orders/s"),
        Figure(
            f"finance, books and matching after {result['tick_orders']:,} orders changed", result["tick_seconds"], "s"
        ),
    ]


def _is_planted(order: int) -> bool:
    return not (order % NOT_SENT and order % HALF_PAID and order % PAID_TWICE)


def _tick(engine: sa.Engine, settings: StoreSettings, now: datetime, booked: int, changed: int) -> float:
    """Some orders are refunded in part; how long until books and matching say so?"""
    now += timedelta(hours=1)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE bigcommerce_order SET seen_at = :now WHERE store = :store AND order_id > :after AND "
                "order_id <= :until"
            ),
            {"now": now, "store": STORE, "after": booked // 2, "until": booked // 2 + changed},
        )
    started = time.perf_counter()
    posted = post(engine, settings, now=now + timedelta(minutes=5))
    match(engine, settings, now=now + timedelta(minutes=5), order_ids=posted.order_ids)
    return time.perf_counter() - started


def _make(engine: sa.Engine, first: int, last: int, *, is_booked: bool = False) -> None:
    given = {
        "store": STORE,
        "first": first,
        "last": last,
        "at": LONG_AGO,
        "days_in": 4,
        "not_sent": NOT_SENT,
        "half_paid": HALF_PAID,
        "paid_twice": PAID_TWICE,
        "refunded": REFUNDED,
    }
    with engine.begin() as connection:
        for statement in HISTORY.split(";\n"):
            connection.execute(sa.text(statement), given)
        if is_booked:
            for at in range(first, last + 1, AT_ONCE):
                connection.execute(sa.text(BOOKS), given | {"first": at, "last": min(last, at + AT_ONCE - 1)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def _clear(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE " + ", ".join(tables.metadata.tables)))
