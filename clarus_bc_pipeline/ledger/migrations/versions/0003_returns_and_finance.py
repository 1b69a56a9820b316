"""Returns and finance, what order lines come to with tax, and the interlocks that the database itself holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
QUANTITY = sa.Numeric(precision=16, scale=4)
MONEY = sa.Numeric(precision=20, scale=4)

INTERLOCKS = """
CREATE FUNCTION refund_needs_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM refund_approval a
    WHERE a.store = NEW.store AND a.rma = NEW.business_key AND a.refund_id IS NULL
      AND EXISTS (SELECT FROM refund_approval_line l WHERE l.store = a.store AND l.rma = a.rma)
  ) THEN
    RAISE EXCEPTION 'refund % of store %: not approved, or refunded already', NEW.business_key, NEW.store
      USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_needs_approval';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refund_needs_approval BEFORE INSERT OR UPDATE OF state ON push FOR EACH ROW
  WHEN (NEW.kind = 'refund' AND NEW.state IN ('pending', 'sending')) EXECUTE FUNCTION refund_needs_approval();

CREATE FUNCTION refund_within_passed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM rma_line l JOIN rma r USING (store, rma)
    WHERE l.store = NEW.store AND l.rma = NEW.rma AND l.order_product_id = NEW.order_product_id
      AND r.received_at IS NOT NULL AND r.inspected_at IS NOT NULL AND NEW.units <= l.passed
  ) THEN
    RAISE EXCEPTION 'refund of % unit(s) of order line % of RMA %: not received and passed', NEW.units,
      NEW.order_product_id, NEW.rma USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_passed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refund_within_passed BEFORE INSERT OR UPDATE ON refund_approval_line FOR EACH ROW
  EXECUTE FUNCTION refund_within_passed();

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'journal lines are never changed: post the difference'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_is_append_only';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal_line FOR EACH STATEMENT
  EXECUTE FUNCTION journal_is_append_only();

CREATE FUNCTION journal_holds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT n.store, n.period INTO bad FROM (SELECT DISTINCT store, period FROM posted) n
    JOIN accounting_period USING (store, period) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'period % of store % is closed: post to the next open one', bad.period, bad.store
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_period_open';
  END IF;
  SELECT n.store, n.journal INTO bad FROM posted n GROUP BY n.store, n.journal, n.currency
    HAVING sum(n.debit) <> sum(n.credit) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % of store % does not balance', bad.journal, bad.store
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balances';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER journal_holds AFTER INSERT ON journal_line REFERENCING NEW TABLE AS posted FOR EACH STATEMENT
  EXECUTE FUNCTION journal_holds();
