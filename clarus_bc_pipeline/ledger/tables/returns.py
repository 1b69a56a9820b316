"""Returns: what the shop authorised, what the warehouse found, and the one refund that each RMA may have.

An RMA line's `passed` is what may be refunded. The database refuses a refund without an approval, an approval of more
than passed or than is left of the money, and a second approval of one RMA (triggers and keys, migration 0003).
"""

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

rma = sa.Table(
    "rma",
    metadata,
    store_column(),
    key_column("rma", sa.Text),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("metafield_id", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("refund_shipping", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("opened_at", TIME, nullable=False),
    sa.Column("announced_at", TIME),
    sa.Column("received_at", TIME),  # the 14 days of the refund start here
    sa.Column("inspected_at", TIME),
    sa.Column("refunded_at", TIME),
    sa.Column("restocked_at", TIME),
    sa.Column("closed_at", TIME),
    sa.Column("closed_because", sa.Text),
    *source_columns(),
    sa.CheckConstraint(
        "state IN ('authorised','announced','received','inspected','refunded','restocked','closed')", name="state"
    ),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "state"),
)

rma_line = sa.Table(
    "rma_line",
    metadata,
    store_column(),
    key_column("rma", sa.Text),
    key_column("order_product_id"),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),  # authorised
    sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("sellable", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("damaged", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("missing", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("passed", sa.BigInteger, nullable=False, server_default="0"),  # may be refunded
    *source_columns(),
    sa.CheckConstraint("units > 0", name="units"),
    sa.CheckConstraint("sellable >= 0 AND damaged >= 0 AND missing >= 0", name="grades"),
    sa.CheckConstraint("passed BETWEEN 0 AND LEAST(units, sellable + damaged)", name="passed"),
)

# Each step of an RMA's sequence, and what proves it.
rma_event = sa.Table(
    "rma_event",
    metadata,
    store_column(),
    key_column("rma", sa.Text),
    key_column("state", sa.Text),
    sa.Column("at", TIME, nullable=False),
    sa.Column("evidence", JSONB, nullable=False),
)

clarus_receipt = sa.Table(
    "clarus_receipt",
    metadata,
    store_column(),
    key_column("receipt_id"),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("received_at", TIME),
    *source_columns(),
    sa.Index(None, "store", "reference"),
    sa.Index(None, "store", "status"),
)

clarus_receipt_line = sa.Table(
    "clarus_receipt_line",
    metadata,
    store_column(),
    key_column("receipt_line_id"),
    sa.Column("receipt_id", sa.BigInteger, nullable=False),
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("line_reference", sa.Text),  # the order line that it was announced for
    sa.Column("expected", QUANTITY, nullable=False),
    sa.Column("received", QUANTITY, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),  # unit | case | inner | outer
    sa.Column("inspection", sa.Text, nullable=False),  # as Clarus says it; empty: not yet
    *source_columns(),
    sa.Index(None, "store", "receipt_id"),
)

bigcommerce_refund = sa.Table(
    "bigcommerce_refund",
    metadata,
    store_column(),
    key_column("refund_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("rma", sa.Text),  # from the reason's marker; null: made by hand, or by another app
    sa.Column("amount", MONEY, nullable=False),
    sa.Column("tax", MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("declined", MONEY, nullable=False, server_default="0"),  # of the amount, what the gateway declined
    sa.Column("created_at", TIME, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "created_at"),
)

bigcommerce_refund_item = sa.Table(
    "bigcommerce_refund_item",
    metadata,
    store_column(),
    key_column("refund_id"),
    key_column("position", sa.Integer),
    sa.Column(
        "item_type", sa.Text, nullable=False
    ),  # PRODUCT | GIFT_WRAPPING | SHIPPING | HANDLING | ORDER | TAX | FEE
    sa.Column("item_id", sa.BigInteger, nullable=False),  # PRODUCT: the order_product_id
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("amount", MONEY, nullable=False),
)

# The interlock: a refund push exists only beside a row here. One a RMA, for ever.
refund_approval = sa.Table(
    "refund_approval",
    metadata,
    store_column(),
    key_column("rma", sa.Text),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount", MONEY, nullable=False),  # lines + shipping - restocking fee; at most: the quote may say less
    sa.Column("shipping", MONEY, nullable=False),
    sa.Column("restocking_fee", MONEY, nullable=False),
    sa.Column("captured", MONEY, nullable=False),  # of the order, when it was approved
    sa.Column("refunded_before", MONEY, nullable=False),
    sa.Column("approved_at", TIME, nullable=False),
    sa.Column("quoted", MONEY),  # what the shop quoted when it was sent
    sa.Column("tenders", JSONB),  # what was chosen of the quote's methods
    sa.Column("refund_id", sa.BigInteger),
    sa.CheckConstraint("amount > 0 AND refunded_before >= 0 AND shipping >= 0 AND restocking_fee >= 0", name="amount"),
    sa.CheckConstraint("amount <= captured - refunded_before", name="left"),
    sa.CheckConstraint("quoted IS NULL OR quoted <= amount", name="quoted"),
    # One refund at a time per order: BigCommerce does not support more.
    sa.Index(
        "uq_refund_approval_in_flight", "store", "order_id", unique=True, postgresql_where=sa.text("refund_id IS NULL")
    ),
)

refund_approval_line = sa.Table(
    "refund_approval_line",
    metadata,
    store_column(),
    key_column("rma", sa.Text),
    key_column("order_product_id"),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("amount", MONEY, nullable=False),
    sa.CheckConstraint("units > 0 AND amount >= 0", name="units"),
    sa.ForeignKeyConstraint(
        ["store", "rma"], ["refund_approval.store", "refund_approval.rma"], name="fk_refund_approval_line_approval"
    ),
    sa.ForeignKeyConstraint(
        ["store", "rma", "order_product_id"],
        ["rma_line.store", "rma_line.rma", "rma_line.order_product_id"],
        name="fk_refund_approval_line_rma_line",
    ),
)
