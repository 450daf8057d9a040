"""The states of a payment, and how much of it can be refunded."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.money import TooManyDecimals
from tallybook.server.payments.errors import (
    IllegalPaymentTransition,
    NotAnAmount,
    RefundExceedsPayment,
)
from tallybook.server.payments.models import Action, Payment, PaymentStatus
from tallybook.server.payments.rules.refunds import refund_amount, refunded
from tallybook.server.payments.rules.transitions import TRANSITIONS, action_to, transition

AT = datetime(2026, 3, 1, tzinfo=UTC)
S, A = PaymentStatus, Action
ALLOWED = {
    (S.PENDING, A.COMPLETE): S.COMPLETED,
    (S.PENDING, A.FAIL): S.FAILED,
    (S.PENDING, A.CANCEL): S.CANCELED,
    (S.PENDING, A.LOSE_TRACK): S.UNKNOWN,
    (S.UNKNOWN, A.COMPLETE): S.COMPLETED,
    (S.UNKNOWN, A.FAIL): S.FAILED,
    (S.COMPLETED, A.REFUND_PART): S.PARTIALLY_REFUNDED,
    (S.COMPLETED, A.REFUND_REST): S.REFUNDED,
    (S.PARTIALLY_REFUNDED, A.REFUND_PART): S.PARTIALLY_REFUNDED,
    (S.PARTIALLY_REFUNDED, A.REFUND_REST): S.REFUNDED,
}


def a_payment(status: PaymentStatus = S.COMPLETED, amount: str = "100.00") -> Payment:
    return Payment("pay_1", "cus_1", Decimal(amount), "USD", status, AT, AT)


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("action", A)
def test_every_pair_of_state_and_action(status: PaymentStatus, action: Action) -> None:
    payment = a_payment(status)
    if (status, action) in ALLOWED:
        after = transition(payment, action, at=AT)
        assert after.status is ALLOWED[status, action]
        assert after.version == payment.version + 1
    else:
        with pytest.raises(IllegalPaymentTransition) as refused:
            transition(payment, action, at=AT)
        assert refused.value.details["current_state"] == status.value
    assert ALLOWED == TRANSITIONS


def test_a_caller_cannot_set_a_refunded_status() -> None:
    for status in (S.REFUNDED, S.PARTIALLY_REFUNDED, S.PENDING):
        with pytest.raises(IllegalPaymentTransition):
            action_to(a_payment(), status)


def test_without_an_amount_all_that_is_left_is_refunded() -> None:
    payment = replace(a_payment(), amount_refunded=Decimal("30.00"))
    assert refund_amount(payment, None, at_most=None) == Decimal("70.00")
    assert refund_amount(payment, None, at_most=Decimal("20.00")) == Decimal("20.00")


@pytest.mark.parametrize(
    ("asked", "at_most", "error"),
    [
        ("100.01", None, RefundExceedsPayment),
        ("50.01", "50.00", RefundExceedsPayment),
        ("0", None, NotAnAmount),
        ("-1", None, NotAnAmount),
        ("1.001", None, TooManyDecimals),
    ],
)
def test_refunds_that_are_refused(asked: str, at_most: str | None, error: type) -> None:
    bound = None if at_most is None else Decimal(at_most)
    with pytest.raises(error):
        refund_amount(a_payment(), Decimal(asked), at_most=bound)


@pytest.mark.parametrize("status", [S.PENDING, S.FAILED, S.CANCELED, S.UNKNOWN])
def test_what_was_not_paid_is_not_refunded(status: PaymentStatus) -> None:
    with pytest.raises(IllegalPaymentTransition):
        refund_amount(a_payment(status), None, at_most=None)


def test_what_is_refunded_already_is_not_refunded_again() -> None:
    payment = replace(a_payment(S.REFUNDED), amount_refunded=Decimal("100.00"))
    with pytest.raises(RefundExceedsPayment):
        refund_amount(payment, None, at_most=None)


@given(st.lists(st.integers(1, 12_000), max_size=8))
def test_refunds_never_exceed_what_was_paid(cents: list[int]) -> None:
    payment = a_payment()
    for amount in cents:
        asked = Decimal(amount).scaleb(-2)
        try:
            payment = refunded(payment, refund_amount(payment, asked, at_most=None), at=AT)
        except RefundExceedsPayment:
            assert asked > payment.refundable
    assert 0 <= payment.amount_refunded <= payment.amount
    assert (payment.status is S.REFUNDED) == (payment.amount_refunded == payment.amount)
