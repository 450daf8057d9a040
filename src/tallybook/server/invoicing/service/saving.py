"""What every change of an invoice does: hold it, write it as the next version, tell the world."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.invoicing import views
from tallybook.server.invoicing.errors import InvoiceChanged, InvoiceNotFound
from tallybook.server.invoicing.models import WORK_DUE, WORK_DUN, Invoice, NewLine
from tallybook.server.invoicing.rules.numbering import format_number
from tallybook.server.invoicing.store import invoices as store
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx, due, outbox

INVOICE_PREFIX = "inv"
LINE_PREFIX = "ili"


def hold(tx: Tx, space: SpaceId, invoice_id: str) -> Invoice:
    """Return an invoice, held until the commit. Errors: InvoiceNotFound."""
    invoice = store.find(tx, space, invoice_id, lock=True)
    if invoice is None:
        raise InvoiceNotFound(invoice_id=invoice_id)
    return invoice


def save(tx: Tx, space: SpaceId, before: Invoice, after: Invoice) -> Invoice:
    """Write the next version of an invoice, and its lines and taxes where they differ.

    Errors: InvoiceChanged (somebody else was faster).
    """
    if not store.save(tx, space, after, expected_version=before.version):
        raise InvoiceChanged(invoice_id=before.id, version=before.version)
    if (after.lines, after.taxes) != (before.lines, before.taxes):
        store.replace_parts(tx, space, after)
    return after


def announce(
    tx: Tx, space: SpaceId, event: str, invoice: Invoice, *, at: datetime, **more: Any
) -> None:
    customer = customers.get(tx, space, invoice.customer_id)
    data = views.announced(invoice, customer, now=at, **more)
    outbox.append(tx, space, event=event, object_id=invoice.id, data=data, at=at)


def stop_chasing(tx: Tx, space: SpaceId, invoice_id: str) -> None:
    """Forget when an invoice falls due or is tried again: nobody waits for it any more."""
    for kind in (WORK_DUE, WORK_DUN):
        due.cancel(tx, space, kind=kind, subject_id=invoice_id)


def next_number(tx: Tx, space: SpaceId, series: str) -> str:
    """Return the next number of a series, without a gap."""
    return format_number(series, store.next_count(tx, space, series))


def new_ids(lines: Sequence[NewLine]) -> list[str]:
    """Return an id for each line."""
    return [new_id(LINE_PREFIX) for _ in lines]


def with_ids(lines: Sequence[NewLine]) -> list[NewLine]:
    """Return the lines, each with an id of its own."""
    return [replace(line, id=new_id(LINE_PREFIX)) for line in lines]
