"""Finance: payments, what each order line comes to, the journal, and the periods that are closed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from clarus_bc_pipeline.ledger.tables.columns import MONEY, TIME, key_column, metadata, source_columns, store_column

bigcommerce_transaction = sa.Table(
    "bigcommerce_transaction",
    metadata,
    store_column(),
    key_column("transaction_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column(
        "event", sa.Text, nullable=False
    ),  # purchase | authorization | capture | refund | void | pending | settled
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("gateway_transaction_id", sa.Text),
    sa.Column("amount", MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # ok | error
    sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    *source_columns(),
    sa.Index(None, "store", "order_id"),
)

# Which orders' transactions were read, and as of which state of the order: the shop lists them an order at a time.
payment_reading = sa.Table(
    "payment_reading",
    metadata,
    store_column(),
    key_column("order_id"),
    sa.Column("read_at", TIME, nullable=False),
    sa.Column("order_modified_at", TIME, nullable=False),
)

accounting_period = sa.Table(
    "accounting_period",
    metadata,
    store_column(),
    key_column("period", sa.Text),  # 2026-11, of the store's time zone
    sa.Column("closed_at", TIME, nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("journal_lines", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),  # of the period's journal lines
)

# Append-only. A fact that changes is posted as the difference; a closed period's difference goes to the next open one.
journal_line = sa.Table(
    "journal_line",
    metadata,
    sa.Column("journal_line_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column(
        "journal", sa.Text, nullable=False
    ),  # the entry that it is a part of; debits and credits of one are equal
    sa.Column("posting_date", sa.Date, nullable=False),
    sa.Column("account", sa.Text, nullable=False),  # what it is for: deferred_income, revenue, vat ...
    sa.Column("nominal", sa.Text, nullable=False),  # the settings' code for it
    sa.Column("debit", MONEY, nullable=False),
    sa.Column("credit", MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),  # despatch:914/1, refund:77, return:RMA-3 ...
    sa.Column("order_id", sa.BigInteger),
    sa.Column("narrative", sa.Text, nullable=False),
    sa.Column("belongs_to", sa.Text),  # the closed period that the fact is of; null: its own
    sa.Column("evidence", JSONB, nullable=False),
    sa.Column("posted_at", TIME, nullable=False),
    sa.CheckConstraint("debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)", name="one_side"),
    sa.Index(None, "store", "period"),
    sa.Index(None, "store", "event"),
    sa.Index(None, "store", "order_id"),
    sa.Index("ix_journal_line_adjusts", "store", "period", postgresql_where=sa.text("evidence ? 'adjusts'")),
)

# What order, payment, despatch and refund do not agree on, as last matched; whoever agrees has no row.
finance_break = sa.Table(
    "finance_break",
    metadata,
    store_column(),
    key_column("order_id"),
    key_column("order_product_id"),  # 0: the order as a whole
    key_column("code", sa.Text),  # a finding's code, or one that needs nobody: not_checked, refund_owed
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount", MONEY, nullable=False),
    sa.Column("since", TIME, nullable=False),  # of the event, not of our noticing
    sa.Column("is_material", sa.Boolean, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index(None, "store", "code"),
)
