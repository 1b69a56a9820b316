"""Stock: balances, readings, locations, published levels. Two indexes go that no query used and each pull paid for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
QUANTITY = sa.Numeric(precision=16, scale=4)


def upgrade() -> None:
    """Create the tables of the stock flow."""
    op.drop_index("ix_bigcommerce_order_line_store_sku", "bigcommerce_order_line")
    op.drop_index("ix_bigcommerce_order_store_modified_at", "bigcommerce_order")
    op.create_table(
        "stock_balance",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("available", QUANTITY, nullable=False),
        sa.Column("allocated", QUANTITY, nullable=False),
        sa.Column("received", QUANTITY, nullable=False),
        sa.Column("picked", QUANTITY, nullable=False),
        sa.Column("ordered", QUANTITY, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("doubted", QUANTITY),
        sa.Column("doubted_at", TIME),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "product_id", "warehouse", name="pk_stock_balance"),
    )
    op.create_index("ix_stock_balance_store_product_code", "stock_balance", ["store", "product_code"])
    op.create_table(
        "stock_snapshot",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("products", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.Text()),
        sa.PrimaryKeyConstraint("store", "as_of", name="pk_stock_snapshot"),
    )
    op.create_table(
        "stock_location",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "location_id", name="pk_stock_location"),
    )
    op.create_table(
        "stock_level",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.Column("sent", sa.BigInteger()),
        sa.Column("sent_at", TIME),
        sa.Column("shown", sa.BigInteger()),
        sa.Column("shown_at", TIME),
        sa.Column("was_shown", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("refused", sa.Text()),
        sa.Column("refused_at", TIME),
        sa.Column("drifts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("drifted_at", TIME),
        sa.Column("drift_cause", sa.Text()),
        sa.PrimaryKeyConstraint("store", "sku", "location_id", name="pk_stock_level"),
    )
    op.create_index(
        "ix_stock_level_unproven", "stock_level", ["store", "sent_at"], postgresql_where=sa.text("NOT was_shown")
    )


def downgrade() -> None:
    """Not offered: restore the backup that was taken before the upgrade."""
    raise NotImplementedError("the ledger is never downgraded: restore a backup")
