"""Counters, and the members of those that count each once."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from tallybook.server.storage.columns import Exact, Instant, metadata

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
