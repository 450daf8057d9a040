"""Cost rows, the prices of models that a project set itself, and budgets."""

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from tallybook.server.storage.columns import Document, Exact, Instant, metadata

_IS_ADJUSTMENT = text("adjusts IS NOT NULL")
_IS_UNPRICED = text("status = 'unpriced'")

costs = Table(
    "costs",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("response_key", Text, nullable=True),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("customer_id", Text, nullable=True),
    Column("customer_external_id", Text, nullable=True),
    Column("agent_id", Text, nullable=True),
    Column("action_id", Text, nullable=True),
    Column("meter_id", Text, nullable=True),
    Column("event_id", Text, nullable=True),
    Column("amount", Exact, nullable=True),
    Column("currency", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=True),
    Column("attribution", Text, nullable=False),
    Column("provider", Text, nullable=True),
    Column("model", Text, nullable=True),
    Column("response_id", Text, nullable=True),
    Column("adjusts", Text, nullable=True),
    Column("parent_key", Text, nullable=True),
    Column("tokens", Document, nullable=True),
    Column("price", Document, nullable=True),
    Column("metadata", Document, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    Index("uq_costs_key", "space_id", "key", unique=True),
    Index("uq_costs_response", "space_id", "response_key", unique=True),
    Index("ix_costs_at", "space_id", "at"),
    Index("ix_costs_customer", "space_id", "customer_id", "at"),
    Index("ix_costs_event", "space_id", "event_id"),
    Index("ix_costs_parent", "space_id", "parent_key"),
    Index(
        "ix_costs_adjusts",
        "space_id",
        "adjusts",
        sqlite_where=_IS_ADJUSTMENT,
        postgresql_where=_IS_ADJUSTMENT,
    ),
    Index(
        "ix_costs_unpriced",
        "space_id",
        "at",
        sqlite_where=_IS_UNPRICED,
        postgresql_where=_IS_UNPRICED,
    ),
)

model_prices = Table(
    "model_prices",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prices", Document, nullable=False),
    Column("alias_of", Text, nullable=True),
    Column("effective_from", Instant, nullable=False),
    Column("effective_to", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    Index("uq_model_prices", "space_id", "provider", "model", "effective_from", unique=True),
)

budgets = Table(
    "budgets",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("customer_id", Text, nullable=True),
    Column("agent_id", Text, nullable=True),
    Column("kind", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("thresholds", Document, nullable=False),
    Column("hard_stop", Integer, nullable=False),
    Column("counts_from", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("metadata", Document, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
)

_IS_STOPPED = text("is_stopped = 1")

budget_windows = Table(
    "budget_windows",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("budget_id", Text, nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("spent", Exact, nullable=False),
    Column("told", Document, nullable=False),
    Column("is_stopped", Integer, nullable=False),
    PrimaryKeyConstraint("space_id", "budget_id", "start"),
    Index(
        "ix_budget_windows_stopped",
        "space_id",
        "end",
        sqlite_where=_IS_STOPPED,
        postgresql_where=_IS_STOPPED,
    ),
)

budget_entries = Table(
    "budget_entries",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("budget_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    PrimaryKeyConstraint("space_id", "id"),
    Index("ix_budget_entries_budget", "space_id", "budget_id", "at"),
)
