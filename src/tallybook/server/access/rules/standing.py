"""What the state of subscriptions says about access.

Source: semantics, choices 20, 26 and 31; docs/access.md#reasons.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from tallybook.server.access.models import Reason
from tallybook.server.subscriptions.models import RUNNING, Status, Timeline

OPEN_END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of a period that is not known yet."""
_LADDER: Final = tuple(Reason)


def hindrance_of(line: Timeline) -> Reason | None:
    """Return why a subscription gives no access; None: it does."""
    match line.status:
        case Status.TRIALING | Status.ACTIVE:
            return None
        case Status.PAST_DUE:
            return Reason.SUBSCRIPTION_PAST_DUE
        case Status.SUSPENDED:
            return Reason.SUBSCRIPTION_SUSPENDED
        case Status.CANCELED | Status.ENDED:
            return Reason.SUBSCRIPTION_CANCELED
        case Status.DRAFT | Status.SCHEDULED:
            return Reason.NOT_STARTED


def why_nothing(lines: Sequence[Timeline], at: datetime, *, has_draft: bool) -> Reason:
    """Return why none of a customer's subscriptions gives a feature.

    One that runs and gives access speaks for all: the feature is not in its plan. Then those
    that run without access, in the order of the reasons; then one that will start; then one
    that is over.
    """
    running = [line for line in lines if line.find_period(at) is not None]
    if running:
        hindrances = [hindrance_of(line) for line in running]
        said = [reason for reason in hindrances if reason is not None]
        if len(said) < len(running):
            return Reason.FEATURE_NOT_IN_PLAN
        return min(said, key=_LADDER.index)
    if has_draft or any(_is_to_come(line, at) for line in lines):
        return Reason.NOT_STARTED
    return Reason.SUBSCRIPTION_CANCELED if lines else Reason.NO_SUBSCRIPTION


def continued(line: Timeline, at: datetime) -> Timeline:
    """Return a subscription that still runs at a time, also where its renewal has yet to be done.

    Nobody is shut out because due work is some seconds late: the next period is taken to have
    begun, on the same terms and with nothing used.
    """
    if line.status not in RUNNING or line.ended_at is not None or not line.periods:
        return line
    last = line.periods[-1]
    if at < last.end:
        return line
    following = replace(
        last,
        number=last.number + 1,
        start=last.end,
        end=OPEN_END,
        is_trial=False,
        is_closed=False,
        unit_share=Fraction(1),
    )
    return replace(line, periods=(*line.periods, following))


def graced(line: Timeline, at: datetime, grace: timedelta) -> Timeline:
    """Return a subscription as one that gives access, as long as its grace lasts.

    With no grace, or past due since an unknown time, it blocks at once.
    """
    if line.status is not Status.PAST_DUE or line.past_due_at is None:
        return line
    return replace(line, status=Status.ACTIVE) if at < line.past_due_at + grace else line


def _is_to_come(line: Timeline, at: datetime) -> bool:
    return line.status is Status.SCHEDULED or line.started_at > at
