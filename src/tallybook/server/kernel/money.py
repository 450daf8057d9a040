"""Exact decimals. Money is never a float, and nothing rounds without being asked to."""

from decimal import (
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from fractions import Fraction
from typing import Final

from tallybook.wire.currencies import MINOR_UNITS
from tallybook.wire.decimals import parse_decimal, plain

from .errors import InvalidInput

__all__ = [
    "EXACT",
    "MICROS",
    "ZERO",
    "TooManyDecimals",
    "UnknownCurrency",
    "from_micro_units",
    "minor_units",
    "parse_decimal",
    "plain",
    "quantize_money",
    "require_minor_units",
    "to_micro_units",
]

ZERO: Final = Decimal(0)
MICROS: Final = 1_000_000  # ledger amounts are integers of one millionth of a unit

# A price times a quantity has at most 36 + 24 digits; sums of a period need a few more.
# Inexact traps: a sum or product that does not fit is an error, never a rounded number.
EXACT: Final = Context(
    prec=120,
    rounding=ROUND_HALF_UP,
    traps=[Clamped, DivisionByZero, Inexact, InvalidOperation, Overflow, Subnormal, Underflow],
)
_ROUNDING: Final = Context(
    prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow, DivisionByZero]
)
assert not _ROUNDING.traps[Rounded]
_MICROS: Final = Decimal(MICROS)
_STEPS: Final = [Decimal(1).scaleb(-places) for places in range(max(MINOR_UNITS.values()) + 1)]


class UnknownCurrency(InvalidInput):
    """{currency} is not an active ISO 4217 currency code."""

    code = "unknown_currency"


class TooManyDecimals(InvalidInput):
    """{amount} has more decimal places than {currency} has minor units ({minor_units})."""

    code = "too_many_decimals"


def minor_units(currency: str) -> int:
    """Return how many decimal places amounts of a currency have: JPY 0, USD 2, KWD 3."""
    units = MINOR_UNITS.get(currency)
    if units is None:
        raise UnknownCurrency(currency=currency)
    return units


def quantize_money(amount: Decimal | Fraction, currency: str) -> Decimal:
    """Round an amount to the currency's minor units: half up, away from zero.

    Source: semantics, choice 16. This is the one place where money is rounded.
    """
    places = minor_units(currency)
    if not isinstance(amount, Decimal):  # a ratio of times has no finite decimal: round it exactly
        scaled = amount * 10**places
        whole, rest = divmod(abs(scaled.numerator), scaled.denominator)
        whole += 2 * rest >= scaled.denominator
        signed = whole if scaled >= 0 else -whole
        return Decimal(signed).scaleb(-places, _ROUNDING)
    return amount.quantize(_STEPS[places], context=_ROUNDING)


def require_minor_units(amount: Decimal, currency: str) -> Decimal:
    """Return the amount in the currency's minor units, unchanged in value.

    Errors: TooManyDecimals (posted money is never rounded behind the caller's back).
    """
    quantized = quantize_money(amount, currency)
    if quantized != amount:
        raise TooManyDecimals(
            amount=plain(amount), currency=currency, minor_units=minor_units(currency)
        )
    return quantized


def to_micro_units(amount: Decimal) -> int:
    """Return the ledger's integer for an amount; the amount must fit it exactly."""
    scaled = EXACT.multiply(amount, _MICROS)
    if scaled != scaled.to_integral_value():
        raise ValueError("more than six decimal places")
    return int(scaled)


def from_micro_units(micros: int) -> Decimal:
    return EXACT.divide(Decimal(micros), _MICROS)
