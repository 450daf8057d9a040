"""Holds."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from tallybook.server.storage.columns import Exact, Instant, metadata

_IS_HELD = text("status = 'held'")

holds = Table(
    "holds",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("customer_id", Text, ForeignKey("customers.id"), nullable=False),
    Column("feature", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("status", Text, nullable=False),
    Column("settled_quantity", Exact, nullable=True),
    Column("event_id", Text, nullable=True),
    Column("expires_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    Index(
        "ix_holds_held",
        "space_id",
        "subscription_id",
        "meter_id",
        "expires_at",
        sqlite_where=_IS_HELD,
        postgresql_where=_IS_HELD,
    ),
)
