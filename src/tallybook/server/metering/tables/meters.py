"""Meters."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tallybook.server.storage.columns import Document, Exact, Instant, metadata

meters = Table(
    "meters",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("aggregation", Text, nullable=False),
    Column("unit_label", Text, nullable=True),
    Column("value_field", Text, nullable=True),
    Column("description", Text, nullable=True),
    Column("status", Text, nullable=False),
    Column("cost_type", Text, nullable=True),
    Column("cost_per_unit", Exact, nullable=True),
    Column("category", Text, nullable=True),
    Column("metadata", Document, nullable=False),
    Column("events_seen", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("earlier_costs", Document, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "key"),
    Index("ix_meters_space_id_created_at", "space_id", "created_at", "id"),
)
