"""Accounts, transactions, entries, keys. Rows of the last three are never changed."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tallybook.server.storage.columns import Instant, metadata

accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("space_id", Integer, nullable=False),
    Column("name", Text, nullable=False),  # all that tells it from others, in one text
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("balance_micros", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("space_id", "name"),
)

transactions = Table(
    "ledger_transactions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("space_id", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("space_id", "key"),  # for ever
    Index("ix_ledger_transactions_space_id_reference", "space_id", "reference"),
)

entries = Table(
    "ledger_entries",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("balance_before_micros", BigInteger, nullable=False),
    Column("balance_after_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "version"),
    CheckConstraint("balance_before_micros + amount_micros = balance_after_micros", name="adds_up"),
    Index("ix_ledger_entries_transaction_id", "transaction_id"),
)

requests = Table(
    "ledger_requests",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("operation", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("space_id", "operation", "key"),
)
