"""Whether a subscription is past due: what its unpaid invoices say."""

from collections.abc import Iterable
from datetime import datetime

from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Action, Status


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
        subscriptions.apply(tx, space, sub, Action.FALL_DUE, at=at)
    elif not unpaid and sub.status is Status.PAST_DUE:
        subscriptions.apply(tx, space, sub, Action.RECOVER, at=at)
