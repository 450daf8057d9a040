"""Make invoices: by hand, and from subscriptions."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tallybook.server.catalog import service as catalog
from tallybook.server.customers.models import Customer
from tallybook.server.identity import service as identity
from tallybook.server.invoicing.errors import AlreadyInvoiced
from tallybook.server.invoicing.models import (
    PAYMENT_TERMS_DAYS,
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    NewLine,
    TaxTerm,
)
from tallybook.server.invoicing.rules.due import local_day
from tallybook.server.invoicing.rules.edits import with_figures
from tallybook.server.invoicing.rules.itemize import lump_line
from tallybook.server.invoicing.rules.totals import check_totals, work_out
from tallybook.server.invoicing.store import invoices as store
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx, outbox

from .issuing import finalize
from .references import check_references
from .saving import INVOICE_PREFIX, announce, new_ids, with_ids


def create_manual(
    tx: Tx,
    space: SpaceId,
    *,
    customer: Customer,
    lines: Sequence[NewLine],
    terms: Sequence[TaxTerm],
    at: datetime,
    kind: InvoiceType = InvoiceType.MANUAL,
    currency: str | None = None,
    issue_date: date | None = None,
    due_date: date | None = None,
    period_start: datetime | None = None,
    period_end: datetime | None = None,
    subscription_id: str | None = None,
    contract_id: str | None = None,
    subtotal: Decimal | None = None,
    total: Decimal | None = None,
    notes: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    finalized: bool = False,
) -> Invoice:
    """Create an invoice by hand: a draft, or finalized at once.

    Without lines, a subtotal or total makes one lump line; with them they are assertions.
    Errors: those of `work_out`; AmountMismatch; UnknownCurrency; those of `finalize`.
    """
    where = identity.get_space(tx, space)
    currency = currency or customer.currency or where.default_currency
    claims = {"subtotal": subtotal, "total": total}
    lump = None if lines else lump_line(kind, currency, has_taxes=bool(terms), **claims)
    made = with_ids(lines if lump is None else [lump])
    figures = work_out(made, terms, currency, rounding=where.settings.tax_rounding)
    check_totals(figures, currency, **claims)
    invoice = Invoice(
        id=new_id(INVOICE_PREFIX),
        customer_id=customer.id,
        currency=currency,
        type=kind,
        status=InvoiceStatus.DRAFT,
        issue_date=issue_date or local_day(at, where.zone),
        due_date=due_date,
        payment_terms=PAYMENT_TERMS_DAYS,
        collection_method=CollectionMethod.SEND_INVOICE,
        subscription_id=subscription_id,
        contract_id=contract_id,
        period_start=period_start,
        period_end=period_end,
        tax_rounding=where.settings.tax_rounding,
        is_lump=lump is not None,
        notes=notes,
        metadata=metadata or {},
        created_at=at,
        updated_at=at,
    )
    invoice = check_references(tx, space, with_figures(invoice, figures))
    store.add(tx, space, invoice)
    catalog.ensure_balance(tx, space, currency, at=at)
    announce(tx, space, "invoice.created", invoice, at=at)
    return finalize(tx, space, invoice.id, at=at) if finalized else invoice


def create_generated(
    tx: Tx,
    space: SpaceId,
    *,
    customer: Customer,
    subscription_id: str,
    contract_id: str | None,
    kind: InvoiceType,
    period_number: int,
    period_start: datetime,
    period_end: datetime,
    currency: str,
    lines: Sequence[NewLine],
    taxes: Sequence[TaxTerm],
    collection_method: CollectionMethod,
    payment_terms: int,
    at: datetime,
    due_immediately: bool = False,
    held_reason: str | None = None,
) -> Invoice | None:
    """Create the draft of a subscription's invoice; None where there is no line.

    `held_reason` marks a draft that waits for a person, which may be without lines.
    Holds: one invoice per (subscription, period, kind), in the database.
    Errors: AlreadyInvoiced; NegativeInvoice (what is below zero is the caller's to credit).
    """
    if not lines and held_reason is None:
        return None
    where = identity.get_space(tx, space)
    invoice = Invoice(
        id=new_id(INVOICE_PREFIX),
        customer_id=customer.id,
        currency=currency,
        type=kind,
        status=InvoiceStatus.DRAFT,
        issue_date=local_day(at, where.zone),
        payment_terms=0 if due_immediately else payment_terms,
        collection_method=collection_method,
        subscription_id=subscription_id,
        contract_id=contract_id,
        period_number=period_number,
        period_start=period_start,
        period_end=period_end,
        tax_rounding=where.settings.tax_rounding,
        held_reason=held_reason,
        created_at=at,
        updated_at=at,
    )
    figures = work_out(lines, taxes, currency, rounding=invoice.tax_rounding, ids=new_ids(lines))
    invoice = with_figures(invoice, figures)
    if not store.add(tx, space, invoice):
        raise AlreadyInvoiced(
            subscription_id=subscription_id, period_number=period_number, type=kind.value
        )
    catalog.ensure_balance(tx, space, currency, at=at)
    outbox.keep_first(tx, space, invoice.id)
    announce(tx, space, "invoice.created", invoice, at=at)
    return invoice
