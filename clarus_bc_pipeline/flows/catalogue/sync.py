"""The catalogue flow's verbs for one store: read both systems' SKUs, and compare them.

What belongs here: pulling products and variants, and keeping them. What does not: SKU rules (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clarus_bc_pipeline.bigcommerce.catalogue import pull_variants
from clarus_bc_pipeline.clarus.products import Product, pull_products
from clarus_bc_pipeline.decisions import Finding
from clarus_bc_pipeline.decisions.unreadable import Unreadable
from clarus_bc_pipeline.flows.catalogue.comparing import catalogues, compared
from clarus_bc_pipeline.flows.catalogue.rule_sets import Proof, fingerprint, prove
from clarus_bc_pipeline.flows.catalogue.rules import SkuMap
from clarus_bc_pipeline.flows.store import Store
from clarus_bc_pipeline.ledger import tables
from clarus_bc_pipeline.ledger.bulk import upsert
from clarus_bc_pipeline.ledger.cursors import read_cursor, write_cursor
from clarus_bc_pipeline.ledger.findings import record_findings
from clarus_bc_pipeline.ledger.queries import read_queries

SCOPE = "catalogue"
RULES = "catalogue.rules"  # the cursor that remembers which rule set was tried, and what came of it

_SQL = read_queries(Path(__file__).with_name("queries.sql"))


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
    columns = (
        "store", "variant_id", "product_id", "sku", "name", "gtin", "is_on_sale", "category_ids", "source", "seen_at",
    )  # fmt: skip
    kept: set[int] = set()
    for variants in pull_variants(store.shop):
        now = store.now()
        rows = [
            (
                store.key, v.id, v.product_id, v.sku, v.name, v.barcode, v.is_on_sale, list(v.category_ids),
                "BigCommerce catalogue", now,
            )
            for v in variants
        ]  # fmt: skip
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
    rows = [(store.key, p.id, p.code, p.description, p.barcode, p.withdrawn, "Clarus products", now) for p in products]
    upsert(
        connection,
        tables.clarus_product,
        rows,
        columns=("store", "product_id", "product_code", "description", "barcode", "withdrawn", "source", "seen_at"),
    )


def product_codes(connection: sa.Connection, *, store: str) -> dict[str, int]:
    """Clarus product ids by code, as last read."""
    product = tables.clarus_product
    rows = connection.execute(sa.select(product.c.product_code, product.c.product_id).where(product.c.store == store))
    return {row.product_code: row.product_id for row in rows}


def proven_map(store: Store) -> SkuMap:
    """The store's way from SKU to code, with what was proven of its rules over the shop's whole catalogue.

    A set that was not tried yet is tried now, over the catalogue that was read last. While none was read there is
    nothing to try it on: it holds, and is tried at the first reading.
    """
    settings = store.settings.skus
    if not settings.rules and not settings.table:
        return SkuMap(settings)
    with store.engine.connect() as connection:
        known = read_cursor(connection, store=store.key, feed=RULES)
    if known is None or known["set"] != fingerprint(settings):
        with store.engine.begin() as connection:
            known = _remember(connection, store, prove(SkuMap(settings), _skus(connection, store)))
    return SkuMap(settings, refused_because=known["refused_because"], colliding=known["colliding"])


def _remember(connection: sa.Connection, store: Store, proof: Proof) -> dict[str, Any]:
    """What was proven, kept beside the set's mark; forgotten again by another set or the next audit."""
    position = {
        "set": fingerprint(store.settings.skus),
        "refused_because": proof.refused_because,
        "colliding": sorted({sku for _, skus in proof.collisions for sku in skus} | {*proof.emptied}),
    }
    if proof.examined:
        write_cursor(connection, store=store.key, feed=RULES, position=position, now=store.now(), rewind=True)
    return position


def _skus(connection: sa.Connection, store: Store) -> list[str]:
    variant = tables.bigcommerce_variant
    return list(connection.scalars(sa.select(variant.c.sku).where(variant.c.store == store.key)))


def decide(store: Store) -> list[Finding]:
    """Compare both catalogues and record what differs, one finding a type and SKU; returns the findings.

    The store's rules are tried anew: a SKU added since may collide.
    """
    with store.engine.begin() as connection:
        read = catalogues(connection, store=store.key)
        sku_map = SkuMap(store.settings.skus)
        findings = compared(read, sku_map, store=store.key)
        _remember(connection, store, prove(sku_map, (item.code for item in read.shop)))
        record_findings(connection, store=store.key, scope=SCOPE, findings=findings, examined=None, now=store.now())
    return findings


def trend(connection: sa.Connection, *, store: str) -> list[dict[str, Any]]:
    """Rows (at, code, skus): how many findings of a type were open after each audit that changed it, oldest first."""
    return [dict(row) for row in connection.execute(_SQL["trend"], {"store": store, "scope": SCOPE}).mappings()]
