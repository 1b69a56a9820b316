"""Facts from BigCommerce, as last read; and the personal payload of each order, apart."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from clarus_bc_pipeline.ledger.tables.columns import (
    MONEY,
    QUANTITY,
    TIME,
    key_column,
    metadata,
    source_columns,
    store_column,
)

bigcommerce_order = sa.Table(
    "bigcommerce_order",
    metadata,
    store_column(),
    key_column("order_id"),
    sa.Column("status_id", sa.Integer, nullable=False),
    sa.Column("payment_status", sa.Text, nullable=False),
    sa.Column("channel_id", sa.BigInteger),
    sa.Column("currency", sa.Text, nullable=False),  # the transactional currency: what the shopper paid in
    sa.Column("total_inc_tax", MONEY, nullable=False),
    sa.Column("total_tax", MONEY, nullable=False, server_default="0"),
    sa.Column("items_total", QUANTITY, nullable=False),
    sa.Column("items_shipped", QUANTITY, nullable=False),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("external_order_id", sa.Text),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("modified_at", TIME, nullable=False),
    sa.Column("read_at", TIME),  # last time this order was read on purpose, changed or not
    sa.Column("release_hash", sa.Text, nullable=False),  # of all that the warehouse is told: lines, addresses, notes
    *source_columns(),
    sa.Index(None, "store", "status_id"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_order_line = sa.Table(
    "bigcommerce_order_line",
    metadata,
    store_column(),
    key_column("order_product_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),  # 0: no shipping address (digital, pickup)
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variant_id", sa.BigInteger),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),  # physical | digital | giftcertificate
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("quantity_shipped", sa.BigInteger, nullable=False),
    sa.Column("quantity_refunded", sa.BigInteger, nullable=False),
    sa.Column("price_inc_tax", MONEY, nullable=False),  # of one unit
    sa.Column("total_inc_tax", MONEY, nullable=False, server_default="0"),  # of all units, before the order's discounts
    sa.Column("total_tax", MONEY, nullable=False, server_default="0"),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_order_address = sa.Table(
    "bigcommerce_order_address",
    metadata,
    store_column(),
    key_column("order_address_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("country_iso2", sa.Text, nullable=False),
    sa.Column("shipping_method", sa.Text, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
)

# The release payload: the only place of names, e-mail, phone, street and free text. Purged after despatch.
order_personal = sa.Table(
    "order_personal",
    metadata,
    store_column(),
    key_column("order_id"),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("purge_after", TIME),
    *source_columns(),
)

order_metafield = sa.Table(
    "order_metafield",
    metadata,
    store_column(),
    key_column("metafield_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
)

bigcommerce_shipment = sa.Table(
    "bigcommerce_shipment",
    metadata,
    store_column(),
    key_column("shipment_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    sa.Column("tracking_carrier", sa.Text, nullable=False),
    sa.Column("shipping_provider", sa.Text, nullable=False),
    sa.Column("tracking_link", sa.Text, nullable=False),  # ours, or the one that BigCommerce generated
    sa.Column("marker", sa.Text),  # from comments: GO-914/1/2; null when somebody else made the shipment
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("deleted_at", TIME),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_shipment_line = sa.Table(
    "bigcommerce_shipment_line",
    metadata,
    store_column(),
    key_column("shipment_id"),
    key_column("order_product_id"),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "order_product_id"),
)

bigcommerce_variant = sa.Table(
    "bigcommerce_variant",
    metadata,
    store_column(),
    key_column("variant_id"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("gtin", sa.Text, nullable=False),
    sa.Column("is_on_sale", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("category_ids", JSONB, nullable=False, server_default=sa.text("'[]'")),
    *source_columns(),
    sa.Index(None, "store", "sku"),
)
