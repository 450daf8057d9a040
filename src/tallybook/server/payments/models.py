"""Facts about payments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final


class PaymentStatus(StrEnum):
    PENDING = "pending"
    UNKNOWN = "unknown"  # asked for, and nobody can say yet whether it went through
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


OPEN: Final = frozenset({PaymentStatus.PENDING, PaymentStatus.UNKNOWN})
"""May still be completed: no second attempt for the same thing beside one of these."""
PAID: Final = frozenset({PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED})
"""Has money left that can be refunded."""


class Action(StrEnum):
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    LOSE_TRACK = "lose_track"
    REFUND_PART = "refund_part"
    REFUND_REST = "refund_rest"


class PaymentMethod(StrEnum):
    CREDIT_CARD = "credit_card"
    DEBIT_CARD = "debit_card"
    BANK_TRANSFER = "bank_transfer"
    ACH = "ach"
    WIRE = "wire"
    CHECK = "check"
    CASH = "cash"
    CRYPTO = "crypto"
    WALLET = "wallet"
    OTHER = "other"


class PaymentSource(StrEnum):
    """What the payment was made for."""

    MANUAL = "manual"
    TOP_UP = "top_up"
    AUTO_RECHARGE = "auto_recharge"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: str | None
    external_refund_id: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    status: str = "completed"


@dataclass(frozen=True, slots=True)
class Payment:
    """`amount` is money; `credits` is what lands in the wallet, where that was agreed apart."""

    id: str
    customer_id: str
    amount: Decimal
    currency: str
    status: PaymentStatus
    created_at: datetime
    updated_at: datetime
    source: PaymentSource = PaymentSource.MANUAL
    payment_method: PaymentMethod | None = None
    payment_date: date | None = None
    description: str | None = None
    notes: str | None = None
    failure_reason: str | None = None
    external_transaction_id: str | None = None
    invoice_id: str | None = None
    contract_id: str | None = None
    wallet_id: str | None = None
    credits: Decimal | None = None
    amount_refunded: Decimal = Decimal(0)
    amount_applied: Decimal = Decimal(0)  # what pays its invoice, and was not refunded
    completed_at: datetime | None = None
    version: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refundable(self) -> Decimal:
        """What was paid and not refunded yet."""
        return self.amount - self.amount_refunded if self.status in PAID else Decimal(0)
