"""Event rows. Ids are kept as their 16 bytes: there are many of these rows."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)

from tallybook.server.storage.columns import Exact, metadata

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
    Column("subscription_ref", Text, nullable=True),
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
