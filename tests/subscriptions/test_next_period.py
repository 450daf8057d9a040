"""Periods tile, for years, in every zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.periods import BillingPeriod, Span
from tallybook.server.subscriptions.rules.next_period import NextPeriod, next_period

from .examples import day

ZONES = [
    "UTC",
    "Asia/Riyadh",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
]


def follow(anchor: datetime, period: BillingPeriod, zone: ZoneInfo, count: int) -> list[NextPeriod]:
    made: list[NextPeriod] = []
    end = anchor
    for _ in range(count):
        following = next_period(
            anchor=anchor, billing_period=period, previous_end=end, end_date=None, zone=zone
        )
        assert following is not None
        made.append(following)
        end = following.end
    return made


@pytest.mark.parametrize("number", [28, 29, 30, 31])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", list(BillingPeriod))
def test_48_periods_tile_and_are_whole(number: int, zone: str, period: BillingPeriod) -> None:
    anchor = datetime(2027, 1, number, 2, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    periods = follow(anchor, period, ZoneInfo(zone), 48)
    start = anchor
    for made in periods:
        assert made.start == start < made.end
        assert made.cycle == Span(made.start, made.end)
        start = made.end


@given(
    anchor=st.integers(0, 30 * 365 * 86400).map(lambda s: day(1, 1, 2010) + timedelta(seconds=s)),
    zone=st.sampled_from(ZONES),
    period=st.sampled_from(list(BillingPeriod)),
)
def test_periods_tile_from_any_anchor(anchor: datetime, zone: str, period: BillingPeriod) -> None:
    start = anchor
    for made in follow(anchor, period, ZoneInfo(zone), 12):
        assert made.start == start < made.end
        start = made.end


def test_boundaries_come_from_the_anchor_and_not_from_the_period_before() -> None:
    ends = [made.end for made in follow(day(1, 31), BillingPeriod.MONTHLY, ZoneInfo("UTC"), 3)]
    assert ends == [day(2, 28), day(3, 31), day(4, 30)]


def test_a_leap_day_comes_back() -> None:
    leap = day(2, 29, 2028)
    ends = [made.end for made in follow(leap, BillingPeriod.ANNUAL, ZoneInfo("UTC"), 4)]
    assert ends == [day(2, 28, 2029), day(2, 28, 2030), day(2, 28, 2031), day(2, 29, 2032)]


def after(previous_end: datetime, **changes: object) -> NextPeriod | None:
    fields = {
        "anchor": day(3, 1),
        "billing_period": BillingPeriod.MONTHLY,
        "previous_end": previous_end,
        "end_date": None,
        "zone": ZoneInfo("UTC"),
    }
    return next_period(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_last_period_is_cut_at_the_contracts_end() -> None:
    last = after(day(4, 1), end_date=day(4, 11))
    assert last is not None
    assert (last.end, last.cycle) == (day(4, 11), Span(day(4, 1), day(5, 1)))
    assert after(day(4, 11), end_date=day(4, 11)) is None
    assert after(day(4, 11), end_date=day(4, 11) + timedelta(days=1)) is not None


def test_after_a_cut_period_the_rest_of_its_cycle_follows() -> None:
    rest = after(day(4, 11))
    assert rest is not None
    assert (rest.start, rest.end, rest.cycle.start) == (day(4, 11), day(5, 1), day(4, 1))


def test_a_new_billing_period_is_anchored_where_it_begins() -> None:
    following = after(day(4, 1), billing_period=BillingPeriod.ANNUAL, is_new_billing_period=True)
    assert following is not None
    assert (following.anchor, following.end) == (day(4, 1), day(4, 1, 2027))
