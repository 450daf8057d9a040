"""Changing what a running subscription is on; what it costs is for others to say."""

from dataclasses import dataclass, replace
from datetime import datetime

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import Span
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import (
    ChangeReason,
    Period,
    ScheduledChange,
    Signed,
    Status,
    Subscription,
    VersionReason,
)
from tallybook.server.subscriptions.rules.transitions import illegal

from .announce import announce, save
from .contracts import get_paper
from .lookups import get_current_period, require_free
from .periods import close_period, open_period
from .signing import add_version


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of terms at once: the part of the cycle before it, and the part after it."""

    subscription: Subscription
    closed: Period
    opened: Period


def change_terms(
    tx: Tx, space: SpaceId, sub: Subscription, signed: Signed, *, at: datetime
) -> Changed:
    """Put the subscription on other terms of the same billing period, from `at` on.

    The current period is cut and closed at `at`; the rest of its cycle is a period of its own.
    Errors: IllegalTransition (neither trialing nor active); AlreadySubscribed; VersionConflict.
    """
    require_changeable(sub)
    assert signed.terms.billing_period is sub.billing_period
    whole = get_current_period(tx, space, sub)
    contract = get_paper(tx, space, sub.contract_id)
    version = add_version(tx, space, contract, signed, reason=VersionReason.PLAN_CHANGED, at=at)
    closed = close_period(tx, space, sub, at=at)
    after, opened = open_period(
        tx,
        space,
        sub,
        span=Span(closed.end, whole.end),
        cycle=whole.cycle,
        contract_version=version.version,
        is_trial=whole.is_trial,
        at=at,
    )
    return Changed(after, closed, opened)


def schedule_terms(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    signed: Signed,
    *,
    reason: ChangeReason,
    version_reason: VersionReason = VersionReason.PLAN_CHANGED,
    at: datetime,
) -> Subscription:
    """Put the subscription on other terms when its next period begins.

    What was to take effect then is replaced.
    Errors: IllegalTransition (over, or a draft); AlreadySubscribed; VersionConflict.
    """
    if not sub.is_live:
        raise illegal(sub, "change plan")
    terms = signed.terms
    if terms.plan_id != sub.plan_id:
        require_free(tx, space, customer_id=sub.customer_id, plan_id=terms.plan_id, besides=sub.id)
    contract = get_paper(tx, space, sub.contract_id)
    version = add_version(tx, space, contract, signed, reason=version_reason, at=at)
    assert sub.current_period_end is not None
    is_other = (terms.plan_id, terms.market_id, terms.billing_period) != (
        sub.plan_id,
        sub.market_id,
        sub.billing_period,
    )
    change = ScheduledChange(
        reason=reason,
        effective_at=sub.current_period_end,
        plan_id=terms.plan_id,
        plan_key=terms.plan_key,
        market_key=terms.market_key,
        billing_period=terms.billing_period,
    )
    waiting = replace(
        sub, next_version=version.version, scheduled_change=change if is_other else None
    )
    after = save(tx, space, sub, waiting, at=at)
    announce(tx, space, "updated", after, at=at)
    return after


def withdraw_scheduled_terms(
    tx: Tx, space: SpaceId, sub: Subscription, *, at: datetime
) -> Subscription:
    """Stay on the terms in effect. Errors: IllegalTransition (nothing waits)."""
    if sub.next_version is None or not sub.is_live:
        raise illegal(sub, "withdraw a change: none waits")
    after = save(tx, space, sub, replace(sub, next_version=None, scheduled_change=None), at=at)
    announce(tx, space, "updated", after, at=at)
    return after


def require_changeable(sub: Subscription) -> None:
    """Raise IllegalTransition where the plan cannot be changed at once."""
    if sub.status not in (Status.TRIALING, Status.ACTIVE):
        raise illegal(sub, "change plan")
