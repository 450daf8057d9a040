"""Billing periods and calendar windows: half-open [start, end), tiled without gap or overlap.

Source: semantics, choices 7, 14 and 15. Arithmetic is always from the stored anchor, never
chained, so Jan 31 gives Feb 28 and then Mar 31.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta


class BillingPeriod(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMI_ANNUAL = "semi_annual"
    ANNUAL = "annual"


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end): aware UTC instants."""

    start: datetime
    end: datetime

    def contains(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def share_after(self, at: datetime, *, days_in: ZoneInfo | None = None) -> Fraction:
        """Return the exact share of the span from `at` to its end: 0 to 1.

        With `days_in`, local days of that zone are counted, the day of `at` with what is left; a
        span within one day is counted by time all the same.
        """
        if days_in is not None:
            first, last, day = (t.astimezone(days_in).date() for t in (self.start, self.end, at))
            days = (last - first).days
            if days > 0:
                return Fraction(min(max((last - day).days, 0), days), days)
        left = min(max(self.end - at, timedelta(0)), self.end - self.start)
        return Fraction(left // _MICROSECOND, (self.end - self.start) // _MICROSECOND)


_MICROSECOND: Final = timedelta(microseconds=1)
_STEP: Final = {
    BillingPeriod.DAILY: relativedelta(days=1),
    BillingPeriod.WEEKLY: relativedelta(weeks=1),
    BillingPeriod.MONTHLY: relativedelta(months=1),
    BillingPeriod.QUARTERLY: relativedelta(months=3),
    BillingPeriod.SEMI_ANNUAL: relativedelta(months=6),
    BillingPeriod.ANNUAL: relativedelta(years=1),
}
_APPROXIMATE_DAYS: Final = {
    BillingPeriod.DAILY: 1.0,
    BillingPeriod.WEEKLY: 7.0,
    BillingPeriod.MONTHLY: 30.436875,
    BillingPeriod.QUARTERLY: 91.310625,
    BillingPeriod.SEMI_ANNUAL: 182.62125,
    BillingPeriod.ANNUAL: 365.2425,
}


@lru_cache(maxsize=1_024)
def add_periods(anchor: datetime, period: BillingPeriod, count: int, zone: ZoneInfo) -> datetime:
    """Return the boundary `count` periods after the anchor (before it, if negative), in UTC.

    Holds: local wall-clock time is kept over changes of daylight saving time; a day that a
    month lacks becomes its last day.
    """
    local = anchor.astimezone(zone).replace(tzinfo=None)
    return _to_utc(local + _STEP[period] * count, zone)


def period_index(anchor: datetime, period: BillingPeriod, at: datetime, zone: ZoneInfo) -> int:
    """Return n such that boundary n <= at < boundary n + 1."""
    days = (at - anchor) / timedelta(days=1)
    index = int(days // _APPROXIMATE_DAYS[period])
    while add_periods(anchor, period, index, zone) > at:
        index -= 1
    while add_periods(anchor, period, index + 1, zone) <= at:
        index += 1
    return index


def period_at(anchor: datetime, period: BillingPeriod, at: datetime, zone: ZoneInfo) -> Span:
    """Return the period that contains `at`."""
    index = period_index(anchor, period, at, zone)
    return Span(
        add_periods(anchor, period, index, zone), add_periods(anchor, period, index + 1, zone)
    )


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a local day begins, in UTC."""
    return _to_utc(datetime.combine(day, time()), zone)


def calendar_window(window: str, at: datetime, zone: ZoneInfo) -> Span:
    """Return the calendar `hour`, `day`, `week` (ISO) or `month` that contains `at`.

    A local hour that a clock change repeats is two hours; a skipped one does not occur.
    """
    if window == "hour":
        start = at.replace(minute=0, second=0, microsecond=0)
        offset = (at.astimezone(zone).utcoffset() or timedelta()) % timedelta(hours=1)
        if offset:  # zones of a half or quarter hour
            start = (
                start - offset
                if at - (start - offset) < timedelta(hours=1)
                else (start - offset + timedelta(hours=1))
            )
        return Span(start, start + timedelta(hours=1))
    day = at.astimezone(zone).date()
    if window == "day":
        first, after = day, day + timedelta(days=1)
    elif window == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    elif window == "month":
        first = day.replace(day=1)
        after = first + relativedelta(months=1)
    else:
        raise ValueError(f"not a calendar window: {window}")
    return Span(local_midnight(first, zone), local_midnight(after, zone))


def _to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at or after a wall-clock time, which may not exist (DST gap)."""
    aware = local.replace(tzinfo=zone, fold=0)
    instant = aware.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local:  # in a gap: where the gap ends
        before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
        low, high = min(before, instant), max(before, instant)
        while high - low > _MICROSECOND:
            middle = low + (high - low) / 2
            if middle.astimezone(zone).replace(tzinfo=None) < local:
                low = middle
            else:
                high = middle
        return high
    return instant
