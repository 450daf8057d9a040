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
from tallybook.server.subscriptions.rules.proration import (
    Proration,
    ProrationBasis,
    prorate,
    prorate_change,
    prorate_units,
    share_left,
    share_of,
)

from .examples import day

UTC_ZONE = ZoneInfo("UTC")


def change(old: str, new: str, share: Fraction, usage: str = "0", **rest: Decimal) -> Proration:
    return prorate_change(
        old_base=Decimal(old),
        new_base=Decimal(new),
        usage_charges=Decimal(usage),
        share=share,
        currency="USD",
        **rest,
    )


@pytest.mark.parametrize(
    ("old", "new", "cycle", "at", "figures"),
    [
        ("700", "1000", Span(day(4, 1), day(5, 1)), day(4, 11), "466.67 666.67 200.00"),
        ("99", "199", Span(day(3, 1), day(4, 1)), day(3, 11), "67.06 134.81 67.75"),
        ("100", "10", Span(day(4, 1), day(5, 1)), day(4, 16), "50.00 5.00 -45.00"),
        ("100", "200", Span(day(4, 1), day(5, 1)), day(4, 1), "100.00 200.00 100.00"),
        ("100", "200", Span(day(4, 1), day(5, 1)), day(5, 1), "0.00 0.00 0.00"),
    ],
)
@pytest.mark.parametrize("basis", list(ProrationBasis))
def test_a_change_of_plan_costs_the_published_figures(
    old: str, new: str, cycle: Span, at: datetime, figures: str, basis: ProrationBasis
) -> None:
    made = change(old, new, share_left(cycle, at, basis=basis, zone=UTC_ZONE))
    shown = (made.prepaid_refund, made.new_plan_charge, made.net_adjustment)
    assert " ".join(map(str, shown)) == figures


def test_usage_so_far_is_added() -> None:
    made = change("700", "1000", Fraction(2, 3), usage="12.345")
    assert made.usage_charges == Decimal("12.35")
    assert made.net_adjustment == Decimal("212.35")


def test_a_refund_never_exceeds_what_may_be_given_back() -> None:
    made = change("700", "1000", Fraction(2, 3), refundable=Decimal("100.00"))
    assert (made.prepaid_refund, made.net_adjustment) == (Decimal("100.00"), Decimal("566.67"))
    assert change("90", "1", Fraction(1, 3), refundable=Decimal(99)).prepaid_refund == 30


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "67"), ("KWD", "66.667")])
def test_amounts_have_their_currencys_minor_units(currency: str, amount: str) -> None:
    assert str(prorate(Decimal(100), Fraction(2, 3), currency)) == amount


def test_seconds_count_by_default_and_days_on_request() -> None:
    cycle = Span(day(4, 1), day(5, 1))
    noon = day(4, 11) + timedelta(hours=12)
    assert share_left(cycle, noon, zone=UTC_ZONE) == Fraction(39, 60)
    by_day = share_left(cycle, noon, basis=ProrationBasis.DAY, zone=UTC_ZONE)
    assert by_day == Fraction(20, 30)  # the day of change belongs to the new plan


def test_days_are_local_and_a_day_of_23_hours_is_one() -> None:
    zone = ZoneInfo("America/New_York")
    cycle = Span(datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC))
    at = datetime(2026, 3, 12, 3, 59, tzinfo=UTC)  # the 11th in New York
    assert share_left(cycle, at, basis=ProrationBasis.DAY, zone=zone) == Fraction(21, 31)


def test_a_cycle_within_one_day_is_counted_by_time_on_either_basis() -> None:
    cycle = Span(day(4, 1), day(4, 1) + timedelta(hours=2))
    at = day(4, 1) + timedelta(hours=1)
    assert share_left(cycle, at, basis=ProrationBasis.DAY, zone=UTC_ZONE) == Fraction(1, 2)


@given(
    cuts=st.lists(st.integers(0, 31 * 86400), max_size=6),
    basis=st.sampled_from(list(ProrationBasis)),
)
def test_the_shares_of_parts_that_tile_add_up_to_one(
    cuts: list[int], basis: ProrationBasis
) -> None:
    cycle = Span(day(3, 1), day(4, 1))
    at = [cycle.start, *(cycle.start + timedelta(seconds=s) for s in sorted(cuts)), cycle.end]
    parts = [Span(start, end) for start, end in pairwise(at)]
    assert sum(share_of(part, cycle, basis=basis, zone=UTC_ZONE) for part in parts) == 1


@given(
    price=st.decimals(min_value=0, max_value=10**9, places=4),
    seconds=st.integers(0, 31 * 86400),
)
def test_a_prorated_price_is_the_exact_product_rounded_once(price: Decimal, seconds: int) -> None:
    cycle = Span(day(3, 1), day(4, 1))
    share = share_left(cycle, cycle.start + timedelta(seconds=seconds), zone=UTC_ZONE)
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
