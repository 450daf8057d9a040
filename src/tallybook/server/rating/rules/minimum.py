"""The minimum commitment, and the two amounts that reach an invoice."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tallybook.server.kernel.money import EXACT, parse_decimal, plain, quantize_money
from tallybook.server.rating.errors import AmountTooLarge
from tallybook.server.rating.models import PriceShape, RatedUsage

NOTHING: Final = Fraction(0)


def minimum_of(shape: PriceShape, *, part_of_period: Fraction) -> Fraction:
    """Return the commitment for a part of a period: a ratio of times has no finite decimal."""
    if not 0 <= part_of_period <= 1:
        raise ValueError(f"not a part of a period: {part_of_period}")
    if not shape.minimum_commitment:
        return NOTHING
    return Fraction(shape.minimum_commitment) * part_of_period


def true_up_of(minimum: Fraction, *, charge: Decimal) -> Fraction:
    """Return what is missing to the minimum; zero where the charge reaches it.

    Holds: charge + true-up = max(charge, minimum).
    Source: semantics, choice 4; docs/pricing.md#minimum-commitment.
    """
    return NOTHING if minimum <= charge else minimum - Fraction(charge)


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """Posted money: one amount for the usage line, one for the true-up line."""

    usage: Decimal
    true_up: Decimal
    total: Decimal


def line_amounts(rated: RatedUsage, *, currency: str) -> LineAmounts:
    """Round usage and minimum once each; the true-up is what lies between the rounded two.

    Rounding the exact true-up instead would let the lines add up to a cent over the minimum
    (3.335 of 10: 3.34 + 6.67).

    Holds: total = max(rounded usage, rounded minimum) = usage + true_up.
    Errors: AmountTooLarge (the product of a price and a quantity may be); UnknownCurrency.
    Source: semantics, choices 4 and 16.
    """
    usage = quantize_money(rated.amount, currency)
    true_up = posted_true_up(rated, currency=currency)
    total = EXACT.add(usage, true_up)
    try:
        parse_decimal(plain(total))
    except ValueError:
        raise AmountTooLarge(amount=plain(total), currency=currency) from None
    return LineAmounts(usage=usage, true_up=true_up, total=total)


def posted_true_up(rated: RatedUsage, *, currency: str) -> Decimal:
    """Return what lies between the rounded usage and the rounded minimum, if that is more."""
    usage = quantize_money(rated.amount, currency)
    if not rated.minimum and usage >= 0:
        return EXACT.subtract(usage, usage)
    minimum = quantize_money(rated.minimum, currency)
    return EXACT.subtract(max(usage, minimum), usage)
