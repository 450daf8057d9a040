"""Endpoints, deliveries, attempts."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tallybook.server.storage.columns import Document, Instant, metadata

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Document, nullable=True),  # NULL: all
    Column("description", Text, nullable=True),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text, nullable=True),
    Column("disabled_at", Instant, nullable=True),
    Column("failing_since", Instant, nullable=True),
    Column("secrets", Document, nullable=False),  # [text, expires at (µs) or null], newest first
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("data", Document, nullable=True),  # of a test event, which is not in the outbox
    Column("status", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=True),
    Column("lease_until", Instant, nullable=True),
    Column("fence", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("completed_at", Instant, nullable=True),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "endpoint_id", "message_id"),
    Index("ix_webhook_deliveries_list", "space_id", "endpoint_id", "created_at", "id"),
    Index("ix_webhook_deliveries_created_at", "created_at"),
)
Index(
    "ix_webhook_deliveries_due",
    webhook_deliveries.c.space_id,
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.next_attempt_at,
    sqlite_where=webhook_deliveries.c.next_attempt_at.is_not(None),
    postgresql_where=webhook_deliveries.c.next_attempt_at.is_not(None),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status_code", Integer, nullable=True),
    Column("error", Text, nullable=True),
    Column("response_text", Text, nullable=True),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "delivery_id", "number"),
    Index("ix_webhook_attempts_started_at", "started_at"),
)
