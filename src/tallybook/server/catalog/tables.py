"""Markets, currencies, plans and what they cost; agents and their actions."""

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tallybook.server.storage.columns import Document, Exact, Instant, metadata


def _space() -> Column[int]:
    return Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False)


def _times() -> tuple[Column[object], Column[object]]:
    return (
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
    )


markets = Table(
    "markets",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("is_default", Integer, nullable=False),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "key"),
    Index("ix_markets_space_id_created_at", "space_id", "created_at", "id"),
)

balances = Table(
    "balances",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("is_default", Integer, nullable=False),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "currency"),
)

plans = Table(
    "plans",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("target_audience", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("plan_type", Text, nullable=False),
    Column("billing_period", Text, nullable=False),
    Column("trial_available", Integer, nullable=False),
    Column("trial_days", Integer, nullable=True),
    Column("status", Text, nullable=False),
    Column("parent_plan_id", Text, nullable=True),
    Column("features", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("version", Integer, nullable=False),
    Column("version_id", Text, nullable=False),
    Column("default_price_id", Text, nullable=True),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "key"),
    ForeignKeyConstraint(["space_id", "parent_plan_id"], ["plans.space_id", "plans.id"]),
    Index("ix_plans_space_id_created_at", "space_id", "created_at", "id"),
)

plan_versions = Table(
    "plan_versions",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("change", Text, nullable=False),  # what the edit was
    Column("object_id", Text, nullable=False),  # of what
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "plan_id", "version"),
    ForeignKeyConstraint(["space_id", "plan_id"], ["plans.space_id", "plans.id"]),
)

plan_prices = Table(
    "plan_prices",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("market_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("base_price", Exact, nullable=False),
    Column("billing_period", Text, nullable=False),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    UniqueConstraint("space_id", "plan_id", "market_id", "billing_period"),
    ForeignKeyConstraint(["space_id", "plan_id"], ["plans.space_id", "plans.id"]),
    ForeignKeyConstraint(["space_id", "market_id"], ["markets.space_id", "markets.id"]),
    Index("ix_plan_prices_space_id_market_id", "space_id", "market_id", "billing_period"),
)

meter_prices = Table(
    "meter_prices",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("plan_price_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("agent_action_id", Text, nullable=True),
    Column("shape", Document, nullable=False),
    Column("tiers", Document, nullable=False),  # id and times of each tier of the shape
    Column("metadata", Document, nullable=False),
    Column("archived_at", Instant, nullable=True),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(["space_id", "plan_id"], ["plans.space_id", "plans.id"]),
    ForeignKeyConstraint(["space_id", "plan_price_id"], ["plan_prices.space_id", "plan_prices.id"]),
    ForeignKeyConstraint(["space_id", "meter_id"], ["meters.space_id", "meters.id"]),
    Index(
        "uq_meter_prices_live",
        "space_id",
        "plan_price_id",
        "meter_id",
        unique=True,
        sqlite_where=text("archived_at IS NULL"),
        postgresql_where=text("archived_at IS NULL"),
    ),
    Index("ix_meter_prices_space_id_plan_id", "space_id", "plan_id", "created_at", "id"),
    Index("ix_meter_prices_space_id_meter_id", "space_id", "meter_id"),
)

plan_charges = Table(
    "plan_charges",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("charge_type", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("billing_period", Text, nullable=True),
    Column("meter_id", Text, nullable=True),
    Column("market_id", Text, nullable=True),
    Column("archived_at", Instant, nullable=True),
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(["space_id", "plan_id"], ["plans.space_id", "plans.id"]),
    ForeignKeyConstraint(["space_id", "meter_id"], ["meters.space_id", "meters.id"]),
    ForeignKeyConstraint(["space_id", "market_id"], ["markets.space_id", "markets.id"]),
    Index(
        "uq_plan_charges_live",
        "space_id",
        "plan_id",
        "key",
        unique=True,
        sqlite_where=text("archived_at IS NULL"),
        postgresql_where=text("archived_at IS NULL"),
    ),
    Index("ix_plan_charges_space_id_meter_id", "space_id", "meter_id"),
)

agents = Table(
    "agents",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("external_id", Text, nullable=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("status", Text, nullable=False),
    Column("tags", Document, nullable=False),
    Column("config", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    *_times(),
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
    _space(),
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
    *_times(),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(["space_id", "agent_id"], ["agents.space_id", "agents.id"]),
    ForeignKeyConstraint(["space_id", "billable_meter_id"], ["meters.space_id", "meters.id"]),
    Index("ix_agent_actions_space_id_agent_id", "space_id", "agent_id", "created_at", "id"),
    Index("ix_agent_actions_space_id_billable_meter_id", "space_id", "billable_meter_id"),
)

agent_action_costs = Table(
    "agent_action_costs",
    metadata,
    _space(),
    Column("action_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("space_id", "action_id", "meter_id"),
    ForeignKeyConstraint(["space_id", "action_id"], ["agent_actions.space_id", "agent_actions.id"]),
    ForeignKeyConstraint(["space_id", "meter_id"], ["meters.space_id", "meters.id"]),
    Index("ix_agent_action_costs_space_id_meter_id", "space_id", "meter_id"),
)
