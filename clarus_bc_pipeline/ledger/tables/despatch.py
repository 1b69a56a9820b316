"""What left, event by event, the parcels it was announced as, and what the proof found."""

from __future__ import annotations

import sqlalchemy as sa

from clarus_bc_pipeline.ledger.tables.columns import MONEY, QUANTITY, TIME, key_column, metadata, store_column

despatch = sa.Table(
    "despatch",
    metadata,
    store_column(),
    key_column("goods_out_id"),
    key_column("sequence", sa.Integer),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),
    sa.Column("despatched_at", TIME, nullable=False),  # the warehouse's time
    sa.Column("decided_at", TIME, nullable=False),
    sa.Column("voided_at", TIME),
    sa.Index(None, "store", "order_id"),
)

despatch_line = sa.Table(
    "despatch_line",
    metadata,
    store_column(),
    key_column("goods_out_id"),
    key_column("sequence", sa.Integer),
    key_column("goods_out_line_id"),
    sa.Column("order_product_id", sa.BigInteger, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Index(None, "store", "order_product_id"),
)

despatch_parcel = sa.Table(
    "despatch_parcel",
    metadata,
    store_column(),
    key_column("goods_out_id"),
    key_column("sequence", sa.Integer),
    key_column("parcel", sa.Integer),
    sa.Column("package_id", sa.BigInteger),  # null: Clarus has no package record; the goods-out is one parcel
    sa.Column("carrier_code", sa.Text, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),  # as announced; "" while none is known
    sa.Index(None, "store", "tracking_number"),
)

# What the last proof found, order by order; the totals of a store move by the difference of an order's rows.
despatch_proof = sa.Table(
    "despatch_proof",
    metadata,
    store_column(),
    key_column("order_id"),
    sa.Column("despatched_lines", sa.Integer, nullable=False),
    sa.Column("confirmed_lines", sa.Integer, nullable=False),
    sa.Column("gap_lines", sa.Integer, nullable=False),
    sa.Column("not_checked_lines", sa.Integer, nullable=False),
    sa.Column("proven_at", TIME, nullable=False),
)

# Only the lines that are not confirmed.
despatch_gap_line = sa.Table(
    "despatch_gap_line",
    metadata,
    store_column(),
    key_column("goods_out_line_id"),
    key_column("order_product_id"),  # 0: on one side only
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("category", sa.Text, nullable=False),  # a finding's code, or not_checked
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("despatched", QUANTITY, nullable=False),
    sa.Column("shipped", QUANTITY, nullable=False),
    sa.Column("since", TIME, nullable=False),  # of the event, not of our noticing
    sa.Column("value_at_risk", MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "category"),
)

despatch_gap_history = sa.Table(
    "despatch_gap_history",
    metadata,
    store_column(),
    sa.Column("measured_at", TIME, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("oldest_minutes", sa.BigInteger, nullable=False),
    sa.Column("value_at_risk", MONEY, nullable=False),
)
