"""A period ends: its usage is billed, the next one opens, and what was scheduled is done."""

from datetime import datetime, timedelta
from typing import Final

from tallybook.server.access import service as access
from tallybook.server.catalog.models import Terms
from tallybook.server.identity.models import Space
from tallybook.server.ingest.recount import recount_if_used
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import Invoice, InvoiceStatus, InvoiceType
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import (
    USAGE_GRACE,
    Action,
    Period,
    Status,
    Subscription,
)

from .collect import finalize_and_collect
from .cycle import Cycle, credit_rest, draft, terms_of, work_out_bill

START: Final = "subscription.start"
TRIAL_ENDING: Final = "subscription.trial_ending"
PERIOD_END: Final = "subscription.period_end"
RESUME: Final = "subscription.resume"
FINALIZE: Final = "subscription.finalize_cycle"
ADJUST: Final = "subscription.adjust_ended"
ADJUST_EVERY: Final = timedelta(days=1)
ADJUST_FOR: Final = timedelta(days=36)  # events come up to 35 days late
TRIAL_NOTICE: Final = timedelta(days=3)


def schedule_next(tx: Tx, space: SpaceId, sub: Subscription) -> None:
    """Set when the subscription next needs us. A cancel that waits has due work of its own."""
    if sub.status is Status.SCHEDULED and sub.started_at is not None:
        due.schedule(tx, space, kind=START, subject_id=sub.id, due_at=sub.started_at)
    elif sub.is_live and sub.current_period_end is not None:
        ends = sub.current_period_end
        due.schedule(tx, space, kind=PERIOD_END, subject_id=sub.id, due_at=ends)


def start(tx: Tx, space: Space, sub_id: str, due_at: datetime, now: datetime) -> None:
    """A scheduled subscription begins."""
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.status is not Status.SCHEDULED:
        return
    action = Action.START if sub.trial_end is None else Action.START_TRIAL
    sub = subscriptions.apply(tx, space.id, sub, action, at=due_at)
    open_first(tx, space, sub, at=now)


def open_first(tx: Tx, space: Space, sub: Subscription, *, at: datetime) -> Invoice | None:
    """Bill the first period's fees in advance, and set when it ends."""
    schedule_next(tx, space.id, sub)
    if sub.trial_end is not None and sub.started_at is not None and sub.trial_end > at:
        notice = max(sub.trial_end - TRIAL_NOTICE, sub.started_at)
        due.schedule(tx, space.id, kind=TRIAL_ENDING, subject_id=sub.id, due_at=notice)
    period = subscriptions.get_current_period(tx, space.id, sub)
    place_usage(tx, space, sub, period, since=period.start, now=at)
    access.tell_limits(tx, space, sub.customer_id, at)  # an addon raises its parent's limits
    cycle = Cycle(InvoiceType.CYCLE, period.number, period, None)
    return _bill_now(tx, space, sub, cycle, at=at)


def place_usage(
    tx: Tx, space: Space, sub: Subscription, period: Period, *, since: datetime, now: datetime
) -> None:
    """Place usage from `since` on anew: it may have come before its period was there."""
    if is_metered(terms_of(tx, space, sub, period)):
        recount_if_used(tx, space, sub.customer_id, since=since, now=now)


def is_metered(terms: Terms) -> bool:
    return bool(terms.meters) or any(c.charge_type.is_metered for c in terms.charges)


def tell_trial_ending(tx: Tx, space: Space, sub_id: str, _due_at: datetime, now: datetime) -> None:
    """A trial ends in three days, or has begun if it is shorter."""
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.status is Status.TRIALING and sub.trial_end is not None and sub.trial_end > now:
        subscriptions.announce_trial_ending(tx, space.id, sub, at=now)


