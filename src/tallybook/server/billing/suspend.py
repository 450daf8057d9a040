"""A subscription rests: no access and no new charges until it resumes."""

from datetime import datetime

from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Status, Subscription

from .cancel import withdraw_due
from .renew import RESUME, catch_up, schedule_next
from .standing import await_grace


def suspend(
    tx: Tx,
    space: Space,
    sub_id: str,
    *,
    reason: str | None = None,
    resume_at: datetime | None = None,
    at: datetime,
) -> Subscription:
    """Stop access and new charges; the period is not extended, and what is open stays owed.

    A period that begins meanwhile bears no fees; usage from before is billed when its period ends.
    Errors: SubscriptionNotFound; IllegalTransition; DatesInvalid.
    """
    before = subscriptions.get(tx, space.id, sub_id, lock=True)
    catch_up(tx, space, before, until=at, now=at)
    sub = subscriptions.suspend(tx, space.id, sub_id, reason=reason, resume_at=resume_at, at=at)
    _schedule(tx, space.id, sub)
    return sub


def resume(
    tx: Tx,
    space: Space,
    sub_id: str,
    *,
    reason: str | None = None,
    resume_at: datetime | None = None,
    at: datetime,
) -> Subscription:
    """Lift the suspension, now or at `resume_at`; or withdraw a cancel that waits.

    It resumes to what its dates and unpaid invoices say; fees begin with the next period.
    Errors: SubscriptionNotFound; IllegalTransition.
    """
    before = subscriptions.get(tx, space.id, sub_id, lock=True)
    before = catch_up(tx, space, before, until=at, now=at)
    sub = subscriptions.resume(
        tx,
        space.id,
        sub_id,
        reason=reason,
        resume_at=resume_at,
        is_past_due=_is_past_due(tx, space.id, sub_id, at),
        at=at,
    )
    _schedule(tx, space.id, sub)
    await_grace(tx, space, sub)
    if before.cancel_at is not None and sub.cancel_at is None:
        withdraw_due(tx, space.id, sub.id)
        schedule_next(tx, space.id, sub)
    return sub


def resume_due(tx: Tx, space: Space, sub_id: str, due_at: datetime, now: datetime) -> None:
    """The date has come on which a suspended subscription resumes on its own."""
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.status is not Status.SUSPENDED or sub.resume_at != due_at:
        return
    sub = catch_up(tx, space, sub, until=due_at, now=now)
    if sub.status is Status.SUSPENDED:
        is_past_due = _is_past_due(tx, space.id, sub_id, now)
        sub = subscriptions.resume(tx, space.id, sub_id, is_past_due=is_past_due, at=due_at)
        await_grace(tx, space, sub)


def _schedule(tx: Tx, space: SpaceId, sub: Subscription) -> None:
    if sub.resume_at is None:
        due.cancel(tx, space, kind=RESUME, subject_id=sub.id)
    else:
        due.schedule(tx, space, kind=RESUME, subject_id=sub.id, due_at=sub.resume_at)


def _is_past_due(tx: Tx, space: SpaceId, sub_id: str, at: datetime) -> bool:
    return bool(invoicing.list_payable(tx, space, subscription_id=sub_id, past_due_at=at, limit=1))
