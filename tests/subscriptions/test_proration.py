"""Exact shares, rounded once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.periods import Span
from tallybook.server.subscriptions.models import Period
from tallybook.server.subscriptions.rules.proration import prorate, prorate_units

from .examples import day

UTC_ZONE = ZoneInfo("UTC")


def a_period(*, start: datetime, end: datetime, cycle: Span, day_zone: str | None) -> Period:
    return Period(
        subscription_id="sub_1",
        number=0,
        start=start,
        end=end,
        cycle_start=cycle.start,
        cycle_end=cycle.end,
        is_trial=False,
        contract_version=1,
        is_closed=False,
        day_zone=day_zone,
    )


@pytest.mark.parametrize(
    ("old", "new", "cycle", "at", "figures"),
    [
        ("700", "1000", Span(day(4, 1), day(5, 1)), day(4, 11), "466.67 666.67"),
        ("99", "199", Span(day(3, 1), day(4, 1)), day(3, 11), "67.06 134.81"),
        ("100", "10", Span(day(4, 1), day(5, 1)), day(4, 16), "50.00 5.00"),
        ("100", "200", Span(day(4, 1), day(5, 1)), day(4, 1), "100.00 200.00"),
        ("100", "200", Span(day(4, 1), day(5, 1)), day(5, 1), "0.00 0.00"),
    ],
)
@pytest.mark.parametrize("days_in", [None, UTC_ZONE])
def test_a_change_of_plan_costs_the_published_figures(
    old: str, new: str, cycle: Span, at: datetime, figures: str, days_in: ZoneInfo | None
) -> None:
    share = cycle.share_after(at, days_in=days_in)
    shown = [prorate(Decimal(price), share, "USD") for price in (old, new)]
    assert " ".join(map(str, shown)) == figures


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "67"), ("KWD", "66.667")])
def test_amounts_have_their_currencys_minor_units(currency: str, amount: str) -> None:
    assert str(prorate(Decimal(100), Fraction(2, 3), currency)) == amount


def test_seconds_count_by_default_and_days_on_request() -> None:
    cycle = Span(day(4, 1), day(5, 1))
    noon = day(4, 11) + timedelta(hours=12)
    assert cycle.share_after(noon) == Fraction(39, 60)
    by_day = cycle.share_after(noon, days_in=UTC_ZONE)
    assert by_day == Fraction(20, 30)  # the day of change belongs to the new plan


def test_days_are_local_and_a_day_of_23_hours_is_one() -> None:
    zone = ZoneInfo("America/New_York")
    cycle = Span(datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC))
    at = datetime(2026, 3, 12, 3, 59, tzinfo=UTC)  # the 11th in New York
    assert cycle.share_after(at, days_in=zone) == Fraction(21, 31)


def test_a_cycle_within_one_day_is_counted_by_time_on_either_basis() -> None:
    cycle = Span(day(4, 1), day(4, 1) + timedelta(hours=2))
    at = day(4, 1) + timedelta(hours=1)
    assert cycle.share_after(at, days_in=UTC_ZONE) == Fraction(1, 2)


@given(
    cuts=st.lists(st.integers(0, 31 * 86400), max_size=6),
    day_zone=st.sampled_from([None, "UTC", "Asia/Kathmandu"]),
)
def test_the_shares_of_parts_that_tile_add_up_to_one(cuts: list[int], day_zone: str | None) -> None:
    cycle = Span(day(3, 1), day(4, 1))
    at = [cycle.start, *(cycle.start + timedelta(seconds=s) for s in sorted(cuts)), cycle.end]
    parts = [
        a_period(start=start, end=end, cycle=cycle, day_zone=day_zone)
        for start, end in pairwise(at)
    ]
    assert sum(part.share for part in parts) == 1


@given(
    price=st.decimals(min_value=0, max_value=10**9, places=4),
    seconds=st.integers(0, 31 * 86400),
)
def test_a_prorated_price_is_the_exact_product_rounded_once(price: Decimal, seconds: int) -> None:
    cycle = Span(day(3, 1), day(4, 1))
    share = cycle.share_after(cycle.start + timedelta(seconds=seconds))
    assert share == Fraction(31 * 86400 - seconds, 31 * 86400)
    exact = Fraction(price) * share
    assert abs(Fraction(prorate(price, share, "USD")) - exact) <= Fraction(1, 200)
    assert 0 <= prorate(price, share, "USD") <= prorate(price, Fraction(1), "USD")


@pytest.mark.parametrize(
    ("units", "share", "left"),
    [("100", "1/3", 34), ("100", "1", 100), ("0", "1/2", 0), ("100", "0", 0), ("0.5", "1/2", 1)],
)
def test_included_units_are_rounded_up(units: str, share: str, left: int) -> None:
    assert prorate_units(Decimal(units), Fraction(share)) == left
