"""What the finance flow's matching found, and the journal by order and by what was adjusted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
MONEY = sa.Numeric(precision=20, scale=4)


def upgrade() -> None:
    """Create the table of breaks and two indexes of the journal."""
    op.create_table(
        "finance_break",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("is_material", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", "order_product_id", "code", name="pk_finance_break"),
    )
    op.create_index("ix_finance_break_store_code", "finance_break", ["store", "code"])
    op.create_index("ix_journal_line_store_order_id", "journal_line", ["store", "order_id"])
    op.create_index(
        "ix_journal_line_adjusts",
        "journal_line",
        ["store", "period"],
        postgresql_where=sa.text("evidence ? 'adjusts'"),
    )


def downgrade() -> None:
    """Not offered: restore the backup that was taken before the upgrade."""
    raise NotImplementedError("the ledger is never downgraded: restore a backup")
