"""Facts about wallets. Credits are integers of one millionth, so is money inside the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class CreditType(StrEnum):
    FREE = "free"
    PURCHASED = "purchased"
    PROMOTIONAL = "promotional"
    BONUS = "bonus"


class TransactionType(StrEnum):
    TOP_UP = "top_up"
    GRANT = "grant"
    CREDIT = "credit"  # given back: an invoice lowered, a subscription canceled
    DEDUCTION = "deduction"
    PAYMENT = "payment"  # of an invoice or the like, from the wallet
    REFUND = "refund"  # of a payment: its unspent credits are taken back
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Wallet:
    """`balance_micros` is what landed and is not spent: the sum of its ledger accounts.

    Below zero the wallet is overdrawn, and no grant has anything left.
    """

    id: str
    customer_id: str
    name: str
    description: str | None
    currency: str
    conversion_rate: Decimal  # credits for one unit of money; never changes
    is_default: bool
    balance_micros: int
    overdraft_value_micros: int  # the money owed to us for credits below zero
    allow_negative_balance: bool
    auto_recharge_enabled: bool
    auto_recharge_threshold_micros: int | None
    auto_recharge_amount_micros: int | None
    created_at: datetime
    updated_at: datetime
    version: int = 0  # rises by one with each transaction
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def overdraft_micros(self) -> int:
        """How many credits the wallet is below zero."""
        return max(0, -self.balance_micros)


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits that came in at once. Alive on [effective_at, expires_at).

    It lands in the balance when it becomes effective. `paid_micros` is the money that was paid
    for all of it (0 unless purchased), `value_micros` the money in what remains.
    """

    id: str
    wallet_id: str
    credit_type: CreditType
    credits_micros: int
    remaining_micros: int
    paid_micros: int
    value_micros: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    has_landed: bool
    transaction_id: str  # of its landing, known before
    type: TransactionType
    amount: Decimal
    source: str
    created_at: datetime
    payment_id: str | None = None
    reference: str | None = None
    description: str | None = None
    idempotency_key: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Burn:
    """What is taken from one grant, and the money that was paid for it."""

    grant_id: str
    credit_type: CreditType
    credits_micros: int
    value_micros: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of a wallet's statement. What comes in is above zero, what goes out below."""

    id: str
    wallet_id: str
    type: TransactionType
    credit_type: CreditType | None  # None where credits of several types went out
    amount: Decimal  # money
    credits_micros: int
    balance_after_micros: int
    created_at: datetime
    source: str = "api"
    reference: str | None = None
    description: str | None = None
    idempotency_key: str | None = None
    payment_id: str | None = None
    grant_id: str | None = None
    invoice_id: str | None = None
    effective_at: datetime | None = None  # of credit that has not landed yet
    purchased: Decimal = Decimal(0)  # of `amount`, what the customer had paid for
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation did; `replayed` when its key had done it before.

    `live`: the wallet's grants after it, where it knows them all.
    """

    transaction: Transaction
    wallet: Wallet
    replayed: bool = False
    live: Sequence[Grant] | None = None


@dataclass(frozen=True, slots=True)
class WalletPayment:
    """What one wallet gave for an invoice: `amount` is `purchased` plus `free`."""

    wallet_id: str
    transaction_id: str
    amount: Decimal
    purchased: Decimal
    free: Decimal
    credits: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance as of an instant, by type of credit; below zero it has no type."""

    wallet: Wallet
    credits_micros: int
    by_credit_type: Mapping[CreditType, int]
    as_of: datetime
