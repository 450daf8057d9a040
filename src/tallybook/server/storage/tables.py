"""What every room may write through storage's own functions."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import Document, Instant, metadata

_Serial = BigInteger().with_variant(Integer, "sqlite")

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("route", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "route", "key"),
    Index("ix_idempotency_records_created_at", "created_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", _Serial, primary_key=True, autoincrement=True),
    Column("space_id", Integer, nullable=False),
    Column("id", Text, nullable=False, unique=True),
    Column("event", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),  # rises by one for each event of one object
    Column("data", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("feed_position", BigInteger, nullable=True),  # given after the commit, see outbox.py
    Column("published_at", Instant, nullable=True),  # real time, never a test clock's
    UniqueConstraint("space_id", "object_id", "sequence"),
    Index("ix_outbox_space_id_feed_position", "space_id", "feed_position"),
    Index("ix_outbox_published_at", "published_at"),
)
Index(
    "ix_outbox_unpublished",
    outbox.c.position,
    sqlite_where=outbox.c.feed_position.is_(None),
    postgresql_where=outbox.c.feed_position.is_(None),
)

generations = Table(  # PostgreSQL only, see generations.py
    "generations",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("changes", BigInteger, nullable=False),
)

outbox_feed = Table(
    "outbox_feed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_position", BigInteger, nullable=False),
)

due_work = Table(
    "due_work",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=True),  # real time, never a test clock's
    Column("fence", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=True),
    Column("parked", Integer, nullable=False),
    PrimaryKeyConstraint("space_id", "kind", "subject_id"),
    Index("ix_due_work_parked_due_at", "parked", "due_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("params", Document, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("result", Document, nullable=True),
    Column("error", Text, nullable=True),
    Column("next_at", Instant, nullable=True),  # in real time; while it is to be run
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=True),
    Index("ix_jobs_next_at", "next_at"),
    Index("ix_jobs_space_id", "space_id", "created_at", "id"),
)
