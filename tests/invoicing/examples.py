"""Invoices to try things on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tallybook.server.invoicing.models import (
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    NewLine,
    TaxTerm,
)
from tallybook.server.invoicing.rules.edits import with_figures
from tallybook.server.invoicing.rules.totals import work_out

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def new_line(unit_price: str | int, quantity: str | int = 1, **fields: Any) -> NewLine:
    return NewLine(
        description="Line", quantity=Decimal(quantity), unit_price=Decimal(unit_price), **fields
    )


def an_invoice(
    *lines: NewLine, terms: Sequence[TaxTerm] = (), currency: str = "USD", **fields: Any
) -> Invoice:
    invoice = Invoice(
        id="inv_1",
        customer_id="cus_1",
        currency=currency,
        type=InvoiceType.MANUAL,
        status=InvoiceStatus.DRAFT,
        issue_date=date(2026, 3, 1),
        payment_terms=30,
        collection_method=CollectionMethod.SEND_INVOICE,
        created_at=AT,
        updated_at=AT,
    )
    return replace(with_figures(invoice, work_out(lines, terms, currency)), **fields)
