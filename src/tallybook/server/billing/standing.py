"""Whether a subscription is past due: what its unpaid invoices say."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Action, Status, Subscription

GRACE_END: Final = "subscription.grace_end"
"""Due work: a past due subscription gives access no longer."""


def hold_with_subscriptions(
    tx: Tx, space: SpaceId, invoices: Iterable[Invoice]
) -> dict[str, Invoice]:
    """Hold what money may move: the subscriptions, then the invoices, each in order of ids.

    Renewals hold their subscription before its invoices and wallets, so everybody does.
    """
    found = {invoice.id: invoice for invoice in invoices}
    for sub_id in sorted({one.subscription_id or "" for one in found.values()} - {""}):
        subscriptions.get(tx, space, sub_id, lock=True)
    return {invoice_id: invoicing.hold(tx, space, invoice_id) for invoice_id in sorted(found)}


def hold_payable(tx: Tx, space: SpaceId, customer_id: str, currency: str) -> None:
    """Hold what new credit may pay."""
    payable = invoicing.list_payable(tx, space, customer_id=customer_id, currency=currency)
    hold_with_subscriptions(tx, space, payable)


def review(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> None:
    """Bring the invoice's subscription to what its unpaid invoices say (semantics, choice 26)."""
    if invoice.subscription_id is None:
        return
    sub = subscriptions.get(tx, space, invoice.subscription_id, lock=True)
    unpaid = invoicing.list_payable(tx, space, subscription_id=sub.id, past_due_at=at, limit=1)
    if unpaid and sub.status in (Status.ACTIVE, Status.TRIALING):
        where = identity.get_space(tx, space)
        told = {"access_blocked": not where.settings.grace}
        sub = subscriptions.apply(tx, space, sub, Action.FALL_DUE, at=at, details=told)
        await_grace(tx, where, sub)
    elif not unpaid and sub.status is Status.PAST_DUE:
        due.cancel(tx, space, kind=GRACE_END, subject_id=sub.id)
        subscriptions.apply(tx, space, sub, Action.RECOVER, at=at)


def await_grace(tx: Tx, space: Space, sub: Subscription) -> None:
    """See to it that the end of a past due subscription's grace is told."""
    grace = space.settings.grace
    if grace and sub.status is Status.PAST_DUE and sub.past_due_at is not None:
        ends = sub.past_due_at + grace
        due.schedule(tx, space.id, kind=GRACE_END, subject_id=sub.id, due_at=ends)


def end_grace(tx: Tx, space: Space, sub_id: str, _due_at: datetime, now: datetime) -> None:
    """Tell that a past due subscription gives no access any more, if it is past due still."""
    sub = subscriptions.get(tx, space.id, sub_id, lock=True)
    if sub.status is Status.PAST_DUE:
        subscriptions.announce_blocked(tx, space.id, sub, at=now)
