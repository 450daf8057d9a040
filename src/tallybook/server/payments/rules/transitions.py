"""The states of a payment: one table, one function."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from tallybook.server.payments.errors import IllegalPaymentTransition
from tallybook.server.payments.models import Action, Payment, PaymentStatus

_S = PaymentStatus
_A = Action

TRANSITIONS: Final[Mapping[tuple[PaymentStatus, Action], PaymentStatus]] = {
    (_S.PENDING, _A.COMPLETE): _S.COMPLETED,
    (_S.PENDING, _A.FAIL): _S.FAILED,
    (_S.PENDING, _A.CANCEL): _S.CANCELED,
    (_S.PENDING, _A.LOSE_TRACK): _S.UNKNOWN,
    (_S.UNKNOWN, _A.COMPLETE): _S.COMPLETED,
    (_S.UNKNOWN, _A.FAIL): _S.FAILED,
    (_S.COMPLETED, _A.REFUND_PART): _S.PARTIALLY_REFUNDED,
    (_S.COMPLETED, _A.REFUND_REST): _S.REFUNDED,
    (_S.PARTIALLY_REFUNDED, _A.REFUND_PART): _S.PARTIALLY_REFUNDED,
    (_S.PARTIALLY_REFUNDED, _A.REFUND_REST): _S.REFUNDED,
}

ACTION_TO: Final[Mapping[PaymentStatus, Action]] = {
    _S.COMPLETED: _A.COMPLETE,
    _S.FAILED: _A.FAIL,
    _S.CANCELED: _A.CANCEL,
    _S.UNKNOWN: _A.LOSE_TRACK,
}
"""What a caller does who sets this status; the refunded ones come of refunds alone."""


def transition(payment: Payment, action: Action, *, at: datetime) -> Payment:
    """Return the payment in its new state; the one given stays as it was."""
    target = TRANSITIONS.get((payment.status, action))
    if target is None:
        raise IllegalPaymentTransition(
            payment_id=payment.id, current_state=payment.status.value, action=action.value
        )
    completed_at = at if action is Action.COMPLETE else payment.completed_at
    return replace(
        payment,
        status=target,
        completed_at=completed_at,
        updated_at=at,
        version=payment.version + 1,
    )


def action_to(payment: Payment, status: PaymentStatus) -> Action:
    """Return the action that leads to a status. Errors: IllegalPaymentTransition."""
    action = ACTION_TO.get(status)
    if action is None:
        raise IllegalPaymentTransition(
            payment_id=payment.id, current_state=payment.status.value, action=status.value
        )
    return action
