"""Where the first period of a subscription begins and ends."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn
from zoneinfo import ZoneInfo

from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.periods import BillingPeriod, Span, add_periods
from tallybook.server.subscriptions.errors import DatesInvalid, TrialNotOffered
from tallybook.server.subscriptions.models import Action, Opening, Status, Subscription

from .transitions import transition

SKEW: Final = timedelta(minutes=5)
"""A start that is given as an instant may lie this far ahead and still mean now: the clocks of
callers are not ours. As far ahead as an event's own time."""


@dataclass(frozen=True, slots=True)
class FirstPeriod:
    """How a subscription begins.

    `start` to `end` is the first period. `cycle` is what a base price pays for: it began earlier
    where the start lies inside the bounds that the caller gave.
    """

    start: datetime
    end: datetime
    cycle: Span
    anchor: datetime
    trial_end: datetime | None
    status: Status

    @property
    def is_trial(self) -> bool:
        return self.trial_end is not None


def first_period(
    opening: Opening,
    *,
    billing_period: BillingPeriod,
    trial_days: int,
    end_date: datetime | None,
    at: datetime,
    zone: ZoneInfo,
    terms_at: str = "",
) -> FirstPeriod:
    """Return the first period, and the status that goes with it.

    `trial_days` is what the plan offers this customer: 0 when the trial is used up; `terms_at`
    the JSON pointer of the contract's terms in the request.
    Holds: start < end, and start <= at unless the status is scheduled.
    Errors: DatesInvalid (with the pointer of the field); TrialNotOffered.
    Source: semantics, choices 8, 14, 15 and 25; docs/subscriptions.md#periods.
    """
    cycle, anchor = _bounds(opening, billing_period, at, zone)
    start = _start(opening, cycle, at)
    status = Status.SCHEDULED if start > at else Status.ACTIVE
    trial_end = _trial_end(opening, trial_days, start, zone)
    if trial_end is not None:  # a period of its own, and its end is the anchor
        cycle, anchor = Span(start, trial_end), trial_end
        status = Status.TRIALING if status is Status.ACTIVE else status
    end = cycle.end
    if end_date is not None:
        if end_date <= start:
            _refuse(f"{terms_at}/end_date", "must be after the start")
        end = min(end, end_date)
    return FirstPeriod(start, end, cycle, anchor, trial_end, status)


def begin(sub: Subscription, first: FirstPeriod, *, at: datetime) -> Subscription:
    """Return a draft with its first period begun, or scheduled. Errors: IllegalTransition."""
    begun = transition(sub, _ACTIONS[first.status], at=at)
    return replace(
        begun,
        started_at=first.start,
        anchor=first.anchor,
        current_period=0,
        current_period_start=first.cycle.start,
        current_period_end=first.end,
        trial_end=first.trial_end,
        trial_plan_id=sub.plan_id if first.is_trial else None,
    )


_ACTIONS: Final = {
    Status.SCHEDULED: Action.SCHEDULE,
    Status.TRIALING: Action.START_TRIAL,
    Status.ACTIVE: Action.START,
}


def _bounds(
    opening: Opening, billing_period: BillingPeriod, at: datetime, zone: ZoneInfo
) -> tuple[Span, datetime]:
    """Return the first cycle, and the anchor of those after it."""
    begin = opening.period_start or opening.start or at
    regular = add_periods(begin, billing_period, 1, zone)
    end = regular if opening.period_end is None else opening.period_end
    if end <= begin:
        _refuse("/current_period_end", "must be after the start of the period")
    return Span(begin, end), (begin if end == regular else end)


def _start(opening: Opening, cycle: Span, at: datetime) -> datetime:
    start = cycle.start if opening.start is None else opening.start
    if opening.start is not None and not cycle.contains(start):
        _refuse("/start_date", "must lie inside the period")
    return at if at < start <= at + SKEW and at < cycle.end else start


def _trial_end(
    opening: Opening, trial_days: int, start: datetime, zone: ZoneInfo
) -> datetime | None:
    if opening.wants_trial is False:
        if opening.trial_end is not None:
            _refuse("/trial_end", "does not go with the status active: that starts without a trial")
        return None
    if opening.trial_end is not None:
        if opening.trial_end <= start:
            _refuse("/trial_end", "must be after the start")
        return opening.trial_end
    if trial_days > 0:
        return add_periods(start, BillingPeriod.DAILY, trial_days, zone)
    if opening.wants_trial:
        raise TrialNotOffered(
            errors=[FieldError("/status", "trial_not_offered", "the plan offers no trial")]
        )
    return None


def _refuse(pointer: str, detail: str) -> NoReturn:
    raise DatesInvalid(errors=[FieldError(pointer, "invalid", detail)])
