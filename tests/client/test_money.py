"""Amounts that are counted in the smallest unit elsewhere."""

import copy
import pickle
from decimal import Decimal, localcontext
from typing import Any

import pytest

from tallybook import Money
from tallybook.client.encoding import decimal, encode_body


@pytest.mark.parametrize(
    ("minor", "currency", "major"),
    [
        (9900, "USD", "99.00"),
        (-1, "EUR", "-0.01"),
        (9900, "JPY", "9900"),
        (9900, "KWD", "9.900"),
        (0, "USD", "0.00"),
        (10**18 - 1, "USD", "9999999999999999.99"),
    ],
)
def test_the_smallest_unit_is_the_currencys(minor: int, currency: str, major: str) -> None:
    money = Money.from_minor(minor, currency)
    assert (str(money), money.currency, money.to_minor()) == (major, currency, minor)
    assert money == Decimal(major)
    assert money.amount == Decimal(major)
    assert type(money.amount) is Decimal
    assert decimal(money) == major
    assert encode_body({"amount": money}) == f'{{"amount":"{major}"}}'.encode()


def test_nothing_is_rounded_whatever_the_callers_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert Money.from_minor(123456, "USD") == Decimal("1234.56")
        assert Money("1234.56", "USD").to_minor() == 123456


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.005", "USD"),
        ("1.5", "JPY"),
        ("1", "usd"),
        ("1", "XXX"),
        ("NaN", "USD"),
        (0.1 + 0.2, "USD"),
    ],
)
def test_what_no_currency_can_hold_is_refused(amount: Any, currency: str) -> None:
    with pytest.raises(ValueError, match=r"currency|decimal|number"):
        Money(amount, currency)


@pytest.mark.parametrize("minor", [1.0, True, "1", Decimal(1)])
def test_the_smallest_unit_is_counted_in_ints(minor: Any) -> None:
    with pytest.raises(TypeError):
        Money.from_minor(minor, "USD")


def test_it_is_copied_with_its_currency_and_differs_by_it() -> None:
    money = Money("1.50", "USD")
    for other in (copy.copy(money), copy.deepcopy(money), pickle.loads(pickle.dumps(money))):
        assert (other, other.currency) == (money, "USD")
    assert repr(money) == "Money('1.50', 'USD')"
    assert money != Money("1.50", "EUR")
    assert money == Decimal("1.5")
    assert hash(money) == hash(Decimal("1.5"))
    assert type(money + money) is Decimal