"""


def upgrade() -> None:
    """Create the tables of returns and finance, and their interlocks."""
    for table in ("bigcommerce_order", "bigcommerce_order_line"):
        op.add_column(table, sa.Column("total_tax", MONEY, server_default="0", nullable=False))
    op.add_column("bigcommerce_order_line", sa.Column("total_inc_tax", MONEY, server_default="0", nullable=False))
    op.create_table(
        "rma",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rma", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("metafield_id", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refund_shipping", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("announced_at", TIME),
        sa.Column("received_at", TIME),
        sa.Column("inspected_at", TIME),
        sa.Column("refunded_at", TIME),
        sa.Column("restocked_at", TIME),
        sa.Column("closed_at", TIME),
        sa.Column("closed_because", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint(
            "state IN ('authorised','announced','received','inspected','refunded','restocked','closed')",
            name="ck_rma_state",
        ),
        sa.PrimaryKeyConstraint("store", "rma", name="pk_rma"),
    )
    op.create_index("ix_rma_store_order_id", "rma", ["store", "order_id"])
    op.create_index("ix_rma_store_state", "rma", ["store", "state"])
    op.create_table(
        "rma_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rma", sa.Text(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sellable", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("damaged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("missing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("passed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint("passed BETWEEN 0 AND LEAST(units, sellable + damaged)", name="ck_rma_line_passed"),
        sa.CheckConstraint("sellable >= 0 AND damaged >= 0 AND missing >= 0", name="ck_rma_line_grades"),
        sa.CheckConstraint("units > 0", name="ck_rma_line_units"),
        sa.PrimaryKeyConstraint("store", "rma", "order_product_id", name="pk_rma_line"),
    )
    op.create_table(
        "rma_event",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rma", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("store", "rma", "state", name="pk_rma_event"),
    )
    op.create_table(
        "clarus_receipt",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("received_at", TIME),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "receipt_id", name="pk_clarus_receipt"),
    )
    op.create_index("ix_clarus_receipt_store_reference", "clarus_receipt", ["store", "reference"])
    op.create_index("ix_clarus_receipt_store_status", "clarus_receipt", ["store", "status"])
    op.create_table(
        "clarus_receipt_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("receipt_line_id", sa.BigInteger(), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("line_reference", sa.Text()),
        sa.Column("expected", QUANTITY, nullable=False),
        sa.Column("received", QUANTITY, nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("inspection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "receipt_line_id", name="pk_clarus_receipt_line"),
    )
    op.create_index("ix_clarus_receipt_line_store_receipt_id", "clarus_receipt_line", ["store", "receipt_id"])
    op.create_table(
        "bigcommerce_refund",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("rma", sa.Text()),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("tax", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("declined", MONEY, server_default="0", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "refund_id", name="pk_bigcommerce_refund"),
    )
    op.create_index("ix_bigcommerce_refund_store_created_at", "bigcommerce_refund", ["store", "created_at"])
    op.create_index("ix_bigcommerce_refund_store_order_id", "bigcommerce_refund", ["store", "order_id"])
    op.create_table(
        "bigcommerce_refund_item",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_type", sa.Text(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.PrimaryKeyConstraint("store", "refund_id", "position", name="pk_bigcommerce_refund_item"),
    )
    op.create_table(
        "refund_approval",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rma", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("shipping", MONEY, nullable=False),
        sa.Column("restocking_fee", MONEY, nullable=False),
        sa.Column("captured", MONEY, nullable=False),
        sa.Column("refunded_before", MONEY, nullable=False),
        sa.Column("approved_at", TIME, nullable=False),
        sa.Column("quoted", MONEY),
        sa.Column("tenders", JSONB),
        sa.Column("refund_id", sa.BigInteger()),
        sa.CheckConstraint("amount <= captured - refunded_before", name="ck_refund_approval_left"),
        sa.CheckConstraint(
            "amount > 0 AND refunded_before >= 0 AND shipping >= 0 AND restocking_fee >= 0",
            name="ck_refund_approval_amount",
        ),
        sa.CheckConstraint("quoted IS NULL OR quoted <= amount", name="ck_refund_approval_quoted"),
        sa.PrimaryKeyConstraint("store", "rma", name="pk_refund_approval"),
    )
    op.create_index(
        "uq_refund_approval_in_flight",
        "refund_approval",
        ["store", "order_id"],
        unique=True,
        postgresql_where=sa.text("refund_id IS NULL"),
    )
    op.create_table(
        "refund_approval_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rma", sa.Text(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.CheckConstraint("units > 0 AND amount >= 0", name="ck_refund_approval_line_units"),
        sa.ForeignKeyConstraint(
            ["store", "rma", "order_product_id"],
            ["rma_line.store", "rma_line.rma", "rma_line.order_product_id"],
            name="fk_refund_approval_line_rma_line",
        ),
        sa.ForeignKeyConstraint(
            ["store", "rma"], ["refund_approval.store", "refund_approval.rma"], name="fk_refund_approval_line_approval"
        ),
        sa.PrimaryKeyConstraint("store", "rma", "order_product_id", name="pk_refund_approval_line"),
    )
    op.create_table(
        "bigcommerce_transaction",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("gateway_transaction_id", sa.Text()),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "transaction_id", name="pk_bigcommerce_transaction"),
    )
    op.create_index("ix_bigcommerce_transaction_store_order_id", "bigcommerce_transaction", ["store", "order_id"])
    op.create_table(
        "payment_reading",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("read_at", TIME, nullable=False),
        sa.Column("order_modified_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_payment_reading"),
    )
    op.create_table(
        "accounting_period",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("closed_at", TIME, nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("journal_lines", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "period", name="pk_accounting_period"),
    )
    op.create_table(
        "journal_line",
        sa.Column("journal_line_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("posting_date", sa.Date(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("nominal", sa.Text(), nullable=False),
        sa.Column("debit", MONEY, nullable=False),
        sa.Column("credit", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger()),
        sa.Column("narrative", sa.Text(), nullable=False),
        sa.Column("belongs_to", sa.Text()),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("posted_at", TIME, nullable=False),
        sa.CheckConstraint(
            "debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)", name="ck_journal_line_one_side"
        ),
        sa.PrimaryKeyConstraint("journal_line_id", name="pk_journal_line"),
    )
    op.create_index("ix_journal_line_store_event", "journal_line", ["store", "event"])
    op.create_index("ix_journal_line_store_period", "journal_line", ["store", "period"])
    op.execute(INTERLOCKS)


def downgrade() -> None:
    """Not offered: restore the backup that was taken before the upgrade."""
    raise NotImplementedError("the ledger is never downgraded: restore a backup")
