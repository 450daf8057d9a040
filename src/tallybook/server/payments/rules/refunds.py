"""How much of a payment a refund takes."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.kernel.money import ZERO, plain, require_minor_units
from tallybook.server.payments.errors import (
    IllegalPaymentTransition,
    NotAnAmount,
    RefundExceedsPayment,
)
from tallybook.server.payments.models import PAID, Action, Payment, PaymentStatus

from .transitions import transition


def refund_amount(payment: Payment, asked: Decimal | None, *, at_most: Decimal | None) -> Decimal:
    """Return what to refund: what was asked for, or all that is left.

    `at_most` is what the payment bought and can still be taken back (None: no such bound).
    Errors: IllegalPaymentTransition (never paid); RefundExceedsPayment; TooManyDecimals.
    """
    if payment.status not in PAID and payment.status is not PaymentStatus.REFUNDED:
        raise IllegalPaymentTransition(
            payment_id=payment.id, current_state=payment.status.value, action="refund"
        )
    left = payment.refundable if at_most is None else min(payment.refundable, at_most)
    if asked is not None and asked <= 0:
        raise NotAnAmount()
    amount = left if asked is None else require_minor_units(asked, payment.currency)
    if amount > left or amount <= 0:
        raise RefundExceedsPayment(
            payment_id=payment.id, refundable=plain(left), currency=payment.currency
        )
    return amount


def refunded(
    payment: Payment, amount: Decimal, *, from_applied: Decimal = ZERO, at: datetime
) -> Payment:
    """Return the payment after a refund, of which `from_applied` had paid its invoice.

    Holds: what is refunded is never more than what was paid.
    """
    if amount > payment.refundable:
        raise RefundExceedsPayment(
            payment_id=payment.id, refundable=plain(payment.refundable), currency=payment.currency
        )
    action = Action.REFUND_REST if amount == payment.refundable else Action.REFUND_PART
    return replace(
        transition(payment, action, at=at),
        amount_refunded=payment.amount_refunded + amount,
        amount_applied=payment.amount_applied - from_applied,
    )


def returned(payment: Payment, amount: Decimal, *, at: datetime) -> Payment:
    """Return the payment after a refund of it came back: that money can be refunded again."""
    left = payment.amount_refunded - amount
    return replace(
        payment,
        status=PaymentStatus.PARTIALLY_REFUNDED if left else PaymentStatus.COMPLETED,
        amount_refunded=left,
        updated_at=at,
        version=payment.version + 1,
    )
