"""The published levels as the ledger knows them: what was sent, what the shop shows, and what did not stick.

What belongs here: reading the shop's levels back and keeping what they say. What does not: which levels are wanted
(`rules.py`, `sync.py`) and sending them (`deliveries.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.inventory import InventoryItem, InventorySettings, items_of, pull_inventory
from clarus_bc_pipeline.flows.stock import exceptions
from clarus_bc_pipeline.flows.stock.exceptions import Cause, Published
from clarus_bc_pipeline.flows.stock.rules import STOCK_LEVELS, At, Known
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

SHOP_RULES = "bigcommerce_stock_rules"
SCOPE = "stock.levels"
READ_ONE_BY_ONE = 500  # SKUs; above that a page of 1000 costs less than asking for them by name
TRY_REFUSED_AGAIN = timedelta(hours=1)
READ_ANYWAY = timedelta(hours=2)  # within this a sweep has read every level, so what changed before it is in there


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a reading of the shop's levels showed. `lag` levels are not shown yet and may still be."""

    levels: int = 0
    proven: int = 0
    lag: int = 0
    drifted: int = 0
    causes: Mapping[str, int] | None = None


def shop_rules(connection: sa.Connection, store: Store) -> InventorySettings:
    """What the shop does to its levels by itself, as it last said."""
    said = read_cursor(connection, store=store.key, feed=SHOP_RULES) or {}
    return msgspec.convert(said, InventorySettings)


def takes_off_when_shipped(connection: sa.Connection, store: Store) -> bool:
    """Whether the shop takes units off its levels when an order is shipped, instead of when it is placed."""
    return shop_rules(connection, store).update_stock_behavior == "order_completed_or_shipped"


def known_levels(connection: sa.Connection, store: Store) -> tuple[dict[At, Known], dict[At, int | None]]:
    """What we know of every level: what the shop shows, and the target decided last.

    What is in flight is not known; nor is what the shop itself has changed since, by its own settings: units taken off
    for shipments, or put back for orders that were edited, refunded or cancelled.
    """
    now = store.now()
    settle = timedelta(seconds=store.settings.stock.settle_seconds)
    unknown = {
        At(row.sku, row.location_id)
        for row in connection.execute(SQL["in_flight"], {"store": store.key, "kind": STOCK_LEVELS})
    }
    rules = shop_rules(connection, store)
    if takes_off_when_shipped(connection, store):
        given = {"store": store.key, "since": now - timedelta(days=2)}
        unknown |= {At(row.sku, row.location_id) for row in connection.execute(SQL["shipped_since"], given)}
    # What the shop does not say is taken as done: to say a level twice does no harm.
    on_refund, on_edit = (rules.refund_order_stock_adjustment, rules.edit_order_stock_adjustment)
    if on_refund is not False or on_edit is not False:
        given = {
            "store": store.key,
            "since": now - max(READ_ANYWAY, 2 * timedelta(minutes=store.settings.stock.sweep_every_minutes)),
            "on_refund": on_refund is not False,
            "on_edit": on_edit is not False,
            "cancelled": [4, *store.settings.orders.cancelled_status_ids],
        }
        unknown |= {At(row.sku, row.location_id) for row in connection.execute(SQL["adjusted_since"], given)}
    known: dict[At, Known] = {}
    decided: dict[At, int | None] = {}
    for row in connection.execute(SQL["levels"], {"store": store.key}):
        at = At(row.sku, row.location_id)
        shown = None if at in unknown else _believed(row, settle)
        refused = row.refused is not None and now - row.refused_at < TRY_REFUSED_AGAIN
        known[at] = Known(shown, refused)
        decided[at] = row.target
    return known, decided


def _believed(row: Any, settle: timedelta) -> int | None:
    """What the shop shows: its own word, unless we sent something since that it may not show yet."""
    if row.sent_at is None:
        shown: int | None = row.shown
    elif row.shown_at is None or (row.shown_at < row.sent_at + settle and not row.was_shown):
        shown = row.sent
    else:
        shown = row.shown
    return shown


def read_back(store: Store, *, whole: bool = False) -> ReadBack:
    """Read the shop's levels, all or those that were sent and not seen yet, and keep what they show.

    A level that is not what was sent has drifted, with a cause where it can be told; it is sent again by the next
    decision. One that was sent while we read is left for the next time.
    """
    began = store.now()
    with store.engine.connect() as connection:
        unproven = {At(r.sku, r.location_id) for r in connection.execute(SQL["unproven"], {"store": store.key})}
    if not whole and not unproven:
        return ReadBack()
    if whole or len(unproven) > READ_ONE_BY_ONE:
        items = [item for page in pull_inventory(store.shop) for item in page]
    else:
        items = items_of(store.shop, sorted({at.sku for at in unproven}))
    with store.engine.begin() as connection:
        result = _keep(connection, store, items, began, whole=whole)
        record_level_findings(connection, store)
    return result


