"""Taking what is owed: from the wallets where that was agreed, and noticing when it is late."""

from datetime import datetime

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import CollectionMethod, Invoice, InvoiceStatus
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.errors import InsufficientWalletBalance

from .rules.dunning import next_attempt
from .standing import hold_with_subscriptions, review
from .take_payment import pay_invoice


def finalize_and_collect(tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime) -> Invoice:
    """Finalize a generated invoice and take it from the wallets, if it is to be charged.

    Where they cannot pay all, nothing is taken and it is due at once; a customer without a
    wallet in the currency has until the due date. Source: semantics, choice 24.
    """
    invoice = invoicing.finalize(tx, space, invoice_id, at=at)
    if invoice.status is not InvoiceStatus.OPEN:
        return invoice
    if invoice.collection_method is not CollectionMethod.CHARGE_AUTOMATICALLY:
        return invoice
    paid = attempt(tx, space, invoice, at=at)
    if paid is not None:
        return paid
    if not wallets.list_of(tx, space, invoice.customer_id, invoice.currency):
        return invoice
    return _past_due(tx, space, invoicing.fall_due(tx, space, invoice.id, at=at), at=at)


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
        done = attempt(tx, space, invoice, at=at)
        if done is None:
            break
        paid.append(done)
    return paid


def fall_due(tx: Tx, space: Space, invoice_id: str, _due_at: datetime, now: datetime) -> None:
    """An open invoice has reached its due date: one more try, then it is past due."""
    found = invoicing.get(tx, space.id, invoice_id)
    invoice = hold_with_subscriptions(tx, space.id, [found])[invoice_id]
    if invoice.status is not InvoiceStatus.OPEN:
        return
    automatic = invoice.collection_method is CollectionMethod.CHARGE_AUTOMATICALLY
    if invoice.is_generated and automatic and attempt(tx, space.id, invoice, at=now) is not None:
        return
    _past_due(tx, space.id, invoice, at=now)


def attempt(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Invoice | None:
    """Pay an invoice whole from the wallets; None where they hold too little."""
    there = wallets.available(tx, space, invoice.customer_id, invoice.currency, at=at)
    if there < invoice.amount_due:
        return None
    try:
        key = f"collect:{invoice.id}:{invoice.version}"
        return pay_invoice(tx, space, invoice.id, key=key, at=at)[0]
    except InsufficientWalletBalance:  # somebody else was quicker
        return None


def _past_due(tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Invoice:
    where = identity.get_space(tx, space)
    upcoming = next_attempt(at, where.settings.dunning_days, after=at, zone=where.zone)
    again_at = None if upcoming is None else upcoming[1]
    invoicing.mark_past_due(tx, space, invoice.id, next_attempt_at=again_at, at=at)
    after = invoicing.get(tx, space, invoice.id)
    review(tx, space, after, at=at)
    return after
