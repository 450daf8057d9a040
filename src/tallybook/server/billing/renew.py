"""A period ends: its usage is billed, the next one opens, and what was scheduled is done."""

from datetime import datetime, timedelta
from typing import Final

from tallybook.server.identity.models import Space
from tallybook.server.invoicing.models import Invoice, InvoiceStatus, InvoiceType
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Action, Period, Status, Subscription

from .collect import finalize_and_collect
from .cycle import Cycle, credit_rest, draft, terms_of, work_out_bill

START: Final = "subscription.start"
PERIOD_END: Final = "subscription.period_end"
FINALIZE: Final = "subscription.finalize_cycle"
USAGE_GRACE: Final = timedelta(hours=1)  # semantics, choice 13


def schedule_next(tx: Tx, space: SpaceId, sub: Subscription) -> None:
    """Set when the subscription next needs us."""
    if sub.status is Status.SCHEDULED and sub.started_at is not None:
        due.schedule(tx, space, kind=START, subject_id=sub.id, due_at=sub.started_at)
    elif sub.is_live and sub.current_period_end is not None:
        ends = [sub.current_period_end]
        if sub.cancel_at is not None:
            ends.append(sub.cancel_at)
        due.schedule(tx, space, kind=PERIOD_END, subject_id=sub.id, due_at=min(ends))


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
    period = subscriptions.get_current_period(tx, space.id, sub)
    cycle = Cycle(InvoiceType.CYCLE, period.number, period, None)
    return _bill_now(tx, space, sub, cycle, at=at)


def end_period(tx: Tx, space: Space, sub_id: str, due_at: datetime, now: datetime) -> None:
    """The current period ends, or a cancel takes effect.

    Runs once for each boundary: whoever comes second finds the period gone on. After a long stop
    each period is billed once, in order; its invoice is issued, and its money taken, now.
    """
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if not sub.is_live or sub.current_period_end is None:
        return
    if sub.cancel_at is not None and sub.cancel_at <= due_at:
        _finish(tx, space, sub, Action.CANCEL, at=due_at, now=now)
        return
    if sub.current_period_end > due_at:
        schedule_next(tx, space.id, sub)
        return
    if sub.end_date is not None and sub.end_date <= due_at:
        _finish(tx, space, sub, Action.END, at=due_at, now=now)
        return
    closed = subscriptions.close_period(tx, space.id, sub)
    opened = subscriptions.open_next_period(tx, space, sub, at=due_at)
    assert opened is not None  # the end date was looked at above
    sub, opening = opened
    if sub.status is Status.TRIALING and closed.is_trial:
        sub = subscriptions.apply(tx, space.id, sub, Action.START, at=due_at)
    schedule_next(tx, space.id, sub)
    charged = None if sub.status is Status.SUSPENDED else opening
    cycle = Cycle(InvoiceType.CYCLE, opening.number, charged, closed)
    _bill(tx, space, sub, cycle, closed, at=due_at, now=now)


def _finish(
    tx: Tx, space: Space, sub: Subscription, action: Action, *, at: datetime, now: datetime
) -> None:
    """Cancel or end now: usage so far goes on a final invoice."""
    closed = subscriptions.get_current_period(tx, space.id, sub)
    sub = subscriptions.apply(tx, space.id, sub, action, at=at)
    closed = subscriptions.get_period(tx, space.id, sub.id, closed.number)
    due.cancel(tx, space.id, kind=PERIOD_END, subject_id=sub.id)
    cycle = Cycle(InvoiceType.FINAL, closed.number, None, closed)
    _bill(tx, space, sub, cycle, closed, at=at, now=now)


def _bill(
    tx: Tx,
    space: Space,
    sub: Subscription,
    cycle: Cycle,
    closed: Period,
    *,
    at: datetime,
    now: datetime,
) -> None:
    """Draft the invoice; where usage may still come in, leave it open for the grace."""
    terms = terms_of(tx, space, sub, closed)
    metered = terms.meters or any(c.charge_type.is_metered for c in terms.charges)
    if not metered or closed.is_trial:
        _bill_now(tx, space, sub, cycle, at=now)
        return
    draft(tx, space, sub, cycle, work_out_bill(tx, space, sub, cycle), at=now)
    subject_id = f"{sub.id}:{cycle.kind.value}:{cycle.number}"
    due.schedule(tx, space.id, kind=FINALIZE, subject_id=subject_id, due_at=at + USAGE_GRACE)


def finalize_cycle(tx: Tx, space: Space, subject_id: str, due_at: datetime, now: datetime) -> None:
    """The grace is over: rate the usage as it stands now, finalize, collect."""
    del due_at
    sub_id, kind, number = subject_id.split(":")
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if kind == InvoiceType.FINAL.value:
        closed = subscriptions.get_period(tx, space.id, sub.id, int(number))
        cycle = Cycle(InvoiceType.FINAL, closed.number, None, closed)
    else:
        opening = subscriptions.get_period(tx, space.id, sub.id, int(number))
        closed = subscriptions.get_period(tx, space.id, sub.id, int(number) - 1)
        suspended = sub.status is Status.SUSPENDED
        cycle = Cycle(InvoiceType.CYCLE, opening.number, None if suspended else opening, closed)
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
