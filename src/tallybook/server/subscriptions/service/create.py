"""Subscribing: a customer signs a plan's terms, and its first period begins."""

from dataclasses import replace
from datetime import datetime

from tallybook.server.catalog.models import Terms
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.customers.models import Customer
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import AlreadySubscribed, TrialAlreadyUsed
from tallybook.server.subscriptions.models import (
    CONTRACT_PREFIX,
    SUBSCRIPTION_PREFIX,
    Contract,
    Opening,
    Order,
    Period,
    Signed,
    Status,
    Subscription,
    VersionReason,
)
from tallybook.server.subscriptions.rules.first_period import FirstPeriod, begin, first_period
from tallybook.server.subscriptions.rules.next_period import next_period
from tallybook.server.subscriptions.store import contracts as contract_store
from tallybook.server.subscriptions.store import periods as period_store
from tallybook.server.subscriptions.store import subscriptions as store

from .announce import announce
from .contracts import get_version
from .lookups import require_free
from .signing import sign, version_of


def create(tx: Tx, where: Space, customer: Customer, order: Order, *, at: datetime) -> Subscription:
    """Subscribe a customer; nothing is charged here.

    A draft waits for its contract to be activated; a start in the future is scheduled.
    Errors: CustomerNotFound (archived); PlanNotFound, MarketNotFound; PlanNotActive,
        PriceNotConfigured; AlreadySubscribed; TrialAlreadyUsed; TrialNotOffered; DatesInvalid.
    """
    space = where.id
    if customer.archived_at is not None:
        raise CustomerNotFound(customer_id=customer.id)
    signed = sign(
        tx,
        space,
        plan=order.plan,
        market=order.market,
        billing_period=order.billing_period,
        currency=order.currency,
        negotiated=order.negotiated,
        default_price_serves=order.default_price_serves,
        terms_at=order.terms_at,
        at=at,
    )
    sub = _draft(where, customer, order, signed.terms, at)
    if not order.is_draft:
        require_free(tx, space, customer_id=customer.id, plan_id=sub.plan_id)
    first = plan_start(tx, where, sub, signed.terms, order.opening, terms_at=order.terms_at, at=at)
    if not order.is_draft:
        sub = replace(begin(sub, first, at=at), version=1)
    if not store.add(tx, space, sub):  # the unique index stands behind the lock
        raise AlreadySubscribed(subscription_id=None, plan_id=sub.plan_id)
    _add_contract(tx, where, sub, signed, order, at)
    announce(tx, space, "created", sub, at=at)
    if not order.is_draft:
        open_first(tx, space, sub, first)
        announce_start(tx, space, sub, at=at)
    return sub


def plan_start(
    tx: Tx,
    where: Space,
    sub: Subscription,
    terms: Terms,
    opening: Opening,
    *,
    terms_at: str = "",
    at: datetime,
) -> FirstPeriod:
    """Return how the subscription begins; nothing is written.

    Errors: TrialAlreadyUsed; TrialNotOffered; DatesInvalid.
    """
    is_used = store.has_had_trial(tx, where.id, customer_id=sub.customer_id, plan_id=terms.plan_id)
    if is_used and (opening.trial_end is not None or opening.wants_trial):
        raise TrialAlreadyUsed(plan_id=terms.plan_id)
    return first_period(
        opening,
        billing_period=terms.billing_period,
        trial_days=0 if is_used else terms.trial_days,
        end_date=sub.end_date,
        at=at,
        zone=where.zone,
        terms_at=terms_at,
    )


def open_first(tx: Tx, space: SpaceId, sub: Subscription, first: FirstPeriod) -> Period:
    """Write period 0 of a subscription that has begun, or will."""
    period = _period_of(sub, first, identity.get_space(tx, space))
    period_store.add(tx, space, period)
    contract_store.set_effective(tx, space, sub.contract_id, sub.contract_version, first.start)
    return period


