"""What makes the pipeline safe: cursors, the outbox and its audit, findings, worker leases."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from clarus_bc_pipeline.ledger.tables.columns import MONEY, TIME, key_column, metadata, store_column

cursor = sa.Table(
    "cursor",
    metadata,
    store_column(),
    key_column("feed", sa.Text),
    sa.Column("position", JSONB, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
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
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # sends that did not deliver, in a row
    sa.Column("misses", sa.Integer, nullable=False, server_default="0"),  # read-backs that did not find it, in a row
    sa.Column("next_attempt_at", TIME, nullable=False),
    sa.Column("lease_token", sa.BigInteger, nullable=False, server_default="0"),  # fencing: grows with every claim
    sa.Column("lease_until", TIME),
    sa.Column("remote_id", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("due_at", TIME),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("delivered_at", TIME),
    sa.CheckConstraint("state IN ('pending','sending','ambiguous','delivered','parked','superseded')", name="state"),
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
    sa.Index("ix_push_pending", "store", "priority", "push_id", postgresql_where=sa.text("state = 'pending'")),
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
    sa.Column("started_at", TIME, nullable=False),
    sa.Column("finished_at", TIME),
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
    sa.Column("value_at_risk", MONEY),
    sa.Column("currency", sa.Text),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),  # open | resolved | closed
    sa.Column("occurrences", sa.Integer, nullable=False, server_default="1"),
    sa.Column("first_seen_at", TIME, nullable=False),
    sa.Column("last_seen_at", TIME, nullable=False),
    sa.Column("resolved_at", TIME),
    sa.Column("assigned_to", sa.Text),
    sa.Column("snoozed_until", TIME),
    sa.CheckConstraint("state IN ('open','resolved','closed')", name="state"),
    sa.Index("uq_finding_open", "store", "code", "subject", unique=True, postgresql_where=sa.text("state = 'open'")),
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
    sa.Column("at", TIME, nullable=False),
    sa.Column(
        "event", sa.Text, nullable=False
    ),  # opened | repeated | changed | resolved | reopened | closed | assigned
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Index(None, "store", "finding_id"),
)

worker_lease = sa.Table(
    "worker_lease",
    metadata,
    store_column(),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("lease_token", sa.BigInteger, nullable=False),
    sa.Column("lease_until", TIME, nullable=False),
)