def end_period(tx: Tx, space: Space, sub_id: str, due_at: datetime, now: datetime) -> None:
    """The current period ends: bill it, open the next, or end at the end date.

    Runs once for each boundary: whoever comes second finds the period gone on. After a long stop
    each period is billed once, in order; its invoice is issued, and its money taken, now.
    """
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if not sub.is_live or sub.current_period_end is None:
        return
    if sub.cancel_at is not None and sub.cancel_at <= sub.current_period_end <= due_at:
        return  # the cancel's own due work finishes it
    if sub.current_period_end > due_at:
        schedule_next(tx, space.id, sub)
        return
    _go_on(tx, space, sub, now=now)


def catch_up(
    tx: Tx, space: Space, sub: Subscription, *, until: datetime, now: datetime
) -> Subscription:
    """Bill the periods that ended before `until`, if the worker has not come to them yet."""
    while sub.is_live and sub.status is not Status.SCHEDULED:
        ends = sub.current_period_end
        if ends is None or ends >= until:
            break
        if sub.cancel_at is not None and sub.cancel_at <= ends:
            break
        _go_on(tx, space, sub, now=now)
        sub = subscriptions.get(tx, space.id, sub.id)
    return sub


def _go_on(tx: Tx, space: Space, sub: Subscription, *, now: datetime) -> None:
    """Pass the boundary at which the current period ends."""
    at = sub.current_period_end
    assert at is not None
    if sub.end_date is not None and sub.end_date <= at:
        finish(tx, space, sub, Action.END, at=at, now=now)
        return
    closed = subscriptions.close_period(tx, space.id, sub)
    opened = subscriptions.open_next_period(tx, space, sub, at=at)
    assert opened is not None  # the end date was looked at above
    sub, opening = opened
    if sub.status is Status.TRIALING and closed.is_trial:
        sub = subscriptions.apply(tx, space.id, sub, Action.START, at=at)
    schedule_next(tx, space.id, sub)
    place_usage(tx, space, sub, opening, since=opening.start, now=now)
    if opening.contract_version != closed.contract_version:
        access.tell_limits(tx, space, sub.customer_id, now)
    charged = None if sub.status is Status.SUSPENDED else opening
    cycle = Cycle(InvoiceType.CYCLE, opening.number, charged, closed)
    _bill(tx, space, sub, cycle, closed, at=at, now=now)


def finish(
    tx: Tx,
    space: Space,
    sub: Subscription,
    action: Action,
    *,
    at: datetime,
    now: datetime,
    reason: str | None = None,
    has_grace: bool = True,
) -> Invoice | None:
    """Cancel or end a subscription that runs: usage so far goes on a final invoice."""
    closed = subscriptions.get_current_period(tx, space.id, sub)
    sub = subscriptions.apply(tx, space.id, sub, action, at=at, reason=reason)
    closed = subscriptions.get_period(tx, space.id, sub.id, closed.number)
    for kind in (START, TRIAL_ENDING, PERIOD_END, RESUME):
        due.cancel(tx, space.id, kind=kind, subject_id=sub.id)
    due.schedule(tx, space.id, kind=ADJUST, subject_id=sub.id, due_at=at + ADJUST_EVERY)
    place_usage(tx, space, sub, closed, since=closed.end, now=now)
    access.tell_limits(tx, space, sub.customer_id, now)  # an addon's end lowers its parent's limits
    cycle = Cycle(InvoiceType.FINAL, closed.number, None, closed)
    if not has_grace:
        return _bill_now(tx, space, sub, cycle, at=now)
    return _bill(tx, space, sub, cycle, closed, at=at, now=now)


def adjust_ended(tx: Tx, space: Space, sub_id: str, due_at: datetime, now: datetime) -> None:
    """A day of an ended subscription is over: what came late in it is an invoice of its own.

    Source: semantics, choice 13.
    """
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.ended_at is None or sub.current_period is None:
        return
    if due_at < sub.ended_at + ADJUST_FOR:
        at = due_at + ADJUST_EVERY
        due.schedule(tx, space.id, kind=ADJUST, subject_id=sub.id, due_at=at)
    number = sub.current_period
    while _is_taken(tx, space.id, sub, number):
        number += 1
    cycle = Cycle(InvoiceType.ADJUSTMENT, number, None, None)
    _bill_now(tx, space, sub, cycle, at=now)


