"""Payments and their refunds."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from .base import (
    Amount,
    Currency,
    CustomerChoice,
    Day,
    Dec,
    Instant,
    Metadata,
    Name,
    Positive,
    Ref,
    Request,
    Response,
    Text,
)
from .customers import PaymentProvider

PaymentMethod = Literal[
    "credit_card",
    "debit_card",
    "bank_transfer",
    "ach",
    "wire",
    "check",
    "cash",
    "crypto",
    "wallet",
    "other",
]
PaymentStatus = Literal[
    "pending", "unknown", "completed", "failed", "canceled", "partially_refunded", "refunded"
]
SettableStatus = Literal["pending", "unknown", "completed", "failed", "canceled"]
"""The refunded ones come of refunds alone."""


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


class PaymentCreate(CustomerChoice):
    """A payment that was made, or is expected; `amount` is money."""

    amount: Positive
    invoice_id: Ref | None = None
    currency: Currency | None = None
    payment_method: PaymentMethod | None = None
    payment_date: Day | None = None
    description: Text | None = None
    external_transaction_id: Name | None = None
    provider: PaymentProvider | None = None
    """Who takes the money: the customer's payment account there is charged."""
    status: SettableStatus = "pending"
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _provider_says(self) -> Self:
        if self.provider is not None and (
            self.status != "pending" or self.payment_method == "wallet"
        ):
            raise ValueError("a provider's payment begins as pending, and not from a wallet")
        return self


class PaymentUpdate(Request):
    """The fields to change; null clears where null is allowed, `metadata` is merged."""

    status: PaymentStatus = _leave()
    payment_method: PaymentMethod | None = _leave()
    external_transaction_id: Name | None = _leave()
    failure_reason: Text | None = _leave()
    notes: Text | None = _leave()
    metadata: Metadata = _leave()


class RefundCreate(Request):
    """A refund; without an amount, of all that is left."""

    amount: Positive | None = None
    reason: Text | None = None
    external_refund_id: Name | None = None
    metadata: Metadata = Field(default_factory=dict)


class Refund(Response):
    """A part of a payment that was paid back."""

    id: str
    payment_id: str
    amount: Amount
    currency: str
    status: str
    reason: str | None = None
    external_refund_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class ProviderEvent(Response):
    """What a payment provider tells, in its own form."""

    id: str
    type: str


class Payment(Response):
    """Money from a customer. `credits` is what lands in the wallet, where agreed apart."""

    id: str
    customer_id: str
    amount: Amount
    amount_refunded: Amount
    currency: str
    status: PaymentStatus | str
    source: str
    payment_method: PaymentMethod | str | None = None
    payment_date: Day | None = None
    description: str | None = None
    notes: str | None = None
    failure_reason: str | None = None
    external_transaction_id: str | None = None
    provider: PaymentProvider | str | None = None
    invoice_id: str | None = None
    contract_id: str | None = None
    wallet_id: str | None = None
    credits: Dec | None = None
    completed_at: Instant | None = None
    refunds: list[Refund] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant
