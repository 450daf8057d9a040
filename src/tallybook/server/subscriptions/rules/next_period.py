"""Where the period after another begins and ends."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tallybook.server.kernel.periods import BillingPeriod, Span, period_at


@dataclass(frozen=True, slots=True)
class NextPeriod:
    """`start` to `end`, and the whole cycle that it is, or is a part of."""

    start: datetime
    end: datetime
    cycle: Span
    anchor: datetime


def next_period(
    *,
    anchor: datetime,
    billing_period: BillingPeriod,
    previous_end: datetime,
    end_date: datetime | None,
    zone: ZoneInfo,
    is_new_billing_period: bool = False,
) -> NextPeriod | None:
    """Return the period that begins where the last one ended; None when nothing is left.

    Boundaries are counted from the anchor, never from the period before, so that Jan 31 gives
    Feb 28 and then Mar 31. A new billing period is anchored where it begins.
    Holds: the periods so made tile, without gap or overlap.
    Source: semantics, choice 15.
    """
    if end_date is not None and end_date <= previous_end:
        return None
    if is_new_billing_period:
        anchor = previous_end
    cycle = period_at(anchor, billing_period, previous_end, zone)
    end = cycle.end if end_date is None else min(cycle.end, end_date)
    return NextPeriod(previous_end, end, cycle, anchor)
