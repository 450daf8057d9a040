"""Facts about payments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from tallybook.server.kernel.ids import SpaceId


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


class RefundStatus(StrEnum):
    PENDING = "pending"  # the provider was asked for it
    COMPLETED = "completed"
    FAILED = "failed"


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
    updated_at: datetime
    status: RefundStatus = RefundStatus.COMPLETED


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
    provider: str | None = None  # who takes the money, where somebody does
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


class OrderKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Order:
    """What a provider is asked to do, once: `id` is the payment's or the refund's.

    `reference` is the provider's own id of it, None until it is known; `charge_reference` that
    of the charge which a refund is of. What is asked never changes: it may be asked again.
    """

    id: str
    space: SpaceId
    kind: OrderKind
    provider: str
    payment_id: str
    amount: Decimal
    currency: str
    created_at: datetime
    provider_customer_id: str | None = None
    provider_method_id: str | None = None
    charge_reference: str | None = None
    reference: str | None = None
    attempts: int = 0
    last_error: str | None = None


class Result(StrEnum):
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    WAITING = "waiting"  # not done: it is under way there, or could not be begun
    LOST = "lost"  # no answer that says whether it was done


FINAL: Final = frozenset({Result.SUCCEEDED, Result.DECLINED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking a provider."""

    result: Result
    reason: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider sent of its own accord, with a signature that holds."""

    id: str
    order_id: str
    thing: Any  # the provider's own object; its gateway reads it


class Gateway(Protocol):
    """A provider on the network: asked between two transactions, never in one.

    Asking again after an answer that was lost moves no money a second time.
    """

    @property
    def provider(self) -> str: ...

    def prepare(self, order: Order) -> Outcome:
        """Announce a charge; no money moves. The outcome has the reference, or says why not."""

    def charge(self, order: Order) -> Outcome:
        """Take the money of a prepared charge, or find what became of it."""

    def refund(self, order: Order) -> Outcome:
        """Give the money of a charge back, or find what became of it."""

    def read_notice(self, body: bytes, signature: str | None) -> Notice | None:
        """Return what it tells of an order; None for what is not ours. Errors: BadSignature."""

    def judge(self, order: Order, notice: Notice) -> Outcome:
        """Return what a notice says of its order."""

    def close(self) -> None:
        """Close this thread's connections."""


@dataclass(frozen=True, slots=True)
class StripeKeys:
    """One of an account's modes: the secret key, and what its webhooks are signed with."""

    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)  # new and old, in rotation
    url: str | None = None  # None: Stripe's own
