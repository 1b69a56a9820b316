"""The catalogue flow's verbs for one store: read both systems' SKUs, and compare them.

What belongs here: pulling products and variants, and keeping them. What does not: SKU rules (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.catalogue import pull_variants
from clarus_bc_pipeline.clarus.products import Product, pull_products
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap, compare_catalogues
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.findings import record_findings


def pull_warehouse(store: Store) -> int:
    """Read every product of the account in Clarus, and forget those that are gone; returns how many there are."""
    kept: set[int] = set()
    unreadable: list[Unreadable] = []
    for page in pull_products(store.warehouse):
        with store.engine.begin() as connection:
            keep_products(connection, store, page.records)
        kept |= {product.id for product in page.records}
        unreadable += page.unreadable
    with store.engine.begin() as connection:
        record_findings(
            connection,
            store=store.key,
            scope="catalogue.pull",
            findings=[
                Finding("unreadable_record", u.record, f"{u.system} gave a record that cannot be read: {u.reason}.")
                for u in unreadable
            ],
            now=store.now(),
        )
        if not unreadable:  # one that cannot be read is not gone
            _forget(connection, store, tables.clarus_product.c.product_id, but=kept)
    return len(kept)


def pull_shop(store: Store) -> int:
    """Read every variant of the shop, and forget those that are gone; returns how many there are."""
    columns = ("store", "variant_id", "product_id", "sku", "name", "gtin", "source", "seen_at")
    kept: set[int] = set()
    for variants in pull_variants(store.shop):
        now = store.now()
        rows = [(store.key, v.id, v.product_id, v.sku, v.name, v.gtin, "BigCommerce catalogue", now) for v in variants]
        with store.engine.begin() as connection:
            upsert(connection, tables.bigcommerce_variant, rows, columns=columns)
        kept |= {v.id for v in variants}
    with store.engine.begin() as connection:
        _forget(connection, store, tables.bigcommerce_variant.c.variant_id, but=kept)
    return len(kept)


def _forget(connection: sa.Connection, store: Store, column: sa.Column[int], *, but: set[int]) -> None:
    """Delete the rows that a whole reading did not bring: an order must not be released against a dead product.

    A reading that brought nothing at all is taken for a fault of theirs.
    """
    if not but:
        return
    still_there = sa.literal(sorted(but), sa.ARRAY(sa.BigInteger))
    connection.execute(sa.delete(column.table).where(column.table.c.store == store.key, column != sa.all_(still_there)))


def keep_products(connection: sa.Connection, store: Store, products: Iterable[Product]) -> None:
    """Store Clarus products in the caller's transaction."""
    now = store.now()
    rows = [(store.key, p.id, p.code, p.description, p.barcode, "Clarus products", now) for p in products]
    upsert(
        connection,
        tables.clarus_product,
        rows,
        columns=("store", "product_id", "product_code", "description", "barcode", "source", "seen_at"),
    )


def product_codes(connection: sa.Connection, *, store: str) -> dict[str, int]:
    """Clarus product ids by code, as last read."""
    product = tables.clarus_product
    rows = connection.execute(sa.select(product.c.product_code, product.c.product_id).where(product.c.store == store))
    return {row.product_code: row.product_id for row in rows}


def decide(store: Store) -> list[Finding]:
    """Compare both catalogues and record what differs, one finding a SKU; returns the findings."""
    variant = tables.bigcommerce_variant
    with store.engine.begin() as connection:
        skus = connection.scalars(sa.select(variant.c.sku).where(variant.c.store == store.key)).all()
        codes = product_codes(connection, store=store.key)
        faults = compare_catalogues(skus, codes, SkuMap(store.settings.skus), store=store.key)
        findings = [Finding(f.code, f"SKU {f.sku}", f.message) for f in faults]
        record_findings(
            connection, store=store.key, scope="catalogue", findings=findings, examined=None, now=store.now()
        )
    return findings
