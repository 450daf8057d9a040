"""What belongs to an invoice over HTTP: mails about it, and the usage behind its lines."""

from fastapi import APIRouter, Response

from tallybook.server.invoicing import service as invoices
from tallybook.server.invoicing.errors import InvoiceLineNotFound, InvoiceNotFound
from tallybook.server.mail import service as mail
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.wire import invoices as wire
from tallybook.wire.base import Page
from tallybook.wire.events import UsageEvent

from .bodies import StrictRoute
from .calls import Read
from .pages import CursorPaging, PartPaging, page_request, part_of
from .problems import responses
from .usage import event_page

router = APIRouter(tags=["invoices"], route_class=StrictRoute)


@router.get(
    "/invoices/{invoice_id}/emails",
    response_model=Page[wire.InvoiceEmail],
    responses=responses(InvoiceNotFound),
    operation_id="invoices.list_emails",
)
def list_emails(invoice_id: str, read: Read, paging: PartPaging) -> Response:
    """List the mails about an invoice, the oldest first, and what became of them."""

    def work(tx: Tx) -> Page[wire.InvoiceEmail]:
        invoices.get(tx, read.space, invoice_id)
        found = [
            wire.InvoiceEmail(
                id=one.id,
                kind=one.kind.value,
                recipient=one.recipient,
                status=one.status.value,
                attempts=one.attempts,
                last_error=one.last_error,
                created_at=one.created_at,
                sent_at=one.sent_at,
            )
            for one in mail.list_of_invoice(tx, read.space, invoice_id)
        ]
        return part_of(read, paging, found)

    return read(work)


@router.get(
    "/invoices/{invoice_id}/lines/{line_id}/events",
    response_model=Page[UsageEvent],
    responses=responses(InvoiceNotFound, InvoiceLineNotFound),
    operation_id="invoices.list_line_events",
)
def list_line_events(invoice_id: str, line_id: str, read: Read, paging: CursorPaging) -> Response:
    """List the events that a usage line bills, by their time; other lines bill none."""
    page = page_request(read, paging, ("at",))

    def work(tx: Tx) -> Page[UsageEvent]:
        invoice, line = invoices.get_line(tx, read.space, invoice_id, line_id)
        if line.meter_id is None or line.period_start is None or line.subscription_id is None:
            return Page[UsageEvent](data=[], has_more=False, limit=page.limit)
        rows = events.list_usage(
            tx,
            read.space,
            invoice.customer_id,
            page,
            start=line.period_start,
            end=line.period_end,
            meter_id=line.meter_id,
            subscription_id=line.subscription_id,
        )
        return event_page(tx, read, page, rows)

    return read(work)
