"""A credit note: what is unpaid of the invoice is lowered first, what was paid is given back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.errors import CreditNotPaidFor
from tallybook.server.invoicing.models import CreditNote, NewCreditLine
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import plain
from tallybook.server.ledger.models import AccountKind
from tallybook.server.storage import Tx

from .collect import retry_open
from .refund import Destination, Returned, paid_for, pay_back
from .standing import hold_payable, hold_with_subscriptions, review


def credit(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    *,
    lines: Sequence[NewCreditLine] = (),
    amount: Decimal | None = None,
    reason: str,
    memo: str | None = None,
    refund_to: Destination = Destination.WALLET,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> CreditNote:
    """Correct a finalized invoice; new credit pays what else is open.

    Errors: InvoiceNotFound; IllegalInvoiceTransition (draft or void); CreditExceedsInvoice;
    CreditNotPaidFor (refunds have given it back before); InvoiceLineNotFound.
    """
    invoice = invoicing.get(tx, space, invoice_id)
    hold_payable(tx, space, invoice.customer_id, invoice.currency)
    note = issue(
        tx,
        space,
        invoice_id,
        lines=lines,
        amount=amount,
        reason=reason,
        memo=memo,
        to=refund_to,
        metadata=metadata,
        at=at,
    )
    if note.to_wallet:
        retry_open(tx, space, note.customer_id, note.currency, at=at)
    return note


def issue(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    *,
    lines: Sequence[NewCreditLine] = (),
    amount: Decimal | None = None,
    reason: str,
    memo: str | None = None,
    to: Destination,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> CreditNote:
    """Issue a credit note and bring its subscription to what is still unpaid."""
    found = invoicing.get(tx, space, invoice_id)
    invoice = hold_with_subscriptions(tx, space, [found])[invoice_id]
    figures = invoicing.work_out_credit(
        tx, space, invoice, lines=lines, amount=amount, description=reason
    )
    to_invoice = min(figures.total, invoice.amount_due)
    rest = figures.total - to_invoice
    paid = paid_for(tx, space, invoice.id)
    if rest > paid:
        raise CreditNotPaidFor(
            invoice_id=invoice.id,
            available=plain(invoice.amount_due + paid),
            currency=invoice.currency,
        )
    note_id, returned = new_id("crn"), Returned()
    if rest:
        returned = pay_back(
            tx,
            space,
            invoice,
            rest,
            to=to,
            instead_of=AccountKind.RECEIVABLE,
            key=f"credit_note:{note_id}",
            reason=reason,
            at=at,
        )
    note, after = invoicing.add_credit_note(
        tx,
        space,
        invoice.id,
        figures,
        note_id=note_id,
        to_invoice=to_invoice,
        to_wallet=returned.to_wallet,
        to_payments=returned.to_payments,
        reason=reason,
        memo=memo,
        metadata=metadata,
        at=at,
    )
    if to_invoice:
        review(tx, space, after, at=at)
    return note


def void(
    tx: Tx, space: SpaceId, note_id: str, *, reason: str | None = None, at: datetime
) -> CreditNote:
    """Take a credit note back; what it had lowered is due again.

    Errors: CreditNoteNotFound; CreditNoteKept; CreditGivenBack (money went to the customer).
    """
    before = invoicing.get_credit_note(tx, space, note_id)
    hold_with_subscriptions(tx, space, [invoicing.get(tx, space, before.invoice_id)])
    note, owed = invoicing.void_credit_note(tx, space, note_id, reason=reason, at=at)
    review(tx, space, owed, at=at)
    return note
