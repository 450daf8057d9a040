"""What a part of a period costs: exact shares, multiplied first and rounded once.

Source: semantics, choices 8 and 10; docs/subscriptions.md#proration.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from tallybook.server.kernel.money import EXACT, quantize_money
from tallybook.server.kernel.periods import Span


class ProrationBasis(StrEnum):
    """How time is counted; a setting of the project."""

    SECOND = "second"
    DAY = "day"  # local days; the day of a change belongs to what is new


@dataclass(frozen=True, slots=True)
class Proration:
    """What an immediate change of plan costs: net of tax, and all but `net_adjustment` >= 0."""

    prepaid_refund: Decimal
    new_plan_charge: Decimal
    usage_charges: Decimal
    net_adjustment: Decimal
    currency: str


def share_left(
    cycle: Span,
    at: datetime,
    *,
    basis: ProrationBasis = ProrationBasis.SECOND,
    zone: ZoneInfo,
) -> Fraction:
    """Return the exact share of a cycle from `at` to its end: 0 to 1."""
    if basis is ProrationBasis.DAY:
        first, last, day = (t.astimezone(zone).date() for t in (cycle.start, cycle.end, at))
        days = (last - first).days
        if days > 0:
            return Fraction(min(max((last - day).days, 0), days), days)
    return cycle.share_after(at)


def share_of(
    part: Span,
    cycle: Span,
    *,
    basis: ProrationBasis = ProrationBasis.SECOND,
    zone: ZoneInfo,
) -> Fraction:
    """Return the exact share of a cycle that a part of it is. Parts that tile add up to 1."""
    after_start = share_left(cycle, part.start, basis=basis, zone=zone)
    return after_start - share_left(cycle, part.end, basis=basis, zone=zone)


def prorate(price: Decimal, share: Fraction, currency: str) -> Decimal:
    """Return the amount of a price for a share of its period."""
    return quantize_money(Fraction(price) * share, currency)


def prorate_change(
    *,
    old_base: Decimal,
    new_base: Decimal,
    usage_charges: Decimal,
    share: Fraction,
    refundable: Decimal | None = None,
    currency: str,
) -> Proration:
    """Return what changing the plan costs when `share` of the cycle is left.

    Units: `usage_charges` and `refundable` are posted amounts; `refundable` is what was charged
    for the rest of the cycle and not given back yet, and bounds the refund.
    Holds: net = new plan charge + usage charges - refund.
    """
    refund = prorate(old_base, share, currency)
    if refundable is not None:
        refund = min(refund, refundable)
    charge = prorate(new_base, share, currency)
    usage = quantize_money(usage_charges, currency)
    net = EXACT.subtract(EXACT.add(charge, usage), refund)
    return Proration(refund, charge, usage, net, currency)


def prorate_units(units: Decimal, share: Fraction) -> Decimal:
    """Return the included units for a share of their window, rounded up to whole ones."""
    return Decimal(ceil(Fraction(units) * share))
