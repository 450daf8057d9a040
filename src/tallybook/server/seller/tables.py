"""Sellers and their logos. A logo stays: finalized documents name it by its hash."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from tallybook.server.storage.columns import Document, Instant, metadata

sellers = Table(
    "sellers",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), primary_key=True),
    Column("legal_name", Text, nullable=True),
    Column("address_lines", Document, nullable=False),
    Column("city", Text, nullable=True),
    Column("postal_code", Text, nullable=True),
    Column("country", Text, nullable=True),
    Column("tax_id", Text, nullable=True),
    Column("email", Text, nullable=True),
    Column("payment_instructions", Text, nullable=True),
    Column("footer", Text, nullable=True),
    Column("logo", Document, nullable=True),
    Column("updated_at", Instant, nullable=False),
)

logos = Table(
    "logos",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "sha256"),
)
