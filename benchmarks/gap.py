"""The despatch gap over a large history: a full measure, and a tick with 1,000 changes as the history grows tenfold.

The history is made by SQL: every order released and shipped whole, but for three planted kinds of gap, which the
measure must count exactly.
"""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import Figure
from clarus_bc_pipeline.flows.despatch import gap
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.engine import open_ledger

STORE = "bench"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOT_SHIPPED, NOT_DESPATCHED, OTHER_QUANTITY = 101, 203, 103  # one order in so many

HISTORY = """
INSERT INTO bigcommerce_order (store, order_id, status_id, payment_status, currency, total_inc_tax, items_total,
       items_shipped, is_deleted, created_at, modified_at, release_hash, source, seen_at)
SELECT :store, o, 2, 'captured', 'GBP', 20, 4, 4, false, :at, :at, 'h', 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o;
INSERT INTO bigcommerce_order_line (store, order_product_id, order_id, order_address_id, product_id, sku, name, type,
       quantity, quantity_shipped, quantity_refunded, price_inc_tax, source, seen_at)
SELECT :store, o * 2 + n, o, o, 1, 'SKU-' || (o * 2 + n) % 5000, 'thing', 'physical', 2,
       CASE WHEN o % :not_shipped = 0 THEN 0 WHEN o % :other_quantity = 0 THEN 1 ELSE 2 END, 0, 5, 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n;
INSERT INTO clarus_goods_out (store, goods_out_id, reference, order_id, order_address_id, status, despatched_at,
       source, seen_at)
SELECT :store, o, 'BC-' || o, o, o, 'COMPLETED', :at, 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o;
INSERT INTO clarus_goods_out_line (store, goods_out_line_id, goods_out_id, order_product_id, candidates, product_code,
       ordered, allocated, picked, despatched, short_status, source, seen_at)
SELECT :store, o * 2 + n, o, o * 2 + n, 1, 'SKU-' || (o * 2 + n) % 5000, 2, 2, 2,
       CASE WHEN o % :not_despatched = 0 THEN 0 ELSE 2 END, '', 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n;
INSERT INTO bigcommerce_shipment (store, shipment_id, order_id, order_address_id, tracking_number, tracking_carrier,
       shipping_provider, tracking_link, marker, created_at, source, seen_at)
SELECT :store, o, o, o, 'RM' || o, '', 'royalmail', 'https://link.example/' || o, 'GO-' || o || '/1/1', :at,
       'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o WHERE o % :not_shipped <> 0;
INSERT INTO bigcommerce_shipment_line (store, shipment_id, order_product_id, quantity, source, seen_at)
SELECT :store, o, o * 2 + n, CASE WHEN o % :other_quantity = 0 THEN 1 ELSE 2 END, 'bench', :at
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) o, generate_series(0, 1) n
 WHERE o % :not_shipped <> 0
"""


def run(orders: tuple[int, ...] = (100_000, 1_000_000)) -> dict[str, Any]:
    """Seconds and client memory of a full measure and of a tick, at each size of history."""
    engine = open_ledger()
    _clear(engine)
    results: list[dict[str, Any]] = []
    made = 0
    for size in orders:
        _make(engine, made + 1, size)
        made = size
        full, measured = _timed(engine, full=True, now=LONG_AGO + timedelta(days=1, seconds=len(results)))
        planted = 2 * sum(1 for order in range(1, size + 1) if _is_planted(order))
        assert measured.gap_lines == planted, f"measured {measured.gap_lines} gap lines, planted {planted}"
        ticks = [_tick(engine, size, n) for n in range(5)]
        results.append(
            {
                "orders": size,
                "lines": size * 2,
                "full_seconds": round(full, 2),
                "gap_lines": measured.gap_lines,
                "planted": planted,
                "tick_seconds": round(sorted(ticks)[2], 3),
                "client_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    _clear(engine)
    small, large = results[0], results[-1]
    return {
        "sizes": results,
        "tick_growth": round(large["tick_seconds"] / small["tick_seconds"], 2),
        "history_growth": large["orders"] // small["orders"],
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """The measures of a `run` beside their targets, which are for 1 M orders."""
    large = result["sizes"][-1]
    return [
        *(
            Figure(
                f"gap over {each['orders']:,} orders, {each['lines']:,} lines, full",
                each["full_seconds"],
                "s",
                at_most=15 if each is large else None,
            )
            for each in result["sizes"]
        ),
        Figure("gap, memory of the client", large["client_mb"], "MB", at_most=200),
        Figure(
            f"gap, tick with 1,000 changes on {large['orders']:,} orders",
            large["tick_seconds"],
            "s",
            at_most=1,
            beside=f"on {result['sizes'][0]['orders']:,} orders, s",
            beside_value=result["sizes"][0]["tick_seconds"],
        ),
    ]


def _is_planted(order: int) -> bool:
    """Whether the order's lines differ; one that neither left nor shows is the same on both sides."""
    not_shipped, not_despatched = order % NOT_SHIPPED == 0, order % NOT_DESPATCHED == 0
    return not_shipped != not_despatched or (order % OTHER_QUANTITY == 0 and not not_shipped)


def _tick(engine: sa.Engine, size: int, n: int) -> float:
    """1,000 orders change (their lines are seen again); how long until the gap is known again?"""
    now = _after(n)
    with engine.begin() as connection:
        line = tables.bigcommerce_order_line
        first = size // 2 + n * 1000
        connection.execute(
            sa.update(line)
            .where(line.c.store == STORE, line.c.order_id.between(first, first + 999))
            .values(seen_at=now)
        )
    seconds, _ = _timed(engine, full=False, now=now + timedelta(seconds=1))
    return seconds


def _after(n: int) -> datetime:
    """Ticks far enough apart that one does not reach back over another's changes."""
    return LONG_AGO + timedelta(days=1, hours=n + 1)


def _timed(engine: sa.Engine, *, full: bool, now: datetime) -> tuple[float, gap.Gap]:
    started = time.perf_counter()
    # An SLA longer than the history: what is measured here is the comparison, not 10,000 findings.
    measured = gap.measure(engine, store=STORE, now=now, full=full, sla=timedelta(days=3650))
    return time.perf_counter() - started, measured


def _make(engine: sa.Engine, first: int, last: int) -> None:
    given = {
        "store": STORE,
        "first": first,
        "last": last,
        "at": LONG_AGO,
        "not_shipped": NOT_SHIPPED,
        "not_despatched": NOT_DESPATCHED,
        "other_quantity": OTHER_QUANTITY,
    }
    with engine.begin() as connection:
        for statement in HISTORY.split(";\n"):
            connection.execute(sa.text(statement), given)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def _clear(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE " + ", ".join(tables.metadata.tables)))
