"""Customers."""

from sqlalchemy import Column, Index, Integer, Table, Text

from tallybook.server.storage.columns import Document, Instant, metadata

customers = Table(
    "customers",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("external_id", Text, nullable=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("email", Text, nullable=True),
    Column("phone", Text, nullable=True),
    Column("currency", Text, nullable=True),
    Column("taxes", Document, nullable=True),
    Column("address", Text, nullable=True),
    Column("tax_id", Text, nullable=True),
    Column("locale", Text, nullable=True),
    Column("payment_account", Document, nullable=True),
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("archived_at", Instant, nullable=True),
    Index("uq_customers_external_id", "space_id", "external_id", unique=True),
    Index("ix_customers_created_at", "space_id", "created_at", "id"),
)
