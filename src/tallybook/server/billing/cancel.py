"""A subscription is canceled, now or later: usage so far is billed, what was prepaid given back."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tallybook.server.identity.models import Space
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO, quantize_money
from tallybook.server.kernel.periods import period_at
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.errors import DatesInvalid
from tallybook.server.subscriptions.models import Action, Status, Subscription
from tallybook.server.subscriptions.rules.transitions import illegal

from .cycle import terms_of
from .prepaid import Prepaid, give_back, prepaid
from .refund import Destination
from .renew import START, catch_up, finish, schedule_next, settle_draft
from .rules.refunds import RefundType, refund_amount

CANCEL: Final = "subscription.cancel"
REFUND_TO: Final = (Destination.WALLET, Destination.PAYMENT)
NOT_BEGUN: Final = frozenset({Status.DRAFT, Status.SCHEDULED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """What is asked for. `on` is a local day or an instant."""

    at_once: bool = False  # else at the end of the period
    refund: RefundType = RefundType.NONE
    refund_to: Destination = Destination.WALLET
    reason: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Canceled:
    """The subscription after a cancel; of one that waits, the refund that is to be expected."""

    subscription: Subscription
    amount: Decimal
    destination: Destination
    final_invoice_id: str | None = None


def cancel(tx: Tx, space: Space, sub_id: str, order: CancelOrder, *, at: datetime) -> Canceled:
    """Cancel a subscription, or set when it will be; a cancel that waits is replaced.

    What has not begun is canceled at once, whatever was asked for.
    Errors: SubscriptionNotFound; IllegalTransition (over already); DatesInvalid (in the past).
    Source: semantics, choice 10.
    """
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.is_over:
        raise illegal(sub, "be canceled")
    sub = catch_up(tx, space, sub, until=at, now=at)
    if sub.is_over:
        raise illegal(sub, "be canceled")
    asked = _asked(order.on, space, at)
    withdraw_due(tx, space.id, sub.id)
    if sub.status in NOT_BEGUN:
        sub = subscriptions.apply(tx, space.id, sub, Action.CANCEL, at=at, reason=order.reason)
        due.cancel(tx, space.id, kind=START, subject_id=sub.id)
        return Canceled(sub, quantize_money(ZERO, sub.currency), order.refund_to)
    cancel_at = asked if order.at_once else _period_end(space, sub, asked)
    if cancel_at <= at:
        return _cancel_now(tx, space, sub, order, at=at, now=at)
    sub = subscriptions.schedule_cancel(
        tx, space.id, sub, cancel_at=cancel_at, reason=order.reason, at=at
    )
    subject_id = f"{sub.id}:{order.refund.value}:{order.refund_to.value}"
    due.schedule(tx, space.id, kind=CANCEL, subject_id=subject_id, due_at=cancel_at)
    schedule_next(tx, space.id, sub)
    expected, _ = _refund(tx, space, sub, order.refund, at=cancel_at, with_drafts=True)
    return Canceled(sub, expected, order.refund_to)


def cancel_due(tx: Tx, space: Space, subject_id: str, due_at: datetime, now: datetime) -> None:
    """A cancel that waited takes effect."""
    sub_id, refund, refund_to = subject_id.split(":")
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.cancel_at != due_at or not sub.is_live:
        return
    sub = catch_up(tx, space, sub, until=due_at, now=now)
    if not sub.is_live:
        return
    order = CancelOrder(refund=RefundType(refund), refund_to=Destination(refund_to))
    _cancel_now(tx, space, sub, order, at=due_at, now=now, has_grace=True)


def withdraw_due(tx: Tx, space: SpaceId, sub_id: str) -> None:
    """Forget the due work of a cancel that waits."""
    for refund in RefundType:
        for refund_to in REFUND_TO:
            subject_id = f"{sub_id}:{refund.value}:{refund_to.value}"
            due.cancel(tx, space, kind=CANCEL, subject_id=subject_id)


def _cancel_now(
    tx: Tx,
    space: Space,
    sub: Subscription,
    order: CancelOrder,
    *,
    at: datetime,
    now: datetime,
    has_grace: bool = False,
) -> Canceled:
    settle_draft(tx, space, sub, now=now)
    sub = subscriptions.get(tx, space.id, sub.id)
    amount, source = _refund(tx, space, sub, order.refund, at=at)
    final = finish(
        tx,
        space,
        sub,
        Action.CANCEL,
        at=at,
        now=now,
        reason=order.reason,
        has_grace=has_grace,
    )
    destination = order.refund_to
    if amount:
        destination = give_back(
            tx,
            space.id,
            sub,
            amount,
            source,
            to=order.refund_to,
            may_void=True,
            key=f"cancel:{sub.id}",
            reason="Refund of a canceled subscription",
            at=now,
        )
    sub = subscriptions.get(tx, space.id, sub.id)
    return Canceled(sub, amount, destination, None if final is None else final.id)


def _refund(
    tx: Tx,
    space: Space,
    sub: Subscription,
    kind: RefundType,
    *,
    at: datetime,
    with_drafts: bool = False,
) -> tuple[Decimal, Prepaid]:
    """Return what a cancel at a time gives back of the current period, and out of what."""
    period = subscriptions.get_current_period(tx, space.id, sub)
    period = replace(period, day_zone=space.day_zone)
    terms = terms_of(tx, space, sub, period)
    source = prepaid(tx, space.id, sub, period, terms, with_drafts=with_drafts)
    amount = refund_amount(source.lines, period, kind, at=at, currency=sub.currency)
    return quantize_money(amount, sub.currency), source


def _asked(on: date | None, space: Space, at: datetime) -> datetime:
    """Return the instant meant: now, a given one, or a day's start. Errors: DatesInvalid."""
    if on is None:
        return at
    if isinstance(on, datetime):
        instant, is_past = on, on < at
    else:
        is_past = on < at.astimezone(space.zone).date()
        instant = max(space.midnight(on), at)  # of today, what is left
    if is_past:
        raise DatesInvalid(
            errors=[FieldError("/cancellation_date", "invalid", "must not lie in the past")]
        )
    return instant


def _period_end(space: Space, sub: Subscription, asked: datetime) -> datetime:
    """Return the end of the period that an instant falls in."""
    assert sub.current_period_end is not None
    assert sub.anchor is not None
    if asked < sub.current_period_end:
        return sub.current_period_end
    change = sub.scheduled_change
    if change is not None and change.billing_period is not sub.billing_period:
        anchor, period = sub.current_period_end, change.billing_period
    else:
        anchor, period = sub.anchor, sub.billing_period
    end = period_at(anchor, period, asked, space.zone).end
    return end if sub.end_date is None else min(end, sub.end_date)
