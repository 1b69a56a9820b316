"""What is on sale, in which categories, and which products the warehouse has stopped or made obsolete."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the next reading of both catalogues fills them."""
    variant = "bigcommerce_variant"
    op.add_column(variant, sa.Column("is_on_sale", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column(variant, sa.Column("category_ids", JSONB(), nullable=False, server_default=sa.text("'[]'")))
    op.add_column("clarus_product", sa.Column("withdrawn", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Not offered: restore the backup that was taken before the upgrade."""
    raise NotImplementedError("the ledger is never downgraded: restore a backup")
