"""The targets as the ledger's newest facts make them: what every SKU may show at every location, right now.

What belongs here: the ledger's rows as what `rules.py` takes. What does not: the rule itself, and what becomes of a
target (`sync.py` decides what is sent, `deliveries.py` sends nothing above it).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.catalogue.sync import proven_map
from clarus_bc_pipeline.flows.orders.pulling import first_moment
from clarus_bc_pipeline.flows.stock import exceptions, rules
from clarus_bc_pipeline.flows.stock.exceptions import OpenLine
from clarus_bc_pipeline.flows.stock.rules import At, ShopLocation, Stock
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.queries import read_queries

SQL = read_queries(Path(__file__).with_name("queries.sql"))

# BigCommerce's statuses of an order that is still to be sent, in part or whole (orders.v2.oas2.yml): pending, partially
# shipped, awaiting payment, pickup, shipment or fulfilment, to be verified, disputed, partially refunded.
OPEN_STATUSES = (1, 3, 7, 8, 9, 11, 12, 13, 14)


@dataclass(frozen=True)
class Targets:
    """`units` by SKU and location; the paid lines that Clarus has set nothing aside for; what stands in the way."""

    units: dict[At, int]
    demand: list[OpenLine]
    free: dict[str, int]
    findings: list[Finding]


def read_targets(connection: sa.Connection, store: Store, *, of: Collection[str] | None = None) -> Targets:
    """All targets of the store, or those of the products of these SKUs (with the other SKUs of these products).

    Products without a believed balance have none, nor SKUs whose rules were refused.
    """
    settings = store.settings.stock
    sku_map = proven_map(store)
    variant = tables.bigcommerce_variant
    query = sa.select(variant.c.sku, variant.c.category_ids).where(variant.c.store == store.key, variant.c.sku != "")
    categories: dict[str, set[int]] = {}
    for sku, ids in connection.execute(query):
        categories.setdefault(sku, set()).update(ids)
    codes = {sku: sku_map.to_clarus(sku) for sku in categories if not sku_map.refuses(sku)}
    wanted = None if of is None else {codes[sku] for sku in of if sku in codes}
    if wanted is not None:
        codes = {sku: code for sku, code in codes.items() if code in wanted}
    stock: dict[str, dict[str, Stock]] = {}
    given = {"store": store.key, "codes": None if wanted is None else sorted(wanted)}
    for code, warehouse, available, allocated in connection.execute(SQL["balances"], given):
        stock.setdefault(code, {})[warehouse] = Stock(available, allocated)
    lines = open_lines(connection, store, sku_map)
    demand: dict[str, int] = {}
    for line in lines:
        demand[line.product_code] = demand.get(line.product_code, 0) + line.units
    places, findings = rules.mapped_places(
        settings, warehouse=store.settings.clarus.warehouse, locations=_locations(connection, store), store=store.key
    )
    units = rules.targets(
        skus=codes,
        stock=stock,
        demand=demand,
        places=places,
        settings=settings,
        categories=categories,
    )
    free = {
        code: sum(rules.free_units(balance, settings) for warehouse, balance in where.items() if places.get(warehouse))
        for code, where in stock.items()
    }
    held: dict[str, int] = {}
    for where in stock.values():
        for warehouse, balance in where.items():
            held[warehouse] = held.get(warehouse, 0) + (balance.available > 0)
    findings += [
        exceptions.unmapped_warehouse(warehouse, products, store.key)
        for warehouse, products in sorted(held.items())
        if products and warehouse not in places
    ]
    return Targets(units, lines, free, findings)


def open_lines(connection: sa.Connection, store: Store, sku_map: SkuMap) -> list[OpenLine]:
    """Paid units that Clarus has set nothing aside for, oldest order first."""
    orders = store.settings.orders
    given = {
        "store": store.key,
        "open_status_ids": sorted({*OPEN_STATUSES, *orders.release_status_ids} - set(orders.cancelled_status_ids)),
        "paid": list(orders.paid_payment_statuses),
        "since": first_moment(store),
    }
    return [
        OpenLine(
            row.order_id, row.sku, sku_map.to_clarus(row.sku), int(row.units), row.price, row.currency, row.created_at
        )
        for row in connection.execute(SQL["open_demand"], given)
        if row.sku
    ]


def _locations(connection: sa.Connection, store: Store) -> list[ShopLocation]:
    here = tables.stock_location
    rows = connection.execute(
        sa.select(here.c.location_id, here.c.label, here.c.enabled).where(here.c.store == store.key)
    )
    return [ShopLocation(row.location_id, row.label, row.enabled) for row in rows]
