"""Payments and refunds."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tallybook.server.storage.columns import Document, Instant, metadata

payments = Table(
    "payments",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("payment_method", Text, nullable=True),
    Column("payment_date", Text, nullable=True),
    Column("description", Text, nullable=True),
    Column("notes", Text, nullable=True),
    Column("failure_reason", Text, nullable=True),
    Column("external_transaction_id", Text, nullable=True),
    Column("provider", Text, nullable=True),
    Column("invoice_id", Text, nullable=True),
    Column("contract_id", Text, nullable=True),
    Column("wallet_id", Text, nullable=True),
    Column("credits_micros", BigInteger, nullable=True),
    Column("refunded_micros", BigInteger, nullable=False),
    Column("applied_micros", BigInteger, nullable=False),
    Column("completed_at", Instant, nullable=True),
    Column("version", Integer, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("amount_micros > 0", name="positive"),
    CheckConstraint(
        "refunded_micros >= 0 AND applied_micros >= 0"
        " AND refunded_micros + applied_micros <= amount_micros",
        name="refund_within_payment",
    ),
    Index(
        "uq_payments_external_transaction_id", "space_id", "external_transaction_id", unique=True
    ),
    Index("ix_payments_created_at", "space_id", "created_at", "id"),
    Index("ix_payments_customer_id", "space_id", "customer_id", "created_at"),
    Index("ix_payments_invoice_id", "space_id", "invoice_id"),
    Index("ix_payments_wallet_id", "space_id", "wallet_id", "created_at"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=True),
    Column("external_refund_id", Text, nullable=True),
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("amount_micros > 0", name="positive"),
    UniqueConstraint("space_id", "external_refund_id"),
    Index("ix_refunds_payment_id", "space_id", "payment_id"),
)

provider_orders = Table(
    "provider_orders",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),  # of the payment or refund
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("provider_customer_id", Text, nullable=True),
    Column("provider_method_id", Text, nullable=True),
    Column("charge_reference", Text, nullable=True),
    Column("reference", Text, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=True),  # real time; while it is not known how it ended
    Column("lease_until", Instant, nullable=True),  # real time
    Column("last_error", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_provider_orders_next_at", "next_at"),
    Index("ix_provider_orders_payment_id", "space_id", "payment_id"),
)

provider_events = Table(
    "provider_events",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("received_at", Instant, nullable=False),  # real time
    PrimaryKeyConstraint("space_id", "provider", "id"),
    Index("ix_provider_events_received_at", "received_at"),
)
