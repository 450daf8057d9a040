"""What an outcome does, amounts as Stripe writes them, and who asks when."""

from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.money import minor_units
from tallybook.server.payments.errors import NotChargeable
from tallybook.server.payments.models import OPEN, PaymentStatus, RefundStatus, Result
from tallybook.server.payments.rules.orders import (
    PAUSES,
    pause_after,
    payment_after,
    refund_after,
)
from tallybook.server.payments.rules.stripe_amounts import PLACES, to_stripe


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10.50", "USD", 1050),
        ("0.01", "USD", 1),
        ("500", "JPY", 500),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("7", "MGA", 7),
        ("7", "XOF", 7),
        ("10.45", "HUF", 1045),  # whole in payouts alone
        ("10.45", "TWD", 1045),
        ("1.230", "TND", 1230),
        ("1.230", "KWD", 1230),
        ("123456789012.34", "EUR", 12345678901234),
    ],
)
def test_amounts_are_stripes_units(amount: str, currency: str, units: int) -> None:
    assert to_stripe(Decimal(amount), currency) == units


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.234", "KWD"), ("1.001", "BHD"), ("7.5", "MGA"), ("0.001", "USD")]
)
def test_what_is_not_exact_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(NotChargeable):
        to_stripe(Decimal(amount), currency)


@given(
    minor=st.integers(1, 10**14),
    currency=st.sampled_from(["USD", "EUR", "JPY", "KRW", "ISK", "UGX", "MGA", "KWD", "TND"]),
)
def test_units_are_the_amount_and_never_rounded(minor: int, currency: str) -> None:
    amount = Decimal(minor).scaleb(-minor_units(currency))
    try:
        units = to_stripe(amount, currency)
    except NotChargeable:
        assert currency in ("KWD", "TND", "MGA")
        return
    assert Decimal(units).scaleb(-PLACES.get(currency, minor_units(currency))) == amount


@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("result", Result)
def test_every_outcome_on_every_status(status: PaymentStatus, result: Result) -> None:
    expected = {
        (PaymentStatus.PENDING, Result.SUCCEEDED): PaymentStatus.COMPLETED,
        (PaymentStatus.PENDING, Result.DECLINED): PaymentStatus.FAILED,
        (PaymentStatus.PENDING, Result.LOST): PaymentStatus.UNKNOWN,
        (PaymentStatus.UNKNOWN, Result.SUCCEEDED): PaymentStatus.COMPLETED,
        (PaymentStatus.UNKNOWN, Result.DECLINED): PaymentStatus.FAILED,
    }
    assert payment_after(status, result) is expected.get((status, result))


@given(told=st.lists(st.sampled_from(Result), max_size=8))
def test_what_has_ended_stays_as_it_ended(told: list[Result]) -> None:
    status, ended = PaymentStatus.PENDING, None
    for result in told:
        status = payment_after(status, result) or status
        if ended is not None:
            assert status is ended
        ended = None if status in OPEN else status


def test_a_refund_ends_the_same_in_any_order() -> None:
    told = (Result.WAITING, Result.SUCCEEDED, Result.DECLINED, Result.LOST)
    for order in permutations(told):
        status = RefundStatus.PENDING
        for result in order:
            status = refund_after(status, result) or status
        assert status is RefundStatus.FAILED, "a bank may send back what was done"


def test_it_is_asked_again_for_ever_and_not_too_often() -> None:
    assert [pause_after(n) for n in range(1, 6)] == list(PAUSES)
    assert pause_after(1000) == PAUSES[-1] == timedelta(hours=1)
