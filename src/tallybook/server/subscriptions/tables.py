"""Subscriptions, their periods, their contracts and these contracts' versions."""

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

from tallybook.server.storage.columns import Document, Exact, Instant, metadata

_IS_LIVE = text("status IN ('scheduled', 'trialing', 'active', 'past_due', 'suspended')")


def _space() -> Column[int]:
    return Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False)


subscriptions = Table(
    "subscriptions",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("customer_id", Text, ForeignKey("customers.id"), nullable=False),
    Column("contract_id", Text, nullable=False),
    Column("contract_version", Integer, nullable=False),
    Column("next_version", Integer, nullable=True),
    Column("plan_id", Text, nullable=False),
    Column("plan_key", Text, nullable=False),
    Column("parent_plan_id", Text, nullable=True),
    Column("plan_version_id", Text, nullable=False),
    Column("market_id", Text, nullable=False),
    Column("market_key", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("billing_period", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("collection_method", Text, nullable=False),
    Column("payment_terms_days", Integer, nullable=False),
    Column("opening", Document, nullable=False),
    Column("started_at", Instant, nullable=True),
    Column("anchor", Instant, nullable=True),
    Column("current_period", Integer, nullable=True),
    Column("current_period_start", Instant, nullable=True),
    Column("current_period_end", Instant, nullable=True),
    Column("trial_end", Instant, nullable=True),
    Column("trial_plan_id", Text, nullable=True),
    Column("end_date", Instant, nullable=True),
    Column("cancel_at", Instant, nullable=True),
    Column("canceled_at", Instant, nullable=True),
    Column("cancel_reason", Text, nullable=True),
    Column("ended_at", Instant, nullable=True),
    Column("past_due_at", Instant, nullable=True),
    Column("suspended_at", Instant, nullable=True),
    Column("suspend_reason", Text, nullable=True),
    Column("suspended_from", Text, nullable=True),
    Column("resume_at", Instant, nullable=True),
    Column("scheduled_change", Document, nullable=True),
    Column("metadata", Document, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(["space_id", "plan_id"], ["plans.space_id", "plans.id"]),
    Index(
        "uq_subscriptions_live",
        "space_id",
        "customer_id",
        "plan_id",
        unique=True,
        sqlite_where=_IS_LIVE,
        postgresql_where=_IS_LIVE,
    ),
    Index("ix_subscriptions_space_id_customer_id", "space_id", "customer_id", "started_at"),
    Index("ix_subscriptions_space_id_plan_id", "space_id", "plan_id", "status"),
    Index("ix_subscriptions_space_id_created_at", "space_id", "created_at", "id"),
)

subscription_periods = Table(
    "subscription_periods",
    metadata,
    _space(),
    Column("subscription_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("cycle_start", Instant, nullable=False),
    Column("cycle_end", Instant, nullable=False),
    Column("is_trial", Integer, nullable=False),
    Column("contract_version", Integer, nullable=False),
    Column("is_closed", Integer, nullable=False),
    Column("day_zone", Text, nullable=True),
    PrimaryKeyConstraint("space_id", "subscription_id", "number"),
    ForeignKeyConstraint(
        ["space_id", "subscription_id"], ["subscriptions.space_id", "subscriptions.id"]
    ),
)

contracts = Table(
    "contracts",
    metadata,
    _space(),
    Column("id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("customer_id", Text, ForeignKey("customers.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("start_date", Text, nullable=True),  # local days, as YYYY-MM-DD
    Column("end_date", Text, nullable=True),
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    ForeignKeyConstraint(
        ["space_id", "subscription_id"], ["subscriptions.space_id", "subscriptions.id"]
    ),
    Index("uq_contracts_subscription", "space_id", "subscription_id", unique=True),
    Index("ix_contracts_space_id_created_at", "space_id", "created_at", "id"),
)

contract_versions = Table(
    "contract_versions",
    metadata,
    _space(),
    Column("contract_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("terms", Document, nullable=False),
    Column("plan_terms", Document, nullable=True),  # NULL: nothing negotiated, the same as terms
    Column("base_price", Exact, nullable=True),
    Column("meter_overrides", Document, nullable=False),
    Column("notes", Text, nullable=True),
    Column("effective_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "contract_id", "version"),
    ForeignKeyConstraint(["space_id", "contract_id"], ["contracts.space_id", "contracts.id"]),
)
