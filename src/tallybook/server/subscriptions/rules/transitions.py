"""The states of a subscription, and the actions that lead from one to another."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.subscriptions.errors import IllegalTransition
from tallybook.server.subscriptions.models import Action, Status, Subscription

TRANSITIONS: Final[Mapping[tuple[Status, Action], Status]] = {
    (Status.DRAFT, Action.SCHEDULE): Status.SCHEDULED,
    (Status.DRAFT, Action.START_TRIAL): Status.TRIALING,
    (Status.DRAFT, Action.START): Status.ACTIVE,
    (Status.DRAFT, Action.CANCEL): Status.CANCELED,
    (Status.SCHEDULED, Action.START_TRIAL): Status.TRIALING,
    (Status.SCHEDULED, Action.START): Status.ACTIVE,
    (Status.SCHEDULED, Action.CANCEL): Status.CANCELED,
    (Status.TRIALING, Action.START): Status.ACTIVE,
    (Status.TRIALING, Action.FALL_DUE): Status.PAST_DUE,
    (Status.TRIALING, Action.SUSPEND): Status.SUSPENDED,
    (Status.TRIALING, Action.CANCEL): Status.CANCELED,
    (Status.TRIALING, Action.END): Status.ENDED,
    (Status.ACTIVE, Action.FALL_DUE): Status.PAST_DUE,
    (Status.ACTIVE, Action.SUSPEND): Status.SUSPENDED,
    (Status.ACTIVE, Action.CANCEL): Status.CANCELED,
    (Status.ACTIVE, Action.END): Status.ENDED,
    (Status.PAST_DUE, Action.RECOVER): Status.ACTIVE,
    (Status.PAST_DUE, Action.SUSPEND): Status.SUSPENDED,
    (Status.PAST_DUE, Action.CANCEL): Status.CANCELED,
    (Status.PAST_DUE, Action.END): Status.ENDED,
    (Status.SUSPENDED, Action.RESUME): Status.ACTIVE,
    (Status.SUSPENDED, Action.RESUME_IN_TRIAL): Status.TRIALING,
    (Status.SUSPENDED, Action.RESUME_PAST_DUE): Status.PAST_DUE,
    (Status.SUSPENDED, Action.CANCEL): Status.CANCELED,
    (Status.SUSPENDED, Action.END): Status.ENDED,
}


def transition(
    sub: Subscription, action: Action, *, at: datetime, reason: str | None = None
) -> Subscription:
    """Return the subscription in its new state, with the times that go with it.

    Errors: IllegalTransition.
    """
    target = TRANSITIONS.get((sub.status, action))
    if target is None:
        raise illegal(sub, action.value)
    return replace(
        sub,
        status=target,
        version=sub.version + 1,
        updated_at=at,
        **_times(sub, action, at=at, reason=reason),
    )


def illegal(sub: Subscription, action: str) -> IllegalTransition:
    """Return the refusal of an action in this state."""
    words = action.replace("_", " ")
    return IllegalTransition(subscription_id=sub.id, current_state=sub.status, action=words)


def resume_action(sub: Subscription, *, at: datetime, is_past_due: bool | None = None) -> Action:
    """Return how a suspended subscription resumes: as its dates and invoices say.

    `is_past_due` says whether an invoice is overdue; None: as it was when suspended.
    """
    if is_past_due is None:
        is_past_due = sub.suspended_from is Status.PAST_DUE
    if is_past_due:
        return Action.RESUME_PAST_DUE
    if sub.trial_end is not None and at < sub.trial_end:
        return Action.RESUME_IN_TRIAL
    return Action.RESUME


def _times(
    sub: Subscription, action: Action, *, at: datetime, reason: str | None
) -> Mapping[str, Any]:
    match action:
        case Action.SUSPEND:
            return {"suspended_at": at, "suspend_reason": reason, "suspended_from": sub.status}
        case Action.FALL_DUE | Action.RECOVER:
            return {"past_due_at": at if action is Action.FALL_DUE else None}
        case Action.RESUME | Action.RESUME_IN_TRIAL | Action.RESUME_PAST_DUE:
            since = sub.past_due_at or at
            is_past_due = action is Action.RESUME_PAST_DUE
            return {**_NOT_SUSPENDED, "past_due_at": since if is_past_due else None}
        case Action.CANCEL:
            why = sub.cancel_reason if reason is None else reason
            over = {"canceled_at": at, "cancel_at": None, "cancel_reason": why}
            return {**_OVER, **over, "ended_at": at}
        case Action.END:
            return {**_OVER, "ended_at": at}
        case _:
            return {}


_NOT_SUSPENDED: Final[Mapping[str, Any]] = {
    "suspended_at": None,
    "suspend_reason": None,
    "suspended_from": None,
    "resume_at": None,
}
_OVER: Final[Mapping[str, Any]] = {
    "cancel_at": None,
    "resume_at": None,
    "next_version": None,
    "scheduled_change": None,
}
