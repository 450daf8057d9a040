"""Credits and money: one rate a wallet, all in integers of one millionth.

Source: semantics, choice 22. Rounding never favours credit out of nothing: what is bought is
rounded down, what is needed to pay is rounded up, and what is shown is rounded down.
"""

from decimal import Decimal

from tallybook.server.kernel.money import MICROS, from_micro_units, minor_units, to_micro_units
from tallybook.server.ledger.rules.postings import check_amount
from tallybook.server.wallets.errors import RateInvalid


def check_rate(rate: Decimal) -> Decimal:
    """Return the rate. Errors: RateInvalid."""
    try:
        micros = to_micro_units(rate)
    except ValueError:
        raise RateInvalid() from None
    if micros <= 0:
        raise RateInvalid()
    return rate


def credits_for(money_micros: int, rate: Decimal) -> int:
    """Return the credits that an amount of money buys, rounded down.

    Errors: AmountTooLarge.
    """
    return check_amount(money_micros * to_micro_units(rate) // MICROS)


def credits_to_pay(money_micros: int, rate: Decimal) -> int:
    """Return the credits that it takes to pay an amount of money, rounded up."""
    return -(-money_micros * to_micro_units(rate) // MICROS)


def value_of(credits_micros: int, rate: Decimal) -> int:
    """Return the money in credits in millionths, rounded down (away from zero below it)."""
    return check_amount(credits_micros * MICROS // to_micro_units(rate))


def money_of(credits_micros: int, rate: Decimal, currency: str) -> Decimal:
    """Return the money in credits, rounded down to the currency's minor units."""
    step = 10 ** (6 - minor_units(currency))
    return _in_minor_units(value_of(credits_micros, rate) // step, currency)


def price_of(credits_micros: int, rate: Decimal, currency: str) -> Decimal:
    """Return what credits cost, rounded up to the currency's minor units."""
    step = 10 ** (6 - minor_units(currency))
    exact = credits_micros * MICROS
    return _in_minor_units(-(-exact // (to_micro_units(rate) * step)), currency)


def _in_minor_units(count: int, currency: str) -> Decimal:
    places = minor_units(currency)
    return from_micro_units(count * 10 ** (6 - places)).quantize(Decimal(1).scaleb(-places))
