"""How much of what was charged in advance is given back, and as what kind of credit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from tallybook.server.invoicing.models import Line
from tallybook.server.kernel.money import ZERO, quantize_money
from tallybook.server.subscriptions.models import Period
from tallybook.server.subscriptions.rules.proration import prorate


class RefundType(StrEnum):
    NONE = "none"
    PRORATED = "prorated"  # for what is left of the period
    FULL = "full"  # of the period


@dataclass(frozen=True, slots=True)
class Paid:
    """How something was paid: from outside, with credit that was paid for, with free credit."""

    outside: Decimal
    purchased: Decimal
    free: Decimal


@dataclass(frozen=True, slots=True)
class Back:
    """Credit to be given back, by kind."""

    purchased: Decimal
    free: Decimal


def refund_amount(
    lines: Sequence[Line], period: Period, kind: RefundType, *, at: datetime, currency: str
) -> Decimal:
    """Return what is given back of the lines that were charged in advance for a period.

    A part of a period is counted as the period counts: in seconds, or in local days.

    Holds: 0 <= refund <= what the lines charged. Usage is never refunded.
    Source: semantics, choices 8 and 10.
    """
    if kind is RefundType.NONE:
        return ZERO
    if kind is RefundType.FULL:
        return sum((line.total for line in lines), ZERO)
    share = share_left(period, at)
    return sum(
        (
            min(prorate(line.unit_price or line.total, share, currency), line.total)
            for line in lines
        ),
        ZERO,
    )


def share_left(period: Period, at: datetime) -> Fraction:
    """Return the share of its cycle that is left of a period at a time."""
    at = min(max(at, period.start), period.end)
    return period.share_left(at) - period.share_left(period.end)


def split(amount: Decimal, paid: Paid, *, with_outside: bool, currency: str) -> Back:
    """Return what comes back as purchased credit and what as free, as it was paid.

    Holds: purchased + free = amount. Source: semantics, choice 10.
    """
    own = paid.purchased + (paid.outside if with_outside else ZERO)
    if not own + paid.free:
        return Back(ZERO, amount)
    purchased = quantize_money(
        Fraction(amount) * Fraction(own) / Fraction(own + paid.free), currency
    )
    return Back(purchased, amount - purchased)
