"""Mails to customers."""

from sqlalchemy import Column, Index, Integer, Table, Text

from tallybook.server.storage.columns import Instant, metadata

mails = Table(
    "mails",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=True),  # in real time; while queued
    Column("last_error", Text, nullable=True),
    Column("sent_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_mails_next_at", "next_at"),
    Index("ix_mails_invoice_id", "space_id", "invoice_id"),
)
