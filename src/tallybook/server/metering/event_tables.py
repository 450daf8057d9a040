"""Event rows and counters. Ids are kept as their 16 bytes: there are many of these rows."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)

from tallybook.server.storage.columns import Exact, Instant, metadata

_Position = BigInteger().with_variant(Integer, "sqlite")

POSITIONS_A_BLOCK = 1_000
event_positions = Sequence(  # PostgreSQL only: each call gives the first of a block
    "event_positions", start=1, increment=POSITIONS_A_BLOCK, metadata=metadata
)

events = Table(
    "events",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("space_id", Integer, nullable=False),
    Column("owner", LargeBinary, nullable=False),  # the customer, or a hash of an unknown name
    Column("key", Text, nullable=False),
    Column("content", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("over_limit", SmallInteger, nullable=False),
    Column("meter", LargeBinary, nullable=True),
    Column("subscription", LargeBinary, nullable=True),
    Column("period", Integer, nullable=True),
    Column("agent", LargeBinary, nullable=True),
    Column("quantity", Exact, nullable=False),
    Column("value", Exact, nullable=True),
    Column("member", Text, nullable=True),
    Column("action_type", Text, nullable=True),
    Column("customer_external_id", Text, nullable=True),
    Column("meter_ref", Text, nullable=True),
    Column("agent_ref", Text, nullable=True),
    Column("reason", Text, nullable=True),
    Column("attributes", Text, nullable=True),
    Column("metadata", Text, nullable=True),
    Index("uq_events_key", "space_id", "owner", "key", unique=True),
    Index("ix_events_owner_at", "space_id", "owner", "at"),
    Index(
        "ix_events_unmatched",
        "space_id",
        "position",
        sqlite_where=text("status = 1"),
        postgresql_where=text("status = 1"),
    ),
)

counters = Table(
    "counters",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("start", Instant, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("total", Exact, nullable=False),
    Column("highest", Exact, nullable=True),
    Column("lowest", Exact, nullable=True),
    Column("latest", Exact, nullable=True),
    Column("latest_at", Instant, nullable=True),
    Column("members", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("space_id", "subscription_id", "meter_id", "window", "start"),
)

counter_members = Table(
    "counter_members",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("meter_id", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("start", Instant, nullable=False),
    Column("member", LargeBinary, nullable=False),  # the first 16 bytes of its SHA-256
    PrimaryKeyConstraint("space_id", "subscription_id", "meter_id", "window", "start", "member"),
)
