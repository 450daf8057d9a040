"""An invoice that was not paid when due: tried again, reminded of, and at last given up."""

from datetime import datetime

from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import CollectionMethod, Invoice, InvoiceStatus
from tallybook.server.storage import Tx

from .collect import attempt
from .providers import Taken
from .rules.dunning import next_attempt
from .standing import hold_with_subscriptions, review


def dun(tx: Tx, space: Space, invoice_id: str, _due_at: datetime, now: datetime) -> None:
    """One of the days after an invoice fell due has come.

    Invoices that are charged are taken from the wallets, if these can pay now; of the others
    the world is reminded. After the last day it is uncollectible, and can still be paid; its
    subscription stays past due. Source: semantics, Invoices.
    """
    found = invoicing.get(tx, space.id, invoice_id)
    invoice = hold_with_subscriptions(tx, space.id, [found])[invoice_id]
    if invoice.status is not InvoiceStatus.OPEN or invoice.past_due_at is None:
        return
    if is_charged(invoice):
        taken = attempt(tx, space.id, invoice, at=now)
        if taken is not Taken.NOTHING:  # what was begun goes on here when it has failed
            return
    go_on(tx, space, invoice, now=now)


def go_on(tx: Tx, space: Space, invoice: Invoice, *, now: datetime) -> None:
    """Remind of a past due invoice and try it again on the next day, or give it up."""
    if invoice.past_due_at is None:
        return
    days = space.settings.dunning_days
    if not days:  # switched off since
        return
    upcoming = next_attempt(invoice.past_due_at, days, after=now, zone=space.zone)
    if upcoming is None:
        given_up = invoicing.mark_uncollectible(tx, space.id, invoice.id, at=now)
        review(tx, space.id, given_up, at=now)
        return
    number, at = upcoming
    invoicing.remind(tx, space.id, invoice.id, attempt=number - 1, next_attempt_at=at, at=now)


def is_charged(invoice: Invoice) -> bool:
    automatic = invoice.collection_method is CollectionMethod.CHARGE_AUTOMATICALLY
    return invoice.is_generated and automatic
