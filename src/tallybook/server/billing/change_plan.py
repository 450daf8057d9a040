"""A subscription changes to another plan or price: at once, with proration, or at its renewal."""

from dataclasses import dataclass, replace
from datetime import datetime

from tallybook.server.access import service as access
from tallybook.server.identity.models import Space
from tallybook.server.invoicing.models import InvoiceStatus, InvoiceType, NewLine
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import (
    ChangeReason,
    CollectionMethod,
    Period,
    ScheduledChange,
    Signed,
    Status,
    Subscription,
)
from tallybook.server.subscriptions.rules.proration import Proration
from tallybook.server.subscriptions.rules.transitions import illegal

from .collect import finalize_and_collect
from .cycle import Bill, Cycle, draft, never_negative, terms_of
from .errors import PlanCurrencyDiffers
from .prepaid import Prepaid, give_back, prepaid
from .renew import catch_up, place_usage, schedule_next, settle_draft
from .rules.change import change_lines, proration_of
from .rules.lines import opening_lines, usage_lines
from .take_payment import pay_invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """The plan and price that are asked for. What is not given stays as it is."""

    plan: str  # id or key
    billing_period: BillingPeriod | None = None
    market: str | None = None
    at_once: bool = True


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The subscription after the change, and what it costs or when it comes."""

    subscription: Subscription
    proration: Proration | None = None
    scheduled: ScheduledChange | None = None


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a change at once would put on its invoice."""

    proration: Proration
    bill: Bill
    source: Prepaid
    opened: Period


def preview_change(
    tx: Tx, space: Space, sub_id: str, order: PlanOrder, *, at: datetime
) -> PlanChanged:
    """Return what a change would cost now; nothing is written. Errors: as of `change_plan`."""
    sub = subscriptions.get(tx, space.id, sub_id)
    signed, reason = _signed(tx, space, sub, order, at)
    if reason is not None:
        return PlanChanged(sub, scheduled=_scheduled(sub, signed, reason))
    return PlanChanged(sub, _cost(tx, space, sub, signed, at=at, with_drafts=True).proration)


def change_plan(
    tx: Tx, space: Space, sub_id: str, order: PlanOrder, *, at: datetime
) -> PlanChanged:
    """Change the plan: within the billing period at once, else when the next period begins.

    What is owed for a change at once is taken from the wallets first; where they hold too
    little, nothing changes. A second change that waits replaces the first.
    Errors: SubscriptionNotFound; IllegalTransition; PlanNotFound; MarketNotFound; PlanNotActive;
        PriceNotConfigured; PlanCurrencyDiffers; AlreadySubscribed; InsufficientWalletBalance;
        UncoveredQuantity. Source: semantics, choices 8 and 9.
    """
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    sub = catch_up(tx, space, sub, until=at, now=at)
    signed, reason = _signed(tx, space, sub, order, at)
    if reason is not None:
        sub = subscriptions.schedule_terms(tx, space.id, sub, signed, reason=reason, at=at)
        return PlanChanged(sub, scheduled=_scheduled(sub, signed, reason))
    settle_draft(tx, space, sub, now=at)
    sub = subscriptions.get(tx, space.id, sub.id)
    cost = _cost(tx, space, sub, signed, at=at)
    changed = subscriptions.change_terms(tx, space.id, sub, signed, at=at)
    sub = changed.subscription
    schedule_next(tx, space.id, sub)
    place_usage(tx, space, sub, changed.opened, since=changed.opened.start, now=at)
    access.tell_limits(tx, space, sub.customer_id, at)
    _charge(tx, space, sub, cost, at=at)
    return PlanChanged(subscriptions.get(tx, space.id, sub.id), cost.proration)


def _signed(
    tx: Tx, space: Space, sub: Subscription, order: PlanOrder, at: datetime
) -> tuple[Signed, ChangeReason | None]:
    """Return the terms asked for, and why they wait, None where they hold at once."""
    if not sub.is_live or sub.status is Status.SCHEDULED:
        raise illegal(sub, "change plan")
    signed = subscriptions.sign(
        tx,
        space.id,
        plan=order.plan,
        market=order.market or sub.market_id,
        billing_period=order.billing_period or sub.billing_period,
        at=at,
    )
    if signed.terms.currency != sub.currency:
        raise PlanCurrencyDiffers(currency=sub.currency, plan_currency=signed.terms.currency)
    if signed.terms.billing_period is not sub.billing_period:
        return signed, ChangeReason.BILLING_PERIOD_CHANGE
    if not order.at_once:
        return signed, ChangeReason.REQUESTED
    subscriptions.require_changeable(sub)
    return signed, None


def _scheduled(sub: Subscription, signed: Signed, reason: ChangeReason) -> ScheduledChange:
    terms = signed.terms
    assert sub.current_period_end is not None
    return ScheduledChange(
        reason=reason,
        effective_at=sub.current_period_end,
        plan_id=terms.plan_id,
        plan_key=terms.plan_key,
        market_key=terms.market_key,
        billing_period=terms.billing_period,
    )


def _cost(
    tx: Tx,
    space: Space,
    sub: Subscription,
    signed: Signed,
    *,
    at: datetime,
    with_drafts: bool = False,
) -> _Cost:
    """Work out a change at `at`: the part of the period before it, and the part after it."""
    whole = subscriptions.get_current_period(tx, space.id, sub)
    whole = replace(whole, day_zone=space.day_zone)
    at = min(max(at, whole.start), whole.end)
    closed = replace(whole, end=at, is_closed=True)
    opened = replace(
        whole, number=whole.number + 1, start=at, contract_version=_next_version(tx, space, sub)
    )
    old = terms_of(tx, space, sub, whole)
    found = subscriptions.timelines(tx, space.id, [sub.customer_id])
    usage = subscriptions.read_usage(tx, space, sub, closed, old, found.get(sub.customer_id, []))
    by_subject = usage_lines(sub, closed, usage)
    used = [line for lines in by_subject.values() for line in lines]
    source = prepaid(tx, space.id, sub, whole, old, with_drafts=with_drafts)
    back: list[NewLine] = []
    if not whole.is_trial:
        back = change_lines(sub, whole, source.lines, at=at)
    new = opening_lines(sub, opened, signed.terms, is_first=False, zone=space.zone)
    bill = never_negative(sub, [*back, *new, *used], None)
    proration = proration_of(back, new, used, currency=sub.currency)
    return _Cost(proration, bill, source, opened)


def _next_version(tx: Tx, space: Space, sub: Subscription) -> int:
    return subscriptions.get_contract(tx, space.id, sub.contract_id).contract.version + 1


def _charge(tx: Tx, space: Space, sub: Subscription, cost: _Cost, *, at: datetime) -> None:
    """Issue the change's invoice; what is owed on it is paid now, or stays open if it is sent."""
    cycle = Cycle(InvoiceType.CHANGE, cost.opened.number, cost.opened, None)
    invoice = draft(tx, space, sub, cycle, cost.bill, at=at)
    if invoice is None:
        return
    invoice = finalize_and_collect(tx, space.id, invoice.id, at=at)
    is_sent = sub.collection_method is CollectionMethod.SEND_INVOICE
    if invoice.status is InvoiceStatus.OPEN and not is_sent:
        pay_invoice(tx, space.id, invoice.id, key=f"change:{invoice.id}", at=at)
    if cost.bill.credited:
        give_back(
            tx,
            space.id,
            sub,
            cost.bill.credited,
            cost.source,
            key=f"change:{invoice.id}",
            reason="Change of plan",
            at=at,
        )
