"""What a part of a period costs: an exact share, multiplied first and rounded once.

Source: semantics, choices 8 and 10; docs/subscriptions.md#proration.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from tallybook.server.kernel.money import quantize_money


@dataclass(frozen=True, slots=True)
class Proration:
    """What an immediate change of plan costs: net of tax, and all but `net_adjustment` >= 0."""

    prepaid_refund: Decimal
    new_plan_charge: Decimal
    usage_charges: Decimal
    net_adjustment: Decimal
    currency: str


def prorate(price: Decimal, share: Fraction, currency: str) -> Decimal:
    """Return the amount of a price for a share of its period."""
    return quantize_money(Fraction(price) * share, currency)


def prorate_units(units: Decimal, share: Fraction) -> Decimal:
    """Return the included units for a share of their window, rounded up to whole ones."""
    return Decimal(ceil(Fraction(units) * share))