def _is_taken(tx: Tx, space: SpaceId, sub: Subscription, number: int) -> bool:
    kind = InvoiceType.ADJUSTMENT
    return (
        invoicing.find_generated(tx, space, subscription_id=sub.id, period_number=number, kind=kind)
        is not None
    )


def settle_draft(tx: Tx, space: Space, sub: Subscription, *, now: datetime) -> None:
    """Finalize the current period's invoice now, if it still waits out its grace."""
    if sub.current_period is None:
        return
    subject_id = _subject_of(sub, sub.current_period, InvoiceType.CYCLE)
    waiting = invoicing.find_generated(
        tx,
        space.id,
        subscription_id=sub.id,
        period_number=sub.current_period,
        kind=InvoiceType.CYCLE,
    )
    if waiting is None or waiting.status is not InvoiceStatus.DRAFT:
        return
    if waiting.held_reason is None:
        due.cancel(tx, space.id, kind=FINALIZE, subject_id=subject_id)
        finalize_cycle(tx, space, subject_id, now, now)


def _bill(
    tx: Tx,
    space: Space,
    sub: Subscription,
    cycle: Cycle,
    closed: Period,
    *,
    at: datetime,
    now: datetime,
) -> Invoice | None:
    """Draft the invoice; where usage may still come in, leave it open for the grace."""
    if closed.is_trial or not is_metered(terms_of(tx, space, sub, closed)):
        return _bill_now(tx, space, sub, cycle, at=now)
    made = draft(tx, space, sub, cycle, work_out_bill(tx, space, sub, cycle), at=now)
    subject_id = _subject_of(sub, cycle.number, cycle.kind)
    due.schedule(tx, space.id, kind=FINALIZE, subject_id=subject_id, due_at=at + USAGE_GRACE)
    return made


def _subject_of(sub: Subscription, number: int, kind: InvoiceType) -> str:
    return f"{sub.id}:{kind.value}:{number}"


def cycle_of(subject_id: str) -> tuple[str, int, InvoiceType]:
    """Return the (subscription, period, kind) whose invoice waits out its grace."""
    sub_id, kind, number = subject_id.split(":")
    return sub_id, int(number), InvoiceType(kind)


def finalize_cycle(tx: Tx, space: Space, subject_id: str, due_at: datetime, now: datetime) -> None:
    """The grace is over: rate the usage as it stands now, finalize, collect."""
    del due_at
    sub_id, number, kind = cycle_of(subject_id)
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    waiting = invoicing.find_generated(
        tx, space.id, subscription_id=sub.id, period_number=number, kind=kind
    )
    if waiting is not None and waiting.status is not InvoiceStatus.DRAFT:
        return  # somebody finalized it by hand
    if kind is InvoiceType.FINAL:
        closed = subscriptions.get_period(tx, space.id, sub.id, number)
        cycle = Cycle(InvoiceType.FINAL, closed.number, None, closed)
    else:
        opening = subscriptions.get_period(tx, space.id, sub.id, number)
        closed = subscriptions.get_period(tx, space.id, sub.id, number - 1)
        was_suspended = sub.suspended_at is not None and sub.suspended_at <= opening.start
        cycle = Cycle(InvoiceType.CYCLE, opening.number, None if was_suspended else opening, closed)
    _bill_now(tx, space, sub, cycle, at=now)


def _bill_now(
    tx: Tx, space: Space, sub: Subscription, cycle: Cycle, *, at: datetime
) -> Invoice | None:
    bill = work_out_bill(tx, space, sub, cycle)
    invoice = draft(tx, space, sub, cycle, bill, at=at)
    if invoice is None or bill.held_reason is not None:
        return invoice
    if invoice.status is not InvoiceStatus.DRAFT:
        return invoice
    credit_rest(tx, space, sub, invoice, bill, at=at)
    return finalize_and_collect(tx, space.id, invoice.id, at=at)
