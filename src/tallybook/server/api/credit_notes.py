"""Credit notes over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tallybook.server.billing import credit_note
from tallybook.server.billing.refund import Destination
from tallybook.server.invoicing import service as invoices
from tallybook.server.invoicing import views
from tallybook.server.invoicing.errors import (
    CreditExceedsInvoice,
    CreditGivenBack,
    CreditNoteKept,
    CreditNoteNotFound,
    IllegalInvoiceTransition,
    InvoiceNotFound,
)
from tallybook.server.invoicing.models import NewCreditLine
from tallybook.server.storage import Tx
from tallybook.wire import credit_notes as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, Write
from .pages import Paging, page_request, to_page
from .problems import responses
from .wallets import OfCustomer

router = APIRouter(prefix="/credit-notes", tags=["credit notes"], route_class=StrictRoute)
SORTS = ("created_at", "updated_at")


@router.post(
    "",
    response_model=wire.CreditNote,
    status_code=201,
    responses=responses(InvoiceNotFound, IllegalInvoiceTransition, CreditExceedsInvoice),
    operation_id="credit_notes.create",
)
def create_credit_note(body: wire.CreditNoteCreate, write: Write) -> Response:
    """Correct a finalized invoice by lines, by an amount, or by all that is left of it.

    What is unpaid is lowered first; what was paid goes to the wallet, or back as it came.
    """
    lines = [NewCreditLine(one.line_id, one.amount, one.description) for one in body.lines or ()]

    def work(tx: Tx) -> wire.CreditNote:
        note = credit_note.credit(
            tx,
            write.space,
            body.invoice_id,
            lines=lines,
            amount=body.amount,
            reason=body.reason,
            memo=body.memo,
            refund_to=Destination(body.refund_to),
            metadata=body.metadata,
            at=write.now,
        )
        return views.credit_to_wire(note)

    return write(work, status=201)


@router.get("", response_model=Page[wire.CreditNote], operation_id="credit_notes.list")
def list_credit_notes(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    status: wire.CreditNoteStatus | None = None,
    invoice_id: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List credit notes, newest first."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.CreditNote]:
        rows, found = invoices.list_credit_notes(
            tx,
            read.space,
            page,
            status=status,
            customer_id=of.find(tx, read.space),
            invoice_id=invoice_id,
        )
        by_id = {note.id: note for note in found}

        def shape(row: Mapping[Any, Any]) -> wire.CreditNote:
            return views.credit_to_wire(by_id[row["id"]])

        return to_page(read, page, rows, shape)

    return read(work)


@router.get(
    "/{credit_note_id}",
    response_model=wire.CreditNote,
    responses=responses(CreditNoteNotFound),
    operation_id="credit_notes.get",
)
def get_credit_note(credit_note_id: str, read: Read) -> Response:
    """Return a credit note with its lines and taxes."""
    return read(
        lambda tx: views.credit_to_wire(invoices.get_credit_note(tx, read.space, credit_note_id))
    )


@router.post(
    "/{credit_note_id}/void",
    response_model=wire.CreditNote,
    responses=responses(CreditNoteNotFound, CreditNoteKept, CreditGivenBack),
    operation_id="credit_notes.void",
)
def void_credit_note(
    credit_note_id: str, write: Write, body: wire.CreditNoteVoid | None = None
) -> Response:
    """Take a credit note back of which nothing was given to the customer."""
    reason = None if body is None else body.reason

    def work(tx: Tx) -> wire.CreditNote:
        note = credit_note.void(tx, write.space, credit_note_id, reason=reason, at=write.now)
        return views.credit_to_wire(note)

    return write(work)
