"""Stock: what Clarus holds as we go by it, and what the shop was told and shows."""

from __future__ import annotations

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.tables.columns import (
    QUANTITY,
    TIME,
    key_column,
    metadata,
    source_columns,
    store_column,
)

# A product's units in one warehouse. `as_of` is when the reading began: what came after it may not be in it.
stock_balance = sa.Table(
    "stock_balance",
    metadata,
    store_column(),
    key_column("product_id"),
    key_column("warehouse", sa.Text),
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("available", QUANTITY, nullable=False),
    sa.Column("allocated", QUANTITY, nullable=False),
    sa.Column("received", QUANTITY, nullable=False),
    sa.Column("picked", QUANTITY, nullable=False),
    sa.Column("ordered", QUANTITY, nullable=False),
    sa.Column("as_of", TIME, nullable=False),
    sa.Column("doubted", QUANTITY),  # a newer `available` that is not believed yet
    sa.Column("doubted_at", TIME),
    *source_columns(),
    sa.Index(None, "store", "product_code"),
)

# Every whole reading, believed (`fault` is null) or not: the next one is held against the last that was.
stock_snapshot = sa.Table(
    "stock_snapshot",
    metadata,
    store_column(),
    sa.Column("as_of", TIME, primary_key=True),
    sa.Column("products", sa.BigInteger, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("fault", sa.Text),
)

# The shop's locations, as last read.
stock_location = sa.Table(
    "stock_location",
    metadata,
    store_column(),
    key_column("location_id"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    *source_columns(),
)

# A SKU's published level at a location: what it should be, what was sent, what the shop showed.
stock_level = sa.Table(
    "stock_level",
    metadata,
    store_column(),
    key_column("sku", sa.Text),
    key_column("location_id"),
    sa.Column("target", sa.BigInteger),  # null: none (not mapped, or its balance is not known)
    sa.Column("decided_at", TIME),  # when the target became what it is
    sa.Column("sent", sa.BigInteger),
    sa.Column("sent_at", TIME),
    sa.Column("shown", sa.BigInteger),
    sa.Column("shown_at", TIME),
    sa.Column("was_shown", sa.Boolean, nullable=False, server_default=sa.false()),  # `sent` was seen in the shop
    sa.Column("refused", sa.Text),  # the vendor's words; null when it was taken, or not tried
    sa.Column("refused_at", TIME),
    sa.Column("drifts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("drifted_at", TIME),
    sa.Column("drift_cause", sa.Text),
    sa.Index("ix_stock_level_unproven", "store", "sent_at", postgresql_where=sa.text("NOT was_shown")),
)
