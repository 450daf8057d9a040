"""Invoices over HTTP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.invoicing import service as invoices
from tallybook.server.invoicing import views
from tallybook.server.invoicing.errors import (
    IllegalInvoiceTransition,
    InvoiceFrozen,
    InvoiceLineNotFound,
    InvoiceNotFound,
    InvoicePartlyPaid,
)
from tallybook.server.invoicing.models import Invoice, InvoiceType, NewLine, TaxTerm
from tallybook.server.invoicing.rules.tax import terms_of
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.wire import invoices as wire
from tallybook.wire.base import Page, end_of, start_of

from .bodies import StrictRoute
from .calls import Read, ReadCall, Write
from .pages import Paging, page_request, to_page
from .paths import PathCustomer
from .problems import responses
from .wallets import OfCustomer, given

router = APIRouter(tags=["invoices"], route_class=StrictRoute)
SORTS = ("created_at", "issue_date", "updated_at")
_PERIOD = {"period_start": start_of, "period_end": end_of}


def line_of(body: wire.LineItemInput, midnight: Callable[[date], datetime]) -> NewLine:
    """A line that the caller gave, as the room's facts; days become instants."""
    fields = {name: value for name, value in given(body).items() if value is not None}
    for name, instant in _PERIOD.items():
        if name in fields:
            fields[name] = instant(fields[name], midnight)
    return NewLine(**fields)


def _terms(taxes: Sequence[wire.TaxInput] | None) -> list[TaxTerm] | None:
    if taxes is None:
        return None
    return [TaxTerm(tax.name, tax.rate, tax.taxable_amount, tax.amount) for tax in taxes]


@router.post(
    "/invoices",
    response_model=wire.Invoice,
    status_code=201,
    responses=responses(CustomerNotFound),
    operation_id="invoices.create",
)
def create_invoice(body: wire.InvoiceCreate, write: Write) -> Response:
    """Create an invoice by hand; without lines, a total makes one that is itemized later."""
    midnight = write.where.midnight
    terms = terms_of(body.tax_rate, _terms(body.taxes))
    start, end = body.period_start, body.period_end

    def work(tx: Tx) -> wire.Invoice:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        invoice = invoices.create_manual(
            tx,
            write.space,
            customer=customer,
            lines=[line_of(line, midnight) for line in body.line_items],
            terms=terms,
            at=write.now,
            kind=InvoiceType(body.type),
            currency=body.currency,
            issue_date=body.issue_date,
            due_date=body.due_date,
            period_start=None if start is None else start_of(start, midnight),
            period_end=None if end is None else end_of(end, midnight),
            subscription_id=body.subscription_id,
            contract_id=body.contract_id,
            subtotal=body.subtotal,
            total=body.total,
            notes=body.notes,
            metadata=body.metadata,
            finalized=body.auto_finalize or body.status == "open",
        )
        return views.to_wire(invoice, now=write.now)

    return write(work, status=201)


