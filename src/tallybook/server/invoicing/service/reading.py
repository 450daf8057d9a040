"""Look at invoices."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from tallybook.server.invoicing.errors import InvoiceLineNotFound, InvoiceNotFound
from tallybook.server.invoicing.models import Invoice, InvoiceType, Line
from tallybook.server.invoicing.store import billed
from tallybook.server.invoicing.store import invoices as store
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows

PAYABLE_MAX: Final = 1_000


def get(tx: Tx, space: SpaceId, invoice_id: str) -> Invoice:
    """Errors: InvoiceNotFound."""
    invoice = store.find(tx, space, invoice_id)
    if invoice is None:
        raise InvoiceNotFound(invoice_id=invoice_id)
    return invoice


def get_line(tx: Tx, space: SpaceId, invoice_id: str, line_id: str) -> tuple[Invoice, Line]:
    """Return an invoice and one of its lines. Errors: InvoiceNotFound; InvoiceLineNotFound."""
    invoice = get(tx, space, invoice_id)
    for line in invoice.lines:
        if line.id == line_id:
            return invoice, line
    raise InvoiceLineNotFound(invoice_id=invoice_id, line_id=line_id)


def find_generated(
    tx: Tx, space: SpaceId, *, subscription_id: str, period_number: int, kind: InvoiceType
) -> Invoice | None:
    """Return the one invoice of a kind for a subscription's period, or None."""
    return store.find_generated(
        tx, space, subscription_id=subscription_id, period_number=period_number, kind=kind
    )


def keep_generated(
    tx: Tx, space: SpaceId, places: Sequence[tuple[str, int, InvoiceType]]
) -> list[Invoice]:
    """Read for gathered work the invoices of (subscription, period, kind), and hold them.

    Also what is billed already for these subscriptions, which are held.
    """
    held = store.keep_generated(tx, space, places)
    billed.keep(tx, space, sorted({place[0] for place in places}))
    return held


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    now: datetime,
    status: str | None = None,
    customer_id: str | None = None,
    contract_id: str | None = None,
    subscription_id: str | None = None,
) -> tuple[Rows, list[Invoice]]:
    """Return a page of rows and their invoices; `status` may be `past_due` too."""
    return store.list_page(
        tx,
        space,
        page,
        status=status,
        customer_id=customer_id,
        contract_id=contract_id,
        subscription_id=subscription_id,
        now=now,
    )


def list_payable(
    tx: Tx,
    space: SpaceId,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    currency: str | None = None,
    past_due_at: datetime | None = None,
    limit: int = PAYABLE_MAX,
) -> list[Invoice]:
    """Return invoices with something left to pay, the first finalized first.

    With `past_due_at` only those past due then; uncollectible ones are past due always.
    """
    return store.list_payable(
        tx,
        space,
        customer_id=customer_id,
        subscription_id=subscription_id,
        currency=currency,
        past_due_at=past_due_at,
        limit=limit,
    )


def has_unpaid(tx: Tx, space: SpaceId, customer_id: str) -> bool:
    """Tell whether a customer has a draft or an open invoice."""
    return store.has_unpaid(tx, space, customer_id)


def billed_before(
    tx: Tx,
    space: SpaceId,
    *,
    subscription_id: str,
    meter_id: str,
    period_number: int,
    charge_id: str | None = None,
) -> Decimal:
    """Return what finalized lines have billed for a meter in a period, adjustments included.

    Lines of the meter's price, or with `charge_id` those of a charge on the meter.
    Holds: void invoices and credit notes do not lower it, so nothing waived is billed again.
    Source: semantics, choice 13.
    """
    micros = billed.sum_billed(
        tx,
        space,
        subscription_id=subscription_id,
        meter_id=meter_id,
        period_number=period_number,
        charge_id=charge_id,
    )
    return from_micro_units(micros)


def billed_for_period(tx: Tx, space: SpaceId, subscription_id: str, period_number: int) -> Decimal:
    """Return what invoices say of a period, net of tax; drafts and void ones say nothing."""
    return from_micro_units(billed.sum_of_period(tx, space, subscription_id, period_number))


def billed_versions(tx: Tx, space: SpaceId, *, subscription_id: str) -> dict[int, dict[str, int]]:
    """Return, by period and meter, the version of the counter that a period was last billed on.

    A counter that has moved since has late or voided usage; a meter never billed is not there.
    """
    return billed.billed_versions(tx, space, subscription_id=subscription_id)
