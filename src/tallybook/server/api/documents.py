"""Invoices and credit notes over HTTP as documents."""

from typing import Any, Final

from fastapi import APIRouter, Response

from tallybook.server.customers import service as customers
from tallybook.server.invoicing import documents
from tallybook.server.invoicing import service as invoices
from tallybook.server.invoicing.errors import CreditNoteNotFound, InvoiceNotFound
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.locales import DEFAULT_LOCALE
from tallybook.server.seller import service as sellers
from tallybook.server.seller.models import LogoImage
from tallybook.server.storage import Tx

from .bodies import StrictRoute
from .calls import Read, ReadCall
from .problems import responses

_PDF: Final = {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
_HTML: Final = {"content": {"text/html": {"schema": {"type": "string"}}}}
_HTML_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
}
Shown = tuple[str, dict[str, Any], LogoImage | None]
"""A document's name, what stands on it, and the logo."""
router = APIRouter(route_class=StrictRoute)


@router.get(
    "/invoices/{invoice_id}/pdf",
    tags=["invoices"],
    response_class=Response,
    responses={**responses(InvoiceNotFound), 200: _PDF},
    operation_id="invoices.get_pdf",
)
def get_invoice_pdf(invoice_id: str, read: Read) -> Response:
    """Return the invoice as a PDF, in the customer's locale."""
    return _pdf(read.db.read(lambda tx: _invoice(tx, read, invoice_id)))


@router.get(
    "/invoices/{invoice_id}/html",
    tags=["invoices"],
    response_class=Response,
    responses={**responses(InvoiceNotFound), 200: _HTML},
    operation_id="invoices.get_html",
)
def get_invoice_html(invoice_id: str, read: Read) -> Response:
    """Return the invoice as a page that needs nothing else."""
    return _html(read.db.read(lambda tx: _invoice(tx, read, invoice_id)))


@router.get(
    "/credit-notes/{credit_note_id}/pdf",
    tags=["credit notes"],
    response_class=Response,
    responses={**responses(CreditNoteNotFound), 200: _PDF},
    operation_id="credit_notes.get_pdf",
)
def get_credit_note_pdf(credit_note_id: str, read: Read) -> Response:
    """Return the credit note as a PDF, in the customer's locale."""
    return _pdf(read.db.read(lambda tx: _credit_note(tx, read, credit_note_id)))


@router.get(
    "/credit-notes/{credit_note_id}/html",
    tags=["credit notes"],
    response_class=Response,
    responses={**responses(CreditNoteNotFound), 200: _HTML},
    operation_id="credit_notes.get_html",
)
def get_credit_note_html(credit_note_id: str, read: Read) -> Response:
    """Return the credit note as a page that needs nothing else."""
    return _html(read.db.read(lambda tx: _credit_note(tx, read, credit_note_id)))


def _invoice(tx: Tx, read: ReadCall, invoice_id: str) -> Shown:
    invoice = invoices.get(tx, read.space, invoice_id)
    parties = invoices.parties_of(tx, read.space, invoice)
    content = documents.content_of(
        invoice,
        parties,
        locale=_locale(tx, read.space, invoice.customer_id),
        zone=read.where.zone,
        now=read.now,
    )
    logo = sellers.find_logo(tx, read.space, parties.logo)
    return invoice.number or invoice.id, content, logo


def _credit_note(tx: Tx, read: ReadCall, note_id: str) -> Shown:
    note = invoices.get_credit_note(tx, read.space, note_id)
    invoice = invoices.get(tx, read.space, note.invoice_id)
    parties = invoices.parties_of(tx, read.space, invoice)
    content = documents.credit_content_of(
        note,
        invoice,
        parties,
        locale=_locale(tx, read.space, note.customer_id),
        zone=read.where.zone,
    )
    return note.number, content, sellers.find_logo(tx, read.space, parties.logo)


def _locale(tx: Tx, space: SpaceId, customer_id: str) -> str:
    return customers.get(tx, space, customer_id).locale or DEFAULT_LOCALE


def _pdf(shown: Shown) -> Response:
    name, content, logo = shown
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(documents.to_pdf(content, logo), headers=headers, media_type="application/pdf")


def _html(shown: Shown) -> Response:
    page = documents.to_html(*shown[1:])
    return Response(page, headers=_HTML_HEADERS, media_type="text/html; charset=utf-8")
