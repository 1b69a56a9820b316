"""Order, payment, despatch and refund matched: what agrees, what does not, and what is left out and why.

What belongs here: running the matching and keeping its breaks. What does not: the journal (`posting.py`), whether the
journal and the facts come to the same (`control.py`). All counting is set-based SQL (`matching.sql`); a tick matches
only the orders that something happened to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.registry import REGISTRY
from clarus_bc_pipeline.flows.finance.facts import Policy
from clarus_bc_pipeline.flows.returns.currency import decimals, shown
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries
from clarus_bc_pipeline.settings import StoreSettings

SQL = read_queries(Path(__file__).with_name("matching.sql"))

T = TypeVar("T")

SCOPE = "finance"
REFUNDED_STATUS = 4  # BigCommerce: order statuses, https://support.bigcommerce.com/s/article/Order-Statuses
STEPS = (
    "match_sent", "match_refunds", "match_by_hand", "match_sums", "match_lines", "match_paid",
    "match_orders", "match_totals", "match_breaks",
)  # fmt: skip
# What a person must know. refund_by_hand is the returns flow's to tell; not_checked and refund_owed are listed only.
TOLD = (
    "paid_not_despatched", "despatched_not_paid", "partial_capture", "duplicate_capture", "refunded_without_money",
    "gateway_refund_not_in_shop", "currency_differs", "amounts_do_not_add_up", "oversell_cancelled",
    "price_changed_after_despatch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Complete:
    """Orders of one currency by what became of them: matched, listed, or the reason of their exclusion."""

    currency: str
    state: str
    is_excluded: bool
    orders: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Matched:
    """What was matched: `orders` = matched + listed + those excluded, by reason."""

    orders: int = 0
    matched: int = 0
    listed: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[Complete, ...] = ()


def match(
    engine: sa.Engine,
    settings: StoreSettings,
    *,
    now: datetime,
    whole: bool = False,
    order_ids: Collection[int] = (),
    then: Callable[[sa.Connection, Mapping[str, Any], Matched], T] | None = None,
) -> tuple[Matched, T | None]:
    """Match these orders (`whole`: all), keep their breaks and tell the findings, in one transaction.

    `then` is asked before the transaction ends, while `match_orders` and `match_breaks` can be queried.
    """
    policy = Policy.of(settings)
    given: dict[str, Any] = {
        "store": settings.key,
        "order_ids": sorted(order_ids),
        "whole": whole,
        "since_created": policy.since,
        "recognise_before": now - policy.recognised_after,
        "cancelled": list(policy.cancelled),
        "paid": list(policy.paid_statuses),
        "refunded_status": REFUNDED_STATUS,
        "material": settings.finance.materiality_amount,
        "material_share": settings.finance.materiality_percent / 100,
        "now": now,
    }
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('finance match'), hashtext(:store))"), given)
        # The default of 4 MB would sort and hash a large store on disk.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'" if whole else "SET LOCAL work_mem = '32MB'"))
        if whole:  # a hash of a million orders' sums does not fit and spills; sorted groups need no memory
            connection.execute(sa.text("SET LOCAL enable_hashagg = off"))
        connection.execute(SQL["name_store"], given)
        if not whole:
            _make(connection, "match_touched", given)
        connection.execute(SQL["see_all" if whole else "see_touched"])
        currencies = connection.scalars(SQL["currencies"]).all()
        given["fewest_decimals"] = min((decimals(each) for each in currencies), default=0)
        _make(
            connection,
            "match_currency",
            {"currencies": currencies, "decimals": [decimals(each) for each in currencies]},
        )
        for step in STEPS:
            _make(connection, step, given)
        connection.execute(SQL["forget_breaks"], given)
        connection.execute(SQL["keep_breaks"], given)
        matched = _matched(tuple(Complete(*row) for row in connection.execute(SQL["completeness"])))
        said = then(connection, given, matched) if then is not None else None
        _record_findings(connection, settings, now, None if whole else given["order_ids"])
        connection.execute(sa.text("DROP VIEW match_order, match_despatch, match_line"))
    return matched, said


def _make(connection: sa.Connection, table: str, given: Mapping[str, Any]) -> None:
    connection.execute(SQL[table], given)
    connection.execute(sa.text(f"ANALYZE {table}"))


def _matched(rows: tuple[Complete, ...]) -> Matched:
    excluded: dict[str, int] = {}
    for row in rows:
        if row.is_excluded:
            excluded[row.state] = excluded.get(row.state, 0) + row.orders
    states = {state: sum(row.orders for row in rows if row.state == state) for state in ("matched", "listed")}
    return Matched(sum(row.orders for row in rows), states["matched"], states["listed"], excluded, rows)


def _record_findings(
    connection: sa.Connection, settings: StoreSettings, now: datetime, examined: Collection[int] | None
) -> None:
    """A finding for each order and material break. What turned late since the last matching is told too."""
    late_before = now - timedelta(hours=settings.finance.paid_not_despatched_after_hours)
    given = {
        "store": settings.key,
        "codes": list(TOLD),
        "late_before": late_before,
        "whole": examined is None,
        "order_ids": list(examined or ()),
    }
    findings = [_finding(row) for row in connection.execute(SQL["break_findings"], given)]
    record_findings(connection, store=settings.key, scope=SCOPE, findings=findings, examined_orders=examined, now=now)


def _finding(row: sa.Row[Any]) -> Finding:
    amount = "" if row.code == "currency_differs" else f" ({shown(row.amount, row.currency)})"
    return Finding(
        row.code,
        f"order {row.order_id}",
        f"Order {row.order_id}: {REGISTRY[row.code].title.lower()}{amount} since {row.since:%d %b %Y}: {row.detail}.",
        order_id=row.order_id,
        evidence={"detail": row.detail, "since": row.since.isoformat(), "lines": row.lines},
        value_at_risk=row.amount,
        currency=row.currency,
    )