@router.get("/invoices", response_model=Page[wire.Invoice], operation_id="invoices.list")
def list_invoices(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    status: wire.InvoiceFilter | None = None,
    contract_id: Annotated[str | None, Query(max_length=255)] = None,
    subscription_id: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List invoices, newest first; `past_due` are the open ones whose due date is over."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Invoice]:
        return _page(
            tx,
            read,
            page,
            status=status,
            customer_id=of.find(tx, read.space),
            contract_id=contract_id,
            subscription_id=subscription_id,
        )

    return read(work)


@router.get(
    "/customers/{customer_id}/invoices",
    response_model=Page[wire.Invoice],
    responses=responses(CustomerNotFound),
    operation_id="invoices.list_for_customer",
)
@router.get(
    "/customers/external/{customer_external_id:path}/invoices",
    response_model=Page[wire.Invoice],
    responses=responses(CustomerNotFound),
    operation_id="invoices.list_for_customer_by_external_id",
)
def list_customer_invoices(
    read: Read,
    paging: Paging,
    named: PathCustomer,
    status: wire.InvoiceFilter | None = None,
) -> Response:
    """List a customer's invoices, newest first."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Invoice]:
        customer = named.resolve(tx, read.space)
        return _page(tx, read, page, status=status, customer_id=customer.id)

    return read(work)


def _page(tx: Tx, read: ReadCall, page: PageRequest, **filters: str | None) -> Page[wire.Invoice]:
    rows, found = invoices.list_page(tx, read.space, page, now=read.now, **filters)
    by_id = {invoice.id: invoice for invoice in found}

    def shape(row: Mapping[Any, Any]) -> wire.Invoice:
        return views.to_wire(by_id[row["id"]], now=read.now)

    return to_page(read, page, rows, shape)


@router.get(
    "/invoices/{invoice_id}",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound),
    operation_id="invoices.get",
)
def get_invoice(invoice_id: str, read: Read) -> Response:
    """Return an invoice with its lines and taxes."""
    return read(lambda tx: _shown(read, invoices.get(tx, read.space, invoice_id)))


@router.patch(
    "/invoices/{invoice_id}",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound, InvoiceFrozen),
    operation_id="invoices.update",
)
def update_invoice(invoice_id: str, body: wire.InvoiceUpdate, write: Write) -> Response:
    """Change the given fields of a draft; line_items and taxes are replaced whole."""
    fields, midnight = given(body), write.where.midnight
    for name, instant in _PERIOD.items():
        if fields.get(name) is not None:
            fields[name] = instant(fields[name], midnight)
    if "line_items" in fields:
        fields["lines"] = [line_of(line, midnight) for line in fields.pop("line_items")]
    if "tax_rate" in fields or "taxes" in fields:
        fields["terms"] = terms_of(fields.pop("tax_rate", None), _terms(fields.pop("taxes", None)))

    def work(tx: Tx) -> wire.Invoice:
        return _shown(write, invoices.update(tx, write.space, invoice_id, fields, at=write.now))

    return write(work)


@router.post(
    "/invoices/{invoice_id}/line-items",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound, InvoiceFrozen),
    operation_id="invoices.add_line_item",
)
def add_line_item(invoice_id: str, body: wire.LineItemInput, write: Write) -> Response:
    """Add a line to a draft; an open invoice made from a total is itemized by it."""
    line = line_of(body, write.where.midnight)

    def work(tx: Tx) -> wire.Invoice:
        return _shown(
            write, invoices.add_line_item(tx, write.space, invoice_id, line, at=write.now)
        )

    return write(work)


@router.post(
    "/invoices/{invoice_id}/finalize",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound, IllegalInvoiceTransition),
    operation_id="invoices.finalize",
)
def finalize_invoice(
    invoice_id: str, write: Write, body: wire.InvoiceFinalize | None = None
) -> Response:
    """Number a draft and freeze it; with nothing to pay it is paid."""
    send_it = body is not None and body.send_email

    def work(tx: Tx) -> wire.Invoice:
        return _shown(
            write,
            invoices.finalize(tx, write.space, invoice_id, at=write.now, send_it=send_it),
        )

    return write(work)


@router.post(
    "/invoices/{invoice_id}/void",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound, IllegalInvoiceTransition, InvoicePartlyPaid),
    operation_id="invoices.void",
)
def void_invoice(invoice_id: str, body: wire.InvoiceVoid, write: Write) -> Response:
    """Waive an open invoice of which nothing is paid."""

    def work(tx: Tx) -> wire.Invoice:
        return _shown(
            write,
            invoices.void(tx, write.space, invoice_id, reason=body.reason, at=write.now),
        )

    return write(work)


@router.post(
    "/invoices/{invoice_id}/send",
    response_model=wire.Invoice,
    responses=responses(InvoiceNotFound, IllegalInvoiceTransition),
    operation_id="invoices.send",
)
def send_invoice(invoice_id: str, write: Write) -> Response:
    """Mark an invoice as sent, and announce it."""

    def work(tx: Tx) -> wire.Invoice:
        return _shown(write, invoices.send(tx, write.space, invoice_id, at=write.now))

    return write(work)


@router.get(
    "/invoices/{invoice_id}/explanation",
    response_model=wire.InvoiceExplanation,
    responses=responses(InvoiceNotFound, InvoiceLineNotFound),
    operation_id="invoices.explain",
)
def explain_invoice(
    invoice_id: str, read: Read, line_id: Annotated[str | None, Query(max_length=255)] = None
) -> Response:
    """Say for each line, or for one, on which terms and by which steps it has its amount."""

    def work(tx: Tx) -> wire.InvoiceExplanation:
        if line_id is None:
            invoice = invoices.get(tx, read.space, invoice_id)
            return views.explanation(invoice, invoice.lines)
        invoice, line = invoices.get_line(tx, read.space, invoice_id, line_id)
        return views.explanation(invoice, [line])

    return read(work)


def _shown(call: ReadCall, invoice: Invoice) -> wire.Invoice:
    return views.to_wire(invoice, now=call.now)
