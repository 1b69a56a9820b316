"""Facts from Clarus, as last read."""

from __future__ import annotations

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.tables.columns import QUANTITY, TIME, key_column, metadata, source_columns, store_column

clarus_product = sa.Table(
    "clarus_product",
    metadata,
    store_column(),
    key_column("product_id"),
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("barcode", sa.Text, nullable=False),
    sa.Column("withdrawn", sa.Text, nullable=False, server_default=""),  # "stopped", "obsolete (1)"; empty: neither
    *source_columns(),
    sa.Index(None, "store", "product_code"),
)

clarus_goods_out = sa.Table(
    "clarus_goods_out",
    metadata,
    store_column(),
    key_column("goods_out_id"),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("order_id", sa.BigInteger),  # null: not one of ours
    sa.Column("order_address_id", sa.BigInteger),
    sa.Column(
        "status", sa.Text, nullable=False
    ),  # DRAFT PENDING PICK PART ALLOCATED COMPLETED PART_ALLOCATED CANCELLED
    sa.Column("carrier_code", sa.Text),
    sa.Column("despatched_at", TIME),
    sa.Column("missing_since", TIME),  # deleted by hand: asked for by id and not returned
    *source_columns(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "status"),
    sa.Index(None, "store", "reference"),
    sa.Index(None, "store", "seen_at"),
)

clarus_goods_out_line = sa.Table(
    "clarus_goods_out_line",
    metadata,
    store_column(),
    key_column("goods_out_line_id"),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column("order_product_id", sa.BigInteger),  # by line reference, else by SKU; null: could not be matched
    sa.Column("candidates", sa.Integer, nullable=False),  # order lines that it could be: 1 is a match
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("ordered", QUANTITY, nullable=False),
    sa.Column("allocated", QUANTITY, nullable=False),
    sa.Column("picked", QUANTITY, nullable=False),
    sa.Column("despatched", QUANTITY, nullable=False),
    sa.Column("short_status", sa.Text, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)

# How an order moved through the warehouse, for anyone who asks where it stands.
clarus_goods_out_event = sa.Table(
    "clarus_goods_out_event",
    metadata,
    store_column(),
    key_column("goods_out_id"),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("seen_at", TIME, primary_key=True),
)

clarus_shipment = sa.Table(
    "clarus_shipment",
    metadata,
    store_column(),
    key_column("clarus_shipment_id"),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("carrier_code", sa.Text, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)

clarus_package = sa.Table(
    "clarus_package",
    metadata,
    store_column(),
    key_column("package_id"),
    sa.Column("clarus_shipment_id", sa.BigInteger, nullable=False),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    sa.Column("missing_since", TIME),
    *source_columns(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)
