"""Where a first period begins and ends, and what state that is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tallybook.server.kernel.periods import BillingPeriod, Span
from tallybook.server.subscriptions.errors import DatesInvalid, TrialNotOffered
from tallybook.server.subscriptions.models import Opening, Status
from tallybook.server.subscriptions.rules.first_period import SKEW, FirstPeriod, first_period

from .examples import day

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
TINY = timedelta(microseconds=1)


def first(opening: Opening = Opening(), **changes: Any) -> FirstPeriod:
    fields: dict[str, Any] = {
        "billing_period": BillingPeriod.MONTHLY,
        "trial_days": 0,
        "end_date": None,
        "at": NOW,
        "zone": UTC_ZONE,
    }
    return first_period(opening, **{**fields, **changes})


def refused(opening: Opening, **changes: Any) -> str:
    with pytest.raises(DatesInvalid) as refusal:
        first(opening, **changes)
    return refusal.value.errors[0].pointer


def test_without_dates_it_starts_now_and_lasts_one_period() -> None:
    begun = first()
    assert (begun.start, begun.end) == (NOW, datetime(2026, 4, 10, 15, tzinfo=UTC))
    assert begun.cycle == Span(begun.start, begun.end)
    assert (begun.anchor, begun.status, begun.trial_end) == (NOW, Status.ACTIVE, None)


def test_a_start_in_the_past_is_a_start() -> None:
    begun = first(Opening(start=day(1, 31)))
    assert (begun.start, begun.end, begun.anchor) == (day(1, 31), day(2, 28), day(1, 31))
    assert begun.status is Status.ACTIVE


def test_a_start_in_the_future_is_scheduled() -> None:
    assert first(Opening(start=day(4, 1))).status is Status.SCHEDULED
    assert first(Opening(period_start=day(4, 1))).status is Status.SCHEDULED


@pytest.mark.parametrize("ahead", [timedelta(milliseconds=3), SKEW])
def test_a_callers_clock_that_is_ahead_still_means_now(ahead: timedelta) -> None:
    given = NOW + ahead
    begun = first(Opening(period_start=given, period_end=given + timedelta(days=30)))
    assert (begun.start, begun.status) == (NOW, Status.ACTIVE)
    assert begun.cycle == Span(given, given + timedelta(days=30))
    assert begun.cycle.share_after(begun.start) == 1


def test_further_ahead_is_later() -> None:
    begun = first(Opening(period_start=NOW + SKEW + TINY))
    assert begun.status is Status.SCHEDULED


def test_a_given_end_makes_a_first_period_of_that_length_and_the_anchor() -> None:
    begun = first(Opening(period_start=NOW, period_end=NOW + timedelta(days=30)))
    assert begun.end == begun.anchor == NOW + timedelta(days=30)
    assert begun.cycle == Span(NOW, begun.end)  # charged whole


def test_a_given_end_one_period_away_leaves_the_start_as_the_anchor() -> None:
    begun = first(Opening(period_start=day(1, 31), period_end=day(2, 28)))
    assert begun.anchor == day(1, 31)


def test_a_start_inside_given_bounds_pays_for_its_share_of_them() -> None:
    begun = first(Opening(start=day(3, 10), period_start=day(3, 1), period_end=day(4, 1)))
    assert (begun.start, begun.end) == (day(3, 10), day(4, 1))
    assert begun.cycle == Span(day(3, 1), day(4, 1))


@pytest.mark.parametrize("start", [day(3, 1) - TINY, day(4, 1)])
def test_a_start_outside_of_given_bounds_is_refused(start: datetime) -> None:
    bounds = Opening(start=start, period_start=day(3, 1), period_end=day(4, 1))
    assert refused(bounds) == "/start_date"


@pytest.mark.parametrize("end", [day(3, 1), day(2, 1)])
def test_a_period_that_ends_before_it_starts_is_refused(end: datetime) -> None:
    assert refused(Opening(period_start=day(3, 1), period_end=end)) == "/current_period_end"
    assert refused(Opening(start=day(3, 1), period_end=end)) == "/current_period_end"


def test_a_trial_is_a_period_of_its_own_and_its_end_the_anchor() -> None:
    begun = first(trial_days=14)
    assert begun.trial_end == begun.end == begun.anchor == NOW + timedelta(days=14)
    assert begun.status is Status.TRIALING
    assert begun.is_trial


def test_trial_days_are_local_days() -> None:
    zone = ZoneInfo("America/New_York")
    begun = first(trial_days=1, at=datetime(2026, 3, 8, 5, tzinfo=UTC), zone=zone)
    assert begun.end == datetime(2026, 3, 9, 4, tzinfo=UTC)  # a day of 23 hours


def test_a_given_trial_end_is_taken_and_must_lie_after_the_start() -> None:
    assert first(Opening(trial_end=day(3, 20))).end == day(3, 20)
    assert refused(Opening(trial_end=NOW)) == "/trial_end"


def test_the_status_active_skips_the_trial() -> None:
    assert first(Opening(wants_trial=False), trial_days=14).status is Status.ACTIVE
    assert refused(Opening(wants_trial=False, trial_end=day(4, 1))) == "/trial_end"


def test_the_status_trialing_needs_a_trial() -> None:
    with pytest.raises(TrialNotOffered):
        first(Opening(wants_trial=True))
    assert first(Opening(wants_trial=True), trial_days=3).is_trial


def test_a_trial_that_starts_later_is_scheduled() -> None:
    begun = first(Opening(start=day(4, 1)), trial_days=14)
    assert (begun.status, begun.trial_end) == (Status.SCHEDULED, day(4, 15))


def test_the_contracts_end_cuts_the_first_period() -> None:
    begun = first(Opening(start=day(3, 1)), end_date=day(3, 16))
    assert (begun.end, begun.cycle.end) == (day(3, 16), day(4, 1))
    assert first(Opening(start=day(3, 1)), end_date=day(4, 1)).end == day(4, 1)
    assert refused(Opening(start=day(3, 1)), end_date=day(3, 1)) == "/end_date"
