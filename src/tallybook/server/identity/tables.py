"""Projects, spaces, keys."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, Table, Text, UniqueConstraint

from tallybook.server.storage.columns import Document, Instant, metadata

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("default_currency", Text, nullable=False),
    Column("settings", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
)

spaces = Table(
    "spaces",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("clock_at", Instant, nullable=True),
    Column("watches_revenue", Integer, nullable=False, server_default="0"),
    Column("has_hard_stops", Integer, nullable=False, server_default="0"),
    UniqueConstraint("project_id", "mode"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=True),
    Column("hint", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
)
