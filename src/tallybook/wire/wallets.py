"""Wallets: prepaid credit, its grants, and the statement."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from .base import (
    Amount,
    Currency,
    CustomerChoice,
    Dec,
    Instant,
    Metadata,
    Name,
    NonNegative,
    Positive,
    Request,
    Response,
    Text,
)

CreditType = Literal["free", "purchased", "promotional", "bonus"]
TransactionType = Literal["top_up", "grant", "credit", "deduction", "payment", "refund", "expiry"]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)]


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


class WalletCreate(CustomerChoice):
    """A named wallet; `conversion_rate` is how many credits one unit of money buys."""

    name: Name
    description: Text | None = None
    currency: Currency | None = None
    conversion_rate: Positive = Decimal(1)
    initial_credits: NonNegative | None = None
    auto_recharge_enabled: bool = False
    auto_recharge_threshold: NonNegative | None = None
    auto_recharge_amount: Positive | None = None
    allow_negative_balance: bool = False
    metadata: Metadata = Field(default_factory=dict)


class WalletUpdate(Request):
    """The settings to change; null clears where null is allowed, `metadata` is merged."""

    name: Name = _leave()
    description: Text | None = _leave()
    auto_recharge_enabled: bool = _leave()
    auto_recharge_threshold: NonNegative | None = _leave()
    auto_recharge_amount: Positive | None = _leave()
    allow_negative_balance: bool = _leave()
    metadata: Metadata = _leave()


class TopUp(Request):
    """Credit for money; `credit_amount` where it is not the amount at the wallet's rate."""

    amount: Positive
    credit_amount: Positive | None = None
    credit_type: CreditType = "purchased"
    reference: Text | None = None
    description: Text | None = None
    metadata: Metadata = Field(default_factory=dict)


class CreditGrant(Request):
    """Credit that nobody pays for, worth `amount` of money; alive on [effective, expires)."""

    amount: Positive
    credit_type: CreditType = "free"
    reference: Text | None = None
    description: Text | None = None
    priority: Priority = 0
    effective_at: Instant | None = None
    expires_at: Instant | None = None
    metadata: Metadata = Field(default_factory=dict)


class Deduction(Request):
    """Credits to take."""

    amount: Positive
    description: Text | None = None
    metadata: Metadata = Field(default_factory=dict)


class Wallet(Response):
    """Prepaid credit of a customer. `balance` is money, `credits_balance` times the rate."""

    id: str
    customer_id: str
    name: str
    description: str | None = None
    currency: str
    conversion_rate: Dec
    balance: Amount
    credits_balance: Dec
    is_default: bool
    auto_recharge_enabled: bool
    auto_recharge_threshold: Dec | None = None
    auto_recharge_amount: Dec | None = None
    allow_negative_balance: bool
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class WalletBalance(Response):
    """What is in a wallet; `by_credit_type` in credits."""

    wallet_id: str
    balance: Amount
    credits_balance: Dec
    currency: str
    by_credit_type: dict[str, Dec]
    as_of: Instant


class WalletTransaction(Response):
    """A line of the statement. What comes in is above zero, what goes out below.

    `amount` and `balance_after` are money. A grant that becomes effective later shows
    `effective_at`, and stands in the statement from then on.
    """

    id: str
    wallet_id: str
    type: TransactionType | str
    credit_type: CreditType | str | None = None
    amount: Amount
    credits: Dec
    balance_after: Amount
    credits_balance_after: Dec
    currency: str
    reference: str | None = None
    description: str | None = None
    source: str
    idempotency_key: str | None = None
    payment_id: str | None = None
    invoice_id: str | None = None
    effective_at: Instant | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant


class WalletTransactionResult(Response):
    """What an operation did, and the wallet after it."""

    transaction: WalletTransaction
    wallet: Wallet
