"""Agents and their actions."""

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from tallybook.server.metering import meter_tables  # noqa: F401 - foreign keys name its tables
from tallybook.server.storage.columns import Document, Exact, Instant, metadata

agents = Table(
    "agents",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("external_id", Text, nullable=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("status", Text, nullable=False),
    Column("tags", Document, nullable=False),
    Column("config", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    Index(
        "uq_agents_external_id",
        "space_id",
        "external_id",
        unique=True,
        sqlite_where=text("status <> 'archived'"),
        postgresql_where=text("status <> 'archived'"),
    ),
    Index("ix_agents_space_id_created_at", "space_id", "created_at", "id"),
)

agent_actions = Table(
    "agent_actions",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("action_type", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("billable_meter_id", Text, nullable=False),
    Column("fte_equivalent", Exact, nullable=True),
    Column("revenue_per_unit", Exact, nullable=True),
    Column("default_price", Exact, nullable=True),
    Column("archived_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(["space_id", "agent_id"], ["agents.space_id", "agents.id"]),
    ForeignKeyConstraint(["space_id", "billable_meter_id"], ["meters.space_id", "meters.id"]),
    Index("ix_agent_actions_space_id_agent_id", "space_id", "agent_id", "created_at", "id"),
    Index("ix_agent_actions_space_id_billable_meter_id", "space_id", "billable_meter_id"),
)

agent_action_costs = Table(
    "agent_action_costs",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("action_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("space_id", "action_id", "meter_id"),
    ForeignKeyConstraint(["space_id", "action_id"], ["agent_actions.space_id", "agent_actions.id"]),
    ForeignKeyConstraint(["space_id", "meter_id"], ["meters.space_id", "meters.id"]),
    Index("ix_agent_action_costs_space_id_meter_id", "space_id", "meter_id"),
)
