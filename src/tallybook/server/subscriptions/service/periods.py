"""Opening and closing the periods of a subscription."""

from dataclasses import replace
from datetime import datetime

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import Span
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import PeriodTaken
from tallybook.server.subscriptions.models import Period, Subscription
from tallybook.server.subscriptions.rules.access import TERMS_CHANGED
from tallybook.server.subscriptions.rules.contracts import on_terms
from tallybook.server.subscriptions.rules.next_period import next_period
from tallybook.server.subscriptions.store import contracts as contract_store
from tallybook.server.subscriptions.store import periods as store

from .announce import announce, save
from .contracts import get_version
from .lookups import get_current_period, get_period, require_free


def open_next_period(
    tx: Tx, where: Space, sub: Subscription, *, at: datetime
) -> tuple[Subscription, Period] | None:
    """Open the period that begins where the newest one ended; None when the end date is reached.

    A version of the contract that waits for the next period takes effect with it, and is told.
    Errors: PeriodTaken (it was opened before); VersionConflict; AlreadySubscribed (on the plan
        that it was to change to).
    """
    before = get_current_period(tx, where.id, sub)
    number = sub.next_version or sub.contract_version
    terms = get_version(tx, where.id, sub.contract_id, number).terms
    assert sub.anchor is not None
    following = next_period(
        anchor=sub.anchor,
        billing_period=terms.billing_period,
        previous_end=before.end,
        end_date=sub.end_date,
        zone=where.zone,
        is_new_billing_period=terms.billing_period is not sub.billing_period,
    )
    if following is None:
        return None
    return open_period(
        tx,
        where.id,
        replace(sub, anchor=following.anchor),
        span=Span(following.start, following.end),
        cycle=following.cycle,
        contract_version=number,
        at=at,
    )


def open_period(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    *,
    span: Span,
    cycle: Span,
    contract_version: int,
    is_trial: bool = False,
    at: datetime,
) -> tuple[Subscription, Period]:
    """Open a period on a version of the contract; it becomes the current one.

    Errors: PeriodTaken; VersionConflict; AlreadySubscribed.
    """
    number = 0 if sub.current_period is None else sub.current_period + 1
    period = Period(
        subscription_id=sub.id,
        number=number,
        start=span.start,
        end=span.end,
        cycle_start=cycle.start,
        cycle_end=cycle.end,
        is_trial=is_trial,
        contract_version=contract_version,
        is_closed=False,
        day_zone=identity.get_space(tx, space).day_zone,
    )
    after = replace(
        sub,
        current_period=number,
        current_period_start=cycle.start,
        current_period_end=span.end,
    )
    is_new_version = contract_version != sub.contract_version
    if is_new_version:
        terms = get_version(tx, space, sub.contract_id, contract_version).terms
        if terms.plan_id != sub.plan_id:
            require_free(
                tx, space, customer_id=sub.customer_id, plan_id=terms.plan_id, besides=sub.id
            )
        after = replace(
            on_terms(after, terms, contract_version), next_version=None, scheduled_change=None
        )
    if not store.add(tx, space, period):
        raise PeriodTaken(subscription_id=sub.id, number=number)
    contract_store.set_effective(tx, space, sub.contract_id, contract_version, span.start)
    after = save(tx, space, sub, after, at=at)
    if is_new_version:
        announce_terms(tx, space, sub, after, at=at)
    return after, period


def announce_terms(
    tx: Tx, space: SpaceId, before: Subscription, after: Subscription, *, at: datetime
) -> None:
    """Tell that other terms are in effect."""
    if after.plan_id == before.plan_id and after.billing_period is before.billing_period:
        announce(tx, space, "updated", after, at=at)
        customers.announce_access(
            tx,
            space,
            customers.get(tx, space, after.customer_id),
            reason=TERMS_CHANGED,
            caused_by="subscription.updated",
            subscription_id=after.id,
            at=at,
        )
        return
    announce(
        tx,
        space,
        "plan_changed",
        after,
        at=at,
        previous_plan_id=before.plan_id,
        previous_plan=before.plan_key,
    )


def close_period(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    *,
    number: int | None = None,
    at: datetime | None = None,
) -> Period:
    """Close a period, the current one unless numbered, and cut it at `at` where that is earlier.

    Closing again changes nothing. Errors: PeriodNotFound.
    """
    period = (
        get_current_period(tx, space, sub)
        if number is None
        else get_period(tx, space, sub.id, number)
    )
    if period.is_closed:
        return period
    end = period.end if at is None else max(period.start, min(period.end, at))
    closed = replace(period, end=end, is_closed=True)
    if end < period.end:  # a part of it now, counted as the project says at this time
        closed = replace(closed, day_zone=identity.get_space(tx, space).day_zone)
    store.save(tx, space, closed)
    return closed
