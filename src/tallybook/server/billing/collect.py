"""Taking what is owed: from the wallets where that was agreed, and noticing when it is late."""

from datetime import datetime

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import CollectionMethod, Invoice, InvoiceStatus
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.payments import service as payments
from tallybook.server.storage import Tx

from .providers import PROVIDERS, WALLETS, Taken
from .rules.dunning import next_attempt
from .standing import hold_with_subscriptions, review


def finalize_and_collect(tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime) -> Invoice:
    """Finalize a generated invoice and take what it says, if it is to be charged.

    Where no provider can pay all, nothing is taken and it is due at once; a customer without any,
    that is without a wallet in the currency and a payment account, has until the due date.
    Source: semantics, choice 24.
    """
    invoice = invoicing.finalize(tx, space, invoice_id, at=at)
    if invoice.status is not InvoiceStatus.OPEN:
        return invoice
    if invoice.collection_method is not CollectionMethod.CHARGE_AUTOMATICALLY:
        return invoice
    taken = attempt(tx, space, invoice, at=at)
    if taken is Taken.PAID:
        return invoicing.get(tx, space, invoice_id)
    if taken is Taken.BEGUN or not any(one.serves(tx, space, invoice) for one in PROVIDERS):
        return invoice
    return fall_past_due(tx, space, invoice, at=at)


def retry_open(
    tx: Tx, space: SpaceId, customer_id: str, currency: str, *, at: datetime
) -> list[Invoice]:
    """Take what is open from new credit, the oldest first, as far as it goes.

    Manual invoices and those that are sent wait for `pay()`.
    """
    paid = []
    for invoice in invoicing.list_payable(tx, space, customer_id=customer_id, currency=currency):
        if not invoice.is_generated:
            continue
        if invoice.collection_method is not CollectionMethod.CHARGE_AUTOMATICALLY:
            continue
        if payments.find_under_way(tx, space, invoice.id) is not None:
            continue
        if WALLETS.take(tx, space, invoice, at=at) is not Taken.PAID:
            break
        paid.append(invoicing.get(tx, space, invoice.id))
    return paid


def fall_due(tx: Tx, space: Space, invoice_id: str, _due_at: datetime, now: datetime) -> None:
    """An open invoice has reached its due date: one more try, then it is past due."""
    found = invoicing.get(tx, space.id, invoice_id)
    invoice = hold_with_subscriptions(tx, space.id, [found])[invoice_id]
    if invoice.status is not InvoiceStatus.OPEN:
        return
    automatic = invoice.collection_method is CollectionMethod.CHARGE_AUTOMATICALLY
    if invoice.is_generated and automatic:
        taken = attempt(tx, space.id, invoice, at=now)
        if taken is not Taken.NOTHING:  # what was begun tells when it has failed
            return
    _past_due(tx, space.id, invoice, at=now)


def attempt(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Taken:
    """Take all that is due from the first provider that can; never beside what is under way."""
    if payments.find_under_way(tx, space, invoice.id) is not None:
        return Taken.BEGUN
    for provider in PROVIDERS:
        taken = provider.take(tx, space, invoice, at=at)
        if taken is not Taken.NOTHING:
            return taken
    return Taken.NOTHING


def fall_past_due(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Invoice:
    """Make an invoice due at once, that was to be charged and could not be."""
    return _past_due(tx, space, invoicing.fall_due(tx, space, invoice.id, at=at), at=at)


def _past_due(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Invoice:
    where = identity.get_space(tx, space)
    upcoming = next_attempt(at, where.settings.dunning_days, after=at, zone=where.zone)
    again_at = None if upcoming is None else upcoming[1]
    invoicing.mark_past_due(tx, space, invoice.id, next_attempt_at=again_at, at=at)
    after = invoicing.get(tx, space, invoice.id)
    review(tx, space, after, at=at)
    return after
