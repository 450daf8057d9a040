"""Correct a finalized invoice by a credit note."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tallybook.server.customers import service as customers
from tallybook.server.invoicing import views
from tallybook.server.invoicing.errors import (
    CreditGivenBack,
    CreditNoteKept,
    CreditNoteNotFound,
    IllegalInvoiceTransition,
)
from tallybook.server.invoicing.models import (
    PAYABLE,
    WORK_DUE,
    CreditFigures,
    CreditNote,
    CreditNoteStatus,
    Invoice,
    InvoiceStatus,
    NewCreditLine,
)
from tallybook.server.invoicing.rules import credit, payments, postings
from tallybook.server.invoicing.rules.numbering import CREDIT_NOTES
from tallybook.server.invoicing.store import credit_notes as store
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.ledger import service as ledger
from tallybook.server.storage import Tx, due, outbox
from tallybook.server.storage.pages import PageRequest, Rows

from .saving import announce, hold, next_number, save, stop_chasing

_CREDITABLE: Final = frozenset({*PAYABLE, InvoiceStatus.PAID})


def get_credit_note(tx: Tx, space: SpaceId, note_id: str) -> CreditNote:
    """Errors: CreditNoteNotFound."""
    note = store.find(tx, space, note_id)
    if note is None:
        raise CreditNoteNotFound(credit_note_id=note_id)
    return note


def list_credit_notes(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    customer_id: str | None = None,
    invoice_id: str | None = None,
) -> tuple[Rows, list[CreditNote]]:
    """Return a page of rows and their notes."""
    return store.list_page(
        tx, space, page, status=status, customer_id=customer_id, invoice_id=invoice_id
    )


def creditable(tx: Tx, space: SpaceId, invoice: Invoice, *, at_most: Decimal) -> Decimal:
    """Return what can still be credited, net of tax, by a note of a total of `at_most`."""
    if invoice.status not in _CREDITABLE:
        return invoice.total - invoice.total
    return credit.fitting(invoice, store.list_of_invoice(tx, space, invoice.id), at_most)


def work_out_credit(
    tx: Tx,
    space: SpaceId,
    invoice: Invoice,
    *,
    lines: Sequence[NewCreditLine] = (),
    amount: Decimal | None = None,
    description: str,
) -> CreditFigures:
    """Return what a credit note of an invoice would come to; nothing is written.

    Errors: IllegalInvoiceTransition (a draft or void invoice), those of the rule.
    """
    if invoice.status not in _CREDITABLE:
        raise IllegalInvoiceTransition(
            invoice_id=invoice.id, current_state=invoice.status.value, action="credit"
        )
    earlier = store.list_of_invoice(tx, space, invoice.id)
    figures = credit.work_out_credit(
        invoice, earlier, lines=lines, amount=amount, description=description
    )
    numbered = [replace(line, id=new_id("cnl")) for line in figures.lines]
    return replace(figures, lines=tuple(numbered))


def add_credit_note(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    figures: CreditFigures,
    *,
    note_id: str,
    to_invoice: Decimal,
    to_wallet: Decimal,
    to_payments: Decimal,
    reason: str,
    memo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> tuple[CreditNote, Invoice]:
    """Issue a credit note, numbered without gaps; return it, and its invoice as it is now.

    The part `to_invoice` lowers what is due. The rest was given back by the caller, out of the
    receivable that this note lowers by its whole total.
    """
    before = hold(tx, space, invoice_id)
    zero = figures.total - figures.total  # with the currency's places
    note = CreditNote(
        id=note_id,
        number=next_number(tx, space, CREDIT_NOTES),
        invoice_id=before.id,
        customer_id=before.customer_id,
        currency=before.currency,
        status=CreditNoteStatus.ISSUED,
        reason=reason,
        memo=memo,
        figures=figures,
        to_invoice=zero + to_invoice,
        to_wallet=zero + to_wallet,
        to_payments=zero + to_payments,
        created_at=at,
        updated_at=at,
        metadata=dict(metadata or {}),
    )
    store.add(tx, space, note)
    ledger.post(
        tx,
        space,
        key=f"credit_note:{note.id}",
        kind="credit_note.issue",
        postings=postings.of_credited(note),
        reference=note.id,
        at=at,
    )
    after = before
    if to_invoice:
        after = save(tx, space, before, payments.credited(before, to_invoice, at=at))
    _announce(tx, space, note, at=at)
    if after.status is InvoiceStatus.PAID and before.status is not after.status:
        stop_chasing(tx, space, after.id)
        announce(tx, space, "invoice.paid", after, at=at)
    return note, after


def void_credit_note(
    tx: Tx, space: SpaceId, note_id: str, *, reason: str | None = None, at: datetime
) -> tuple[CreditNote, Invoice]:
    """Take a credit note back of which nothing was given to the customer yet.

    Errors: CreditNoteNotFound; CreditNoteKept (void already); CreditGivenBack.
    """
    invoice = hold(tx, space, get_credit_note(tx, space, note_id).invoice_id)
    before = get_credit_note(tx, space, note_id)
    if before.status is not CreditNoteStatus.ISSUED:
        raise CreditNoteKept(credit_note_id=note_id, current_state=before.status.value)
    if before.to_wallet or before.to_payments:
        raise CreditGivenBack(credit_note_id=note_id, current_state=before.status.value)
    void = CreditNoteStatus.VOID
    after = replace(before, status=void, void_reason=reason, voided_at=at, updated_at=at)
    if not store.save(tx, space, after):
        raise CreditNoteKept(credit_note_id=note_id, current_state=void.value)
    ledger.post(
        tx,
        space,
        key=f"credit_note.void:{note_id}",
        kind="credit_note.void",
        postings=postings.of_voided_credit(before),
        reference=note_id,
        at=at,
    )
    owed = save(tx, space, invoice, payments.uncredited(invoice, before.to_invoice, at=at))
    if invoice.status is InvoiceStatus.PAID and owed.due_at is not None:
        due.schedule(tx, space, kind=WORK_DUE, subject_id=owed.id, due_at=owed.due_at)
    return after, owed


def _announce(tx: Tx, space: SpaceId, note: CreditNote, *, at: datetime) -> None:
    customer = customers.get(tx, space, note.customer_id)
    data = views.announced_credit(note, customer)
    outbox.append(tx, space, event="credit_note.created", object_id=note.id, data=data, at=at)
