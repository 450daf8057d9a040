"""What an edit does to the figures of a draft, and what an added item does."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tallybook.server.invoicing.errors import CurrencyNeedsLines, InvoiceFrozen
from tallybook.server.invoicing.models import (
    Figures,
    Invoice,
    InvoiceStatus,
    Line,
    LineKind,
    NewLine,
    TaxTerm,
)
from tallybook.server.kernel.errors import FieldError

from .itemize import itemize
from .lines import build_line, facts_of, in_currency, mismatch, says_same_line
from .tax import terms_again
from .totals import add_up, work_out


def require_draft(invoice: Invoice) -> None:
    """Errors: InvoiceFrozen."""
    if invoice.status is not InvoiceStatus.DRAFT:
        raise InvoiceFrozen(invoice_id=invoice.id, current_state=invoice.status.value)


def with_figures(invoice: Invoice, figures: Figures) -> Invoice:
    """Return the invoice with what was worked out."""
    zero = figures.subtotal - figures.subtotal  # with the currency's places
    return replace(
        invoice,
        lines=figures.lines,
        taxes=figures.taxes,
        subtotal=figures.subtotal,
        tax_total=figures.tax_total,
        total=figures.total,
        amount_paid=zero + invoice.amount_paid,
        amount_credited=zero + invoice.amount_credited,
    )


def worked_out_again(
    invoice: Invoice,
    *,
    currency: str,
    lines: Sequence[NewLine] | None,
    terms: Sequence[TaxTerm] | None,
    ids: Sequence[str] | None = None,
) -> Figures:
    """Return a draft's figures after an edit; None leaves lines or taxes as they are.

    New lines are given these ids, or keep their own.

    Errors: those of `work_out`; CurrencyNeedsLines.
    """
    kept = terms_again(invoice.taxes) if terms is None else terms
    rounding = invoice.tax_rounding
    if lines is None and currency == invoice.currency:
        if terms is None:
            return add_up(invoice.lines, kept, currency, rounding=rounding)
        untaxed = [Decimal(0)] * len(invoice.lines)  # what taxes replace, those of lines too
        return add_up(invoice.lines, kept, currency, own_taxes=untaxed, rounding=rounding)
    if lines is None:
        lines = [_anew(line, invoice.currency) for line in invoice.lines]
    return work_out(lines, kept, currency, rounding=rounding, ids=ids)


def says_same(invoice: Invoice, lines: Sequence[NewLine], terms: Sequence[TaxTerm] | None) -> bool:
    """Tell whether lines and taxes come to those that a draft has.

    What the caller claims, and what a line brings as tax or place, is for `work_out` to judge.
    """
    if invoice.is_lump or (terms is not None and tuple(terms) != terms_again(invoice.taxes)):
        return False
    return len(lines) == len(invoice.lines) and all(
        says_same_line(line, new, invoice.currency)
        for line, new in zip(invoice.lines, lines, strict=True)
    )


def _anew(line: Line, currency: str) -> NewLine:
    """Return a line to be worked out in another currency, its prices read as they stand."""
    if line.unit_price is None or line.pricing:  # rated or prorated: not its price × quantity
        raise CurrencyNeedsLines(
            currency=currency, errors=[FieldError("/line_items", "missing", "is needed")]
        )
    return NewLine(
        **facts_of(line),  # type: ignore[arg-type]
        id=line.id,
        sort_order=line.sort_order,
        discount=line.discount,
    )


def with_item(invoice: Invoice, new: NewLine) -> Figures:
    """Return the figures of an invoice with one more line.

    Holds: an invoice made from a total keeps it.
    Errors: InvoiceFrozen; LumpTooSmall; those of `build_line`.
    Source: semantics, choice 17.
    """
    lump = next((line for line in invoice.lines if line.kind is LineKind.LUMP), None)
    after = max((line.sort_order for line in invoice.lines), default=-1) + 1
    place = after if lump is None else lump.sort_order
    terms = terms_again(invoice.taxes)
    item = build_line(new, invoice.currency, sort_order=place)
    given = None if new.tax is None else in_currency(new.tax, invoice.currency, pointer="/tax")
    if invoice.is_lump and invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.OPEN):
        if given and not terms:
            raise mismatch(given, item.tax, pointer="/tax")
        lines = itemize(invoice.lines, item, invoice.currency)
        lines = sorted(lines, key=_place)
        return add_up(lines, terms, invoice.currency, rounding=invoice.tax_rounding)
    require_draft(invoice)
    lines = sorted([*invoice.lines, replace(item, tax=given or item.tax)], key=_place)
    return add_up(lines, terms, invoice.currency, rounding=invoice.tax_rounding)


def _place(line: Line) -> int:
    return line.sort_order
