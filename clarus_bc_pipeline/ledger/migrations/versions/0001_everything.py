"""Everything: facts, the mechanism (cursor, push, finding, lease) and the proof tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of the first release."""
    op.create_table(
        "bigcommerce_order",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("status_id", sa.Integer(), nullable=False),
        sa.Column("payment_status", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.BigInteger()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_inc_tax", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("items_total", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("items_shipped", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("external_order_id", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("release_hash", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_bigcommerce_order"),
    )
    op.create_index("ix_bigcommerce_order_store_modified_at", "bigcommerce_order", ["store", "modified_at"])
    op.create_index("ix_bigcommerce_order_store_seen_at", "bigcommerce_order", ["store", "seen_at"])
    op.create_index("ix_bigcommerce_order_store_status_id", "bigcommerce_order", ["store", "status_id"])
    op.create_table(
        "bigcommerce_order_address",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_address_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("country_iso2", sa.Text(), nullable=False),
        sa.Column("shipping_method", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_address_id", name="pk_bigcommerce_order_address"),
    )
    op.create_index("ix_bigcommerce_order_address_store_order_id", "bigcommerce_order_address", ["store", "order_id"])
    op.create_table(
        "bigcommerce_order_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_address_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger()),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("quantity_shipped", sa.BigInteger(), nullable=False),
        sa.Column("quantity_refunded", sa.BigInteger(), nullable=False),
        sa.Column("price_inc_tax", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_product_id", name="pk_bigcommerce_order_line"),
    )
    op.create_index("ix_bigcommerce_order_line_store_order_id", "bigcommerce_order_line", ["store", "order_id"])
    op.create_index("ix_bigcommerce_order_line_store_seen_at", "bigcommerce_order_line", ["store", "seen_at"])
    op.create_index("ix_bigcommerce_order_line_store_sku", "bigcommerce_order_line", ["store", "sku"])
    op.create_table(
        "bigcommerce_shipment",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_address_id", sa.BigInteger(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("tracking_carrier", sa.Text(), nullable=False),
        sa.Column("shipping_provider", sa.Text(), nullable=False),
        sa.Column("tracking_link", sa.Text(), nullable=False),
        sa.Column("marker", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "shipment_id", name="pk_bigcommerce_shipment"),
    )
    op.create_index("ix_bigcommerce_shipment_store_order_id", "bigcommerce_shipment", ["store", "order_id"])
    op.create_index("ix_bigcommerce_shipment_store_seen_at", "bigcommerce_shipment", ["store", "seen_at"])
    op.create_table(
        "bigcommerce_shipment_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "shipment_id", "order_product_id", name="pk_bigcommerce_shipment_line"),
    )
    op.create_index(
        "ix_bigcommerce_shipment_line_store_order_product_id",
        "bigcommerce_shipment_line",
        ["store", "order_product_id"],
    )
    op.create_table(
        "bigcommerce_variant",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("gtin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "variant_id", name="pk_bigcommerce_variant"),
    )
    op.create_index("ix_bigcommerce_variant_store_sku", "bigcommerce_variant", ["store", "sku"])
    op.create_table(
        "clarus_goods_out",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger()),
        sa.Column("order_address_id", sa.BigInteger()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("carrier_code", sa.Text()),
        sa.Column("despatched_at", sa.DateTime(timezone=True)),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_id", name="pk_clarus_goods_out"),
    )
    op.create_index("ix_clarus_goods_out_store_order_id", "clarus_goods_out", ["store", "order_id"])
    op.create_index("ix_clarus_goods_out_store_reference", "clarus_goods_out", ["store", "reference"])
    op.create_index("ix_clarus_goods_out_store_seen_at", "clarus_goods_out", ["store", "seen_at"])
    op.create_index("ix_clarus_goods_out_store_status", "clarus_goods_out", ["store", "status"])
    op.create_table(
        "clarus_goods_out_event",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_id", "status", "seen_at", name="pk_clarus_goods_out_event"),
    )
    op.create_table(
        "clarus_goods_out_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_line_id", sa.BigInteger(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger()),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("ordered", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("allocated", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("picked", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("despatched", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("short_status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_line_id", name="pk_clarus_goods_out_line"),
    )
    op.create_index("ix_clarus_goods_out_line_store_goods_out_id", "clarus_goods_out_line", ["store", "goods_out_id"])
    op.create_index("ix_clarus_goods_out_line_store_seen_at", "clarus_goods_out_line", ["store", "seen_at"])
    op.create_table(
        "clarus_package",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("package_id", sa.BigInteger(), nullable=False),
        sa.Column("clarus_shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "package_id", name="pk_clarus_package"),
    )
    op.create_index("ix_clarus_package_store_goods_out_id", "clarus_package", ["store", "goods_out_id"])
    op.create_index("ix_clarus_package_store_seen_at", "clarus_package", ["store", "seen_at"])
    op.create_table(
        "clarus_product",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "product_id", name="pk_clarus_product"),
    )
    op.create_index("ix_clarus_product_store_product_code", "clarus_product", ["store", "product_code"])
    op.create_table(
        "clarus_shipment",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("clarus_shipment_id", sa.BigInteger(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "clarus_shipment_id", name="pk_clarus_shipment"),
    )
    op.create_index("ix_clarus_shipment_store_goods_out_id", "clarus_shipment", ["store", "goods_out_id"])
    op.create_index("ix_clarus_shipment_store_seen_at", "clarus_shipment", ["store", "seen_at"])
    op.create_table(
        "cursor",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("position", JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "feed", name="pk_cursor"),
    )
    op.create_table(
        "despatch",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_address_id", sa.BigInteger(), nullable=False),
        sa.Column("despatched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("store", "goods_out_id", "sequence", name="pk_despatch"),
    )
    op.create_index("ix_despatch_store_order_id", "despatch", ["store", "order_id"])
    op.create_table(
        "despatch_gap_history",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("oldest_minutes", sa.BigInteger(), nullable=False),
        sa.Column("value_at_risk", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.PrimaryKeyConstraint("store", "measured_at", "category", name="pk_despatch_gap_history"),
    )
    op.create_table(
        "despatch_gap_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_line_id", sa.BigInteger(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("despatched", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("shipped", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value_at_risk", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_line_id", "order_product_id", name="pk_despatch_gap_line"),
    )
    op.create_index("ix_despatch_gap_line_store_category", "despatch_gap_line", ["store", "category"])
    op.create_index("ix_despatch_gap_line_store_order_id", "despatch_gap_line", ["store", "order_id"])
    op.create_table(
        "despatch_line",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("goods_out_line_id", sa.BigInteger(), nullable=False),
        sa.Column("order_product_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_id", "sequence", "goods_out_line_id", name="pk_despatch_line"),
    )
    op.create_index("ix_despatch_line_store_order_product_id", "despatch_line", ["store", "order_product_id"])
    op.create_table(
        "despatch_parcel",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("goods_out_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("parcel", sa.Integer(), nullable=False),
        sa.Column("package_id", sa.BigInteger()),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "goods_out_id", "sequence", "parcel", name="pk_despatch_parcel"),
    )
    op.create_index("ix_despatch_parcel_store_tracking_number", "despatch_parcel", ["store", "tracking_number"])
    op.create_table(
        "despatch_proof",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("despatched_lines", sa.Integer(), nullable=False),
        sa.Column("confirmed_lines", sa.Integer(), nullable=False),
        sa.Column("gap_lines", sa.Integer(), nullable=False),
        sa.Column("not_checked_lines", sa.Integer(), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_despatch_proof"),
    )
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("value_at_risk", sa.Numeric(precision=20, scale=4)),
        sa.Column("currency", sa.Text()),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("occurrences", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("assigned_to", sa.Text()),
        sa.Column("snoozed_until", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('open','resolved','closed')", name="ck_finding_state"),
        sa.PrimaryKeyConstraint("finding_id", name="pk_finding"),
    )
    op.create_index("ix_finding_store_code_subject", "finding", ["store", "code", "subject"])
    op.create_index("ix_finding_store_order_id", "finding", ["store", "order_id"])
    op.create_index("ix_finding_store_scope_state", "finding", ["store", "scope", "state"])
    op.create_index(
        "uq_finding_open",
        "finding",
        ["store", "code", "subject"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "finding_event",
        sa.Column("finding_event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("finding_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("finding_event_id", name="pk_finding_event"),
    )
    op.create_index("ix_finding_event_store_finding_id", "finding_event", ["store", "finding_id"])
    op.create_table(
        "order_metafield",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("metafield_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "metafield_id", name="pk_order_metafield"),
    )
    op.create_index("ix_order_metafield_store_order_id", "order_metafield", ["store", "order_id"])
    op.create_table(
        "order_personal",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("purge_after", sa.DateTime(timezone=True)),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name="pk_order_personal"),
    )
    op.create_table(
        "push",
        sa.Column("push_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("cause", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("remote_id", sa.Text()),
        sa.Column("last_error", sa.Text()),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('pending','sending','ambiguous','delivered','parked','superseded')",
            name="ck_push_state",
        ),
        sa.PrimaryKeyConstraint("push_id", name="pk_push"),
        sa.UniqueConstraint("store", "kind", "business_key", name="uq_push_store_kind_business_key"),
    )
    op.create_index(
        "ix_push_due",
        "push",
        ["store", "due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending','sending','ambiguous','parked')"),
    )
    op.create_index("ix_push_lane", "push", ["store", "lane"])
    op.create_index(
        "ix_push_open",
        "push",
        ["store", "lane", "push_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending','sending','ambiguous')"),
    )
    op.create_index(
        "ix_push_pending",
        "push",
        ["store", "priority", "push_id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "uq_push_in_flight",
        "push",
        ["store", "lane"],
        unique=True,
        postgresql_where=sa.text("state IN ('sending','ambiguous')"),
    )
    op.create_table(
        "push_attempt",
        sa.Column("push_attempt_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("push_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.Column("http_status", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("push_attempt_id", name="pk_push_attempt"),
    )
    op.create_index("ix_push_attempt_store_push_id", "push_attempt", ["store", "push_id"])
    op.create_table(
        "worker_lease",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", name="pk_worker_lease"),
    )


def downgrade() -> None:
    """Not offered: restore the backup that was taken before the upgrade."""
    raise NotImplementedError("the ledger is never downgraded: restore a backup")
