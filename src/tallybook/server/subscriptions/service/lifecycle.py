"""Changes of state, each told in the transaction that makes it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import DatesInvalid
from tallybook.server.subscriptions.models import Action, Status, Subscription
from tallybook.server.subscriptions.rules.transitions import illegal, resume_action, transition

from .announce import announce, save
from .lookups import get
from .periods import close_period

EVENTS: Final[Mapping[Action, str]] = {
    Action.SCHEDULE: "updated",
    Action.START_TRIAL: "activated",
    Action.START: "activated",
    Action.FALL_DUE: "past_due",
    Action.RECOVER: "recovered",
    Action.SUSPEND: "suspended",
    Action.RESUME: "resumed",
    Action.RESUME_IN_TRIAL: "resumed",
    Action.RESUME_PAST_DUE: "resumed",
    Action.CANCEL: "canceled",
    Action.END: "ended",
}


def apply(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    action: Action,
    *,
    at: datetime,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Subscription:
    """Change the state and tell it; `details` are further fields of the event's data.

    Canceling and ending cut and close the current period at `at`.
    Errors: IllegalTransition (with `current_state`); VersionConflict.
    """
    after = save(tx, space, sub, transition(sub, action, at=at, reason=reason), at=at)
    if after.is_over and after.current_period is not None:
        close_period(tx, space, after, at=at)
    told = {"previous_status": sub.status.value, **(details or {})}
    if reason is not None:
        told["reason"] = reason
    announce(tx, space, EVENTS[action], after, at=at, **told)
    return after


def suspend(
    tx: Tx,
    space: SpaceId,
    sub_id: str,
    *,
    reason: str | None = None,
    resume_at: datetime | None = None,
    at: datetime,
) -> Subscription:
    """Stop access and new charges until resumed; the period is not extended.

    Errors: SubscriptionNotFound; IllegalTransition; DatesInvalid (resumes before it begins).
    """
    before = get(tx, space, sub_id, lock=True)
    transition(before, Action.SUSPEND, at=at)  # a wrong state is said before a wrong date
    if resume_at is not None and resume_at <= at:
        raise _invalid("/resume_date", "must lie ahead")
    waiting = replace(before, resume_at=resume_at)
    return apply(tx, space, waiting, Action.SUSPEND, at=at, reason=reason)


def resume(
    tx: Tx,
    space: SpaceId,
    sub_id: str,
    *,
    reason: str | None = None,
    resume_at: datetime | None = None,
    is_past_due: bool | None = None,
    at: datetime,
) -> Subscription:
    """Lift the suspension, now or at `resume_at`; of one that is to be canceled, keep it on.

    `is_past_due` says whether an invoice is overdue; None: as it was when suspended.
    Errors: SubscriptionNotFound; IllegalTransition (neither suspended nor to be canceled).
    """
    before = get(tx, space, sub_id, lock=True)
    if before.status is not Status.SUSPENDED:
        if before.cancel_at is None:
            raise illegal(before, "resume")
        return withdraw_cancel(tx, space, before, at=at)
    if resume_at is not None and resume_at > at:
        after = save(tx, space, before, replace(before, resume_at=resume_at), at=at)
        announce(tx, space, "updated", after, at=at)
        return after
    action = resume_action(before, at=at, is_past_due=is_past_due)
    return apply(tx, space, before, action, at=at, reason=reason)


def schedule_cancel(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    *,
    cancel_at: datetime,
    reason: str | None = None,
    at: datetime,
) -> Subscription:
    """Set when the subscription will be canceled; an earlier such date is replaced.

    Errors: IllegalTransition; DatesInvalid (in the past); VersionConflict.
    """
    if not sub.is_live:
        raise illegal(sub, "be canceled later")
    if cancel_at <= at:
        raise _invalid("/cancellation_date", "must lie ahead")
    waiting = replace(sub, cancel_at=cancel_at, cancel_reason=reason)
    after = save(tx, space, sub, waiting, at=at)
    announce(tx, space, "updated", after, at=at)
    return after


def withdraw_cancel(tx: Tx, space: SpaceId, sub: Subscription, *, at: datetime) -> Subscription:
    """Keep the subscription on. Errors: IllegalTransition (no cancel waits)."""
    if sub.cancel_at is None or not sub.is_live:
        raise illegal(sub, "keep on: no cancel waits")
    after = save(tx, space, sub, replace(sub, cancel_at=None, cancel_reason=None), at=at)
    announce(tx, space, "updated", after, at=at)
    return after


def announce_blocked(tx: Tx, space: SpaceId, sub: Subscription, *, at: datetime) -> None:
    """Tell that a past due subscription gives no access any more: its grace is over."""
    announce(
        tx, space, "past_due", sub, at=at, previous_status=sub.status.value, access_blocked=True
    )


def announce_trial_ending(tx: Tx, space: SpaceId, sub: Subscription, *, at: datetime) -> None:
    """Tell that the trial is about to end."""
    announce(tx, space, "trial_ending", sub, at=at)


def _invalid(pointer: str, detail: str) -> DatesInvalid:
    return DatesInvalid(errors=[FieldError(pointer, "invalid", detail)])