def _keep(
    connection: sa.Connection, store: Store, items: Sequence[InventoryItem], began: datetime, *, whole: bool
) -> ReadBack:
    now = store.now()
    settle = timedelta(seconds=store.settings.stock.settle_seconds)
    level = tables.stock_level
    query = sa.select(level).where(level.c.store == store.key)
    if not whole:
        query = query.where(level.c.sku.in_({item.sku for item in items}))
    held = {At(row.sku, row.location_id): row for row in connection.execute(query.with_for_update())}
    taken = _taken_off(connection, store, items, held)
    rows = []
    causes: dict[str, int] = {}
    levels = proven = 0
    for item in items:
        levels += 1
        row = held.get(At(item.sku, item.location_id))
        if row is None:
            rows.append((store.key, item.sku, item.location_id, item.on_hand, began, False, 0, None, None))
            continue
        if (row.sent_at is not None and row.sent_at >= began) or (row.shown_at is not None and row.shown_at > began):
            continue
        drifts, drifted_at, cause, was_shown = row.drifts, row.drifted_at, row.drift_cause, row.was_shown
        if row.sent is not None:
            why = exceptions.drift_cause(
                Published(
                    row.sent, row.sent_at, item.on_hand, row.was_shown, taken.get(At(item.sku, item.location_id), 0)
                ),
                now=began,
                settle=settle,
            )
            if why is None:
                was_shown = True
                proven += 1
            else:
                causes[why] = causes.get(why, 0) + 1
                is_news = row.shown != item.on_hand or why is Cause.NOT_APPLIED
                if why in (Cause.NOT_APPLIED, Cause.CHANGED) and is_news:
                    drifts = exceptions.drifts_in_a_day(row.drifts, row.drifted_at, now=now)
                    drifted_at, cause = now, str(why)
                if why is Cause.SOLD:
                    was_shown = True  # it was there, or the shop could not have taken units off it
        rows.append((store.key, item.sku, item.location_id, item.on_hand, began, was_shown, drifts, drifted_at, cause))
    upsert(
        connection,
        level,
        rows,
        columns=(
            "store", "sku", "location_id", "shown", "shown_at", "was_shown", "drifts", "drifted_at", "drift_cause",
        ),
    )  # fmt: skip
    drifted = sum(n for why, n in causes.items() if why in (Cause.NOT_APPLIED, Cause.CHANGED))
    return ReadBack(levels, proven, causes.get(Cause.LAG, 0), drifted, causes)


def _taken_off(
    connection: sa.Connection, store: Store, items: Iterable[InventoryItem], held: Mapping[At, Any]
) -> dict[At, int]:
    """Units that the shop itself took off each level that differs, since it was sent."""
    differ = {
        at: row
        for item in items
        if (row := held.get(at := At(item.sku, item.location_id))) is not None
        and row.sent is not None
        and row.sent != item.on_hand
    }
    if not differ:
        return {}
    given = {
        "store": store.key,
        "since": min(row.sent_at for row in differ.values()) - timedelta(days=1),
        "skus": sorted({at.sku for at in differ}),
        "on_shipping": takes_off_when_shipped(connection, store),
    }
    by_sku: dict[str, list[tuple[datetime, int]]] = {}
    for sku, at_time, units in connection.execute(SQL["taken_off_by_shop"], given):
        by_sku.setdefault(sku, []).append((at_time, int(units)))
    return {
        at: sum(units for time, units in by_sku.get(at.sku, ()) if time >= row.sent_at) for at, row in differ.items()
    }


def record_level_findings(connection: sa.Connection, store: Store) -> None:
    """Open and resolve the findings about levels that were refused or keep drifting, in the caller's transaction."""
    now = store.now()
    given = {
        "store": store.key,
        "drifts_allowed": store.settings.stock.drifts_allowed,
        "since": now - exceptions.DAY,
    }
    findings = []
    for row in connection.execute(SQL["troubled_levels"], given):
        if row.refused is not None:
            findings.append(exceptions.refused_level(row.sku, row.location_id, row.refused))
        else:
            findings.append(
                exceptions.repeated_drift(
                    row.sku,
                    row.location_id,
                    drifts=row.drifts,
                    cause=row.drift_cause,
                    target=row.target,
                    shown=row.shown,
                )
            )
    record_findings(connection, store=store.key, scope=SCOPE, findings=findings, now=now)
