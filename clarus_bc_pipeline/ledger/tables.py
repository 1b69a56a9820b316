"""The ledger's tables, in SQLAlchemy Core.

What belongs here: columns, keys and indexes. What does not: queries (beside the flow or the mechanism they serve)
and changes of schema (`migrations/`). Every table is keyed by `store` first. Money is `numeric` with its currency;
times are `timestamptz` (UTC). Names, e-mail, phone and street live in `order_personal` only, and are purged.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_TIME = sa.DateTime(timezone=True)
_MONEY = sa.Numeric(20, 4)
_QUANTITY = sa.Numeric(16, 4)


def _key(name: str, type_: type[sa.types.TypeEngine[Any]] = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False)


def _store() -> sa.Column[Any]:
    return _key("store", sa.Text)


def _source() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Who said it ("BigCommerce orders", "reply to push 17") and when we saw it."""
    return sa.Column("source", sa.Text, nullable=False), sa.Column("seen_at", _TIME, nullable=False)


# --- facts from BigCommerce -----------------------------------------------------------------------------------

bigcommerce_order = sa.Table(
    "bigcommerce_order",
    metadata,
    _store(),
    _key("order_id"),
    sa.Column("status_id", sa.Integer, nullable=False),
    sa.Column("payment_status", sa.Text, nullable=False),
    sa.Column("channel_id", sa.BigInteger),
    sa.Column("currency", sa.Text, nullable=False),  # the transactional currency: what the shopper paid in
    sa.Column("total_inc_tax", _MONEY, nullable=False),
    sa.Column("items_total", _QUANTITY, nullable=False),
    sa.Column("items_shipped", _QUANTITY, nullable=False),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("external_order_id", sa.Text),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("modified_at", _TIME, nullable=False),
    sa.Column("read_at", _TIME),  # last time this order was read on purpose, changed or not
    sa.Column(
        "release_hash", sa.Text, nullable=False
    ),  # of all that the warehouse is told: lines, addresses, notes
    *_source(),
    sa.Index(None, "store", "status_id"),
    sa.Index(None, "store", "modified_at"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_order_line = sa.Table(
    "bigcommerce_order_line",
    metadata,
    _store(),
    _key("order_product_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),  # 0: no shipping address (digital, pickup)
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variant_id", sa.BigInteger),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),  # physical | digital | giftcertificate
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("quantity_shipped", sa.BigInteger, nullable=False),
    sa.Column("quantity_refunded", sa.BigInteger, nullable=False),
    sa.Column("price_inc_tax", _MONEY, nullable=False),  # of one unit
    *_source(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "sku"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_order_address = sa.Table(
    "bigcommerce_order_address",
    metadata,
    _store(),
    _key("order_address_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("country_iso2", sa.Text, nullable=False),
    sa.Column("shipping_method", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "order_id"),
)

# The release payload: the only place of names, e-mail, phone, street and free text. Purged after despatch.
order_personal = sa.Table(
    "order_personal",
    metadata,
    _store(),
    _key("order_id"),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("purge_after", _TIME),
    *_source(),
)

order_metafield = sa.Table(
    "order_metafield",
    metadata,
    _store(),
    _key("metafield_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "order_id"),
)

bigcommerce_shipment = sa.Table(
    "bigcommerce_shipment",
    metadata,
    _store(),
    _key("shipment_id"),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    sa.Column("tracking_carrier", sa.Text, nullable=False),
    sa.Column("shipping_provider", sa.Text, nullable=False),
    sa.Column("tracking_link", sa.Text, nullable=False),  # ours, or the one that BigCommerce generated
    sa.Column("marker", sa.Text),  # from comments: GO-914/1/2; null when somebody else made the shipment
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("deleted_at", _TIME),
    *_source(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "seen_at"),
)

bigcommerce_shipment_line = sa.Table(
    "bigcommerce_shipment_line",
    metadata,
    _store(),
    _key("shipment_id"),
    _key("order_product_id"),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    *_source(),
    sa.Index(None, "store", "order_product_id"),
)

bigcommerce_variant = sa.Table(
    "bigcommerce_variant",
    metadata,
    _store(),
    _key("variant_id"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("gtin", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "sku"),
)

# --- facts from Clarus ----------------------------------------------------------------------------------------

clarus_product = sa.Table(
    "clarus_product",
    metadata,
    _store(),
    _key("product_id"),
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("barcode", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "product_code"),
)

clarus_goods_out = sa.Table(
    "clarus_goods_out",
    metadata,
    _store(),
    _key("goods_out_id"),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("order_id", sa.BigInteger),  # null: not one of ours
    sa.Column("order_address_id", sa.BigInteger),
    sa.Column(
        "status", sa.Text, nullable=False
    ),  # DRAFT PENDING PICK PART ALLOCATED COMPLETED PART_ALLOCATED CANCELLED
    sa.Column("carrier_code", sa.Text),
    sa.Column("despatched_at", _TIME),
    sa.Column("missing_since", _TIME),  # deleted by hand: asked for by id and not returned
    *_source(),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "status"),
    sa.Index(None, "store", "reference"),
    sa.Index(None, "store", "seen_at"),
)

clarus_goods_out_line = sa.Table(
    "clarus_goods_out_line",
    metadata,
    _store(),
    _key("goods_out_line_id"),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column(
        "order_product_id", sa.BigInteger
    ),  # by line reference, else by SKU; null: could not be matched
    sa.Column("candidates", sa.Integer, nullable=False),  # order lines that it could be: 1 is a match
    sa.Column("product_code", sa.Text, nullable=False),
    sa.Column("ordered", _QUANTITY, nullable=False),
    sa.Column("allocated", _QUANTITY, nullable=False),
    sa.Column("picked", _QUANTITY, nullable=False),
    sa.Column("despatched", _QUANTITY, nullable=False),
    sa.Column("short_status", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)

# How an order moved through the warehouse, for anyone who asks where it stands.
clarus_goods_out_event = sa.Table(
    "clarus_goods_out_event",
    metadata,
    _store(),
    _key("goods_out_id"),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("seen_at", _TIME, primary_key=True),
)

clarus_shipment = sa.Table(
    "clarus_shipment",
    metadata,
    _store(),
    _key("clarus_shipment_id"),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("carrier_code", sa.Text, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    *_source(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)

clarus_package = sa.Table(
    "clarus_package",
    metadata,
    _store(),
    _key("package_id"),
    sa.Column("clarus_shipment_id", sa.BigInteger, nullable=False),
    sa.Column("goods_out_id", sa.BigInteger, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),
    sa.Column("missing_since", _TIME),
    *_source(),
    sa.Index(None, "store", "goods_out_id"),
    sa.Index(None, "store", "seen_at"),
)

# --- despatch: what left, event by event, and the parcels it was announced as ----------------------------------

despatch = sa.Table(
    "despatch",
    metadata,
    _store(),
    _key("goods_out_id"),
    _key("sequence", sa.Integer),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("order_address_id", sa.BigInteger, nullable=False),
    sa.Column("despatched_at", _TIME, nullable=False),  # the warehouse's time
    sa.Column("decided_at", _TIME, nullable=False),
    sa.Column("voided_at", _TIME),
    sa.Index(None, "store", "order_id"),
)

despatch_line = sa.Table(
    "despatch_line",
    metadata,
    _store(),
    _key("goods_out_id"),
    _key("sequence", sa.Integer),
    _key("goods_out_line_id"),
    sa.Column("order_product_id", sa.BigInteger, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Index(None, "store", "order_product_id"),
)

despatch_parcel = sa.Table(
    "despatch_parcel",
    metadata,
    _store(),
    _key("goods_out_id"),
    _key("sequence", sa.Integer),
    _key("parcel", sa.Integer),
    sa.Column("package_id", sa.BigInteger),  # null: Clarus has no package record; the goods-out is one parcel
    sa.Column("carrier_code", sa.Text, nullable=False),
    sa.Column("tracking_number", sa.Text, nullable=False),  # as announced; "" while none is known
    sa.Index(None, "store", "tracking_number"),
)

# --- the mechanism --------------------------------------------------------------------------------------------

cursor = sa.Table(
    "cursor",
    metadata,
    _store(),
    _key("feed", sa.Text),
    sa.Column("position", JSONB, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
)

push = sa.Table(
    "push",
    metadata,
    sa.Column("push_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("business_key", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("cause", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),  # sends
    sa.Column(
        "failures", sa.Integer, nullable=False, server_default="0"
    ),  # sends that did not deliver, in a row
    sa.Column(
        "misses", sa.Integer, nullable=False, server_default="0"
    ),  # read-backs that did not find it, in a row
    sa.Column("next_attempt_at", _TIME, nullable=False),
    sa.Column(
        "lease_token", sa.BigInteger, nullable=False, server_default="0"
    ),  # fencing: grows with every claim
    sa.Column("lease_until", _TIME),
    sa.Column("remote_id", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("due_at", _TIME),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("delivered_at", _TIME),
    sa.CheckConstraint(
        "state IN ('pending','sending','ambiguous','delivered','parked','superseded')", name="state"
    ),
    sa.UniqueConstraint("store", "kind", "business_key"),
    sa.Index(
        "ix_push_open",
        "store",
        "lane",
        "push_id",
        postgresql_where=sa.text("state IN ('pending','sending','ambiguous')"),
    ),
    sa.Index("ix_push_lane", "store", "lane"),
    # What may be sent next, in the order in which it goes.
    sa.Index(
        "ix_push_pending", "store", "priority", "push_id", postgresql_where=sa.text("state = 'pending'")
    ),
    # The database itself refuses a second push in flight in one lane.
    sa.Index(
        "uq_push_in_flight",
        "store",
        "lane",
        unique=True,
        postgresql_where=sa.text("state IN ('sending','ambiguous')"),
    ),
    sa.Index(
        "ix_push_due",
        "store",
        "due_at",
        postgresql_where=sa.text("state IN ('pending','sending','ambiguous','parked')"),
    ),
)

push_attempt = sa.Table(
    "push_attempt",
    metadata,
    sa.Column("push_attempt_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("push_id", sa.BigInteger, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # send | read_back | retry | park
    sa.Column("lease_token", sa.BigInteger, nullable=False),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("started_at", _TIME, nullable=False),
    sa.Column("finished_at", _TIME),
    sa.Column(
        "outcome", sa.Text
    ),  # delivered | not_applied | ambiguous | refused | auth | gone | found | missed | fenced
    sa.Column("http_status", sa.Integer),
    sa.Column("detail", sa.Text),
    sa.Index(None, "store", "push_id"),
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("finding_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),  # which decision looks after it, and so may resolve it
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("order_id", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("evidence", JSONB, nullable=False),
    sa.Column("value_at_risk", _MONEY),
    sa.Column("currency", sa.Text),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),  # open | resolved | closed
    sa.Column("occurrences", sa.Integer, nullable=False, server_default="1"),
    sa.Column("first_seen_at", _TIME, nullable=False),
    sa.Column("last_seen_at", _TIME, nullable=False),
    sa.Column("resolved_at", _TIME),
    sa.Column("assigned_to", sa.Text),
    sa.Column("snoozed_until", _TIME),
    sa.CheckConstraint("state IN ('open','resolved','closed')", name="state"),
    sa.Index(
        "uq_finding_open", "store", "code", "subject", unique=True, postgresql_where=sa.text("state = 'open'")
    ),
    sa.Index(None, "store", "scope", "state"),
    sa.Index(None, "store", "code", "subject"),  # has it been here before, and was it closed?
    sa.Index(None, "store", "order_id"),
)

finding_event = sa.Table(
    "finding_event",
    metadata,
    sa.Column("finding_event_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("finding_id", sa.BigInteger, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.Column(
        "event", sa.Text, nullable=False
    ),  # opened | repeated | changed | resolved | reopened | closed | assigned
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Index(None, "store", "finding_id"),
)

# What the last proof found, order by order; the totals of a store move by the difference of an order's rows.
despatch_proof = sa.Table(
    "despatch_proof",
    metadata,
    _store(),
    _key("order_id"),
    sa.Column("despatched_lines", sa.Integer, nullable=False),
    sa.Column("confirmed_lines", sa.Integer, nullable=False),
    sa.Column("gap_lines", sa.Integer, nullable=False),
    sa.Column("not_checked_lines", sa.Integer, nullable=False),
    sa.Column("proven_at", _TIME, nullable=False),
)

# Only the lines that are not confirmed.
despatch_gap_line = sa.Table(
    "despatch_gap_line",
    metadata,
    _store(),
    _key("goods_out_line_id"),
    _key("order_product_id"),  # 0: on one side only
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("category", sa.Text, nullable=False),  # a finding's code, or not_checked
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("despatched", _QUANTITY, nullable=False),
    sa.Column("shipped", _QUANTITY, nullable=False),
    sa.Column("since", _TIME, nullable=False),  # of the event, not of our noticing
    sa.Column("value_at_risk", _MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Index(None, "store", "order_id"),
    sa.Index(None, "store", "category"),
)

despatch_gap_history = sa.Table(
    "despatch_gap_history",
    metadata,
    _store(),
    sa.Column("measured_at", _TIME, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("oldest_minutes", sa.BigInteger, nullable=False),
    sa.Column("value_at_risk", _MONEY, nullable=False),
)

worker_lease = sa.Table(
    "worker_lease",
    metadata,
    _store(),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("lease_token", sa.BigInteger, nullable=False),
    sa.Column("lease_until", _TIME, nullable=False),
)
