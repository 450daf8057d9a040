"""What an outcome does to what was asked for, and when it is asked again."""

from datetime import timedelta
from typing import Final

from tallybook.server.payments.models import (
    OPEN,
    PaymentStatus,
    RefundStatus,
    Result,
)

PAUSES: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600))
"""How long after each attempt that ended nothing; after the last, every hour."""


def pause_after(attempts: int) -> timedelta:
    return PAUSES[min(attempts, len(PAUSES)) - 1]


def payment_after(status: PaymentStatus, result: Result) -> PaymentStatus | None:
    """Return the status that an outcome brings a payment to; None where it changes nothing.

    Holds: what has ended stays as it ended, in whatever order and however often it is told.
    """
    if status not in OPEN:
        return None
    match result:
        case Result.SUCCEEDED:
            return PaymentStatus.COMPLETED
        case Result.DECLINED:
            return PaymentStatus.FAILED
        case Result.LOST if status is PaymentStatus.PENDING:
            return PaymentStatus.UNKNOWN
        case _:
            return None


def refund_after(status: RefundStatus, result: Result) -> RefundStatus | None:
    """Return the status that an outcome brings a refund to; None where it changes nothing.

    A bank may send a refund back that was done; what has failed stays so.
    """
    match status, result:
        case RefundStatus.PENDING, Result.SUCCEEDED:
            return RefundStatus.COMPLETED
        case RefundStatus.PENDING | RefundStatus.COMPLETED, Result.DECLINED:
            return RefundStatus.FAILED
        case _:
            return None