def draft_opening(
    tx: Tx, where: Space, draft: Subscription, *, at: datetime
) -> tuple[Subscription, Period] | None:
    """Return a draft as its activation would begin it, and the first period that is paid for.

    Nothing is written. None: its trial lasts to the end of the contract.
    Errors: those of `plan_start`.
    """
    terms = get_version(tx, where.id, draft.contract_id, draft.contract_version).terms
    first = plan_start(tx, where, draft, terms, draft.opening, at=at)
    sub = begin(draft, first, at=at)
    period = _period_of(sub, first, where)
    if not first.is_trial:
        return sub, period
    following = next_period(
        anchor=first.anchor,
        billing_period=terms.billing_period,
        previous_end=first.end,
        end_date=sub.end_date,
        zone=where.zone,
    )
    if following is None:
        return None
    return sub, replace(
        period,
        number=1,
        start=following.start,
        end=following.end,
        cycle_start=following.cycle.start,
        cycle_end=following.cycle.end,
        is_trial=False,
    )


def _period_of(sub: Subscription, first: FirstPeriod, where: Space) -> Period:
    return Period(
        subscription_id=sub.id,
        number=0,
        start=first.start,
        end=first.end,
        cycle_start=first.cycle.start,
        cycle_end=first.cycle.end,
        is_trial=first.is_trial,
        contract_version=sub.contract_version,
        is_closed=False,
        day_zone=where.day_zone,
    )


def announce_start(tx: Tx, space: SpaceId, sub: Subscription, *, at: datetime) -> None:
    """Tell that access begins, unless it begins later."""
    if sub.status is not Status.SCHEDULED:
        announce(tx, space, "activated", sub, at=at, previous_status=None)


def _draft(
    where: Space, customer: Customer, order: Order, terms: Terms, at: datetime
) -> Subscription:
    return Subscription(
        id=new_id(SUBSCRIPTION_PREFIX),
        customer_id=customer.id,
        contract_id=new_id(CONTRACT_PREFIX),
        contract_version=1,
        next_version=None,
        plan_id=terms.plan_id,
        plan_key=terms.plan_key,
        parent_plan_id=terms.parent_plan_id,
        plan_version_id=terms.plan_version_id,
        market_id=terms.market_id,
        market_key=terms.market_key,
        currency=terms.currency,
        billing_period=terms.billing_period,
        status=Status.DRAFT,
        collection_method=order.collection_method,
        payment_terms_days=order.payment_terms_days,
        opening=order.opening,
        started_at=None,
        anchor=None,
        current_period=None,
        current_period_start=None,
        current_period_end=None,
        trial_end=None,
        trial_plan_id=None,
        end_date=None if order.end_date is None else where.midnight(order.end_date),
        cancel_at=None,
        canceled_at=None,
        cancel_reason=None,
        ended_at=None,
        suspended_at=None,
        suspend_reason=None,
        past_due_at=None,
        suspended_from=None,
        resume_at=None,
        scheduled_change=None,
        metadata=order.metadata,
        version=1,
        created_at=at,
        updated_at=at,
    )


def _add_contract(
    tx: Tx, where: Space, sub: Subscription, signed: Signed, order: Order, at: datetime
) -> None:
    start = order.start_date
    if start is None and sub.started_at is not None:
        start = sub.started_at.astimezone(where.zone).date()
    contract = Contract(
        id=sub.contract_id,
        subscription_id=sub.id,
        customer_id=sub.customer_id,
        version=1,
        name=order.name or signed.terms.plan_name,
        description=order.description,
        start_date=start,
        end_date=order.end_date,
        metadata=order.contract_metadata,
        created_at=at,
        updated_at=at,
    )
    contract_store.add(tx, where.id, contract)
    version = version_of(contract.id, 1, signed, reason=VersionReason.SIGNED, at=at)
    contract_store.add_version(tx, where.id, version)
