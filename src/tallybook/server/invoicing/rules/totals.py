"""From lines and tax terms to the figures of an invoice."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tallybook.server.identity.models import TaxRounding
from tallybook.server.invoicing.errors import NegativeInvoice, TooManyLines
from tallybook.server.invoicing.models import Figures, Line, NewLine, TaxTerm
from tallybook.server.kernel.money import plain, quantize_money
from tallybook.server.ledger.rules.postings import to_ledger
from tallybook.wire.limits import LINES_MAX

from . import tax as taxation
from .lines import build_line, check_claim, in_currency


def work_out(
    new: Sequence[NewLine],
    terms: Sequence[TaxTerm],
    currency: str,
    *,
    rounding: TaxRounding = TaxRounding.INVOICE,
    ids: Sequence[str] | None = None,
    pointer: str = "/line_items",
) -> Figures:
    """Return the figures of an invoice with these lines and taxes.

    The lines are given these ids, or keep their own. Without tax terms, the taxes that lines bring
    are the invoice's.
    Errors: those of `build_line`; NegativeInvoice; TooManyLines; AmountMismatch.
    """
    lines = [
        build_line(
            line,
            currency,
            sort_order=index,
            line_id=None if ids is None else ids[index],
            pointer=f"{pointer}/{index}",
        )
        for index, line in enumerate(new)
    ]
    given = [
        None
        if line.tax is None
        else in_currency(line.tax, currency, pointer=f"{pointer}/{index}/tax")
        for index, line in enumerate(new)
    ]
    figures = add_up(lines, terms, currency, own_taxes=given, rounding=rounding)
    if terms:
        shown = [line.tax for line in figures.lines]
        taxation.check_shown(given, shown, currency, pointer=pointer)
    ordered = sorted(figures.lines, key=lambda line: line.sort_order)
    return replace(figures, lines=tuple(ordered))


def add_up(
    lines: Sequence[Line],
    terms: Sequence[TaxTerm],
    currency: str,
    *,
    own_taxes: Sequence[Decimal | None] | None = None,
    rounding: TaxRounding = TaxRounding.INVOICE,
) -> Figures:
    """Return the figures over lines that are worked out; `own_taxes` are the lines' own.

    Holds: subtotal is the sum of the lines' totals, tax_total of the taxes and of the lines'
    shown taxes, total of both.
    Source: semantics, choice 16: sum lines, then tax once per (category, rate), or on each line
    where the project rounds so.
    """
    if len(lines) > LINES_MAX:
        raise TooManyLines(lines_max=LINES_MAX)
    zero = quantize_money(Decimal(0), currency)
    nets = [line.total for line in lines]
    subtotal = sum(nets, zero)
    if subtotal < 0:
        raise NegativeInvoice(subtotal=plain(subtotal))
    by_line = rounding is TaxRounding.LINE
    if terms:
        taxes = [
            taxation.work_out(
                term,
                subtotal,
                currency,
                nets=nets if by_line else None,
                pointer=f"/taxes/{index}",
            )
            for index, term in enumerate(terms)
        ]
        shown = taxation.shown_taxes(taxes, nets, currency, by_line=by_line)
    else:
        own = [line.tax for line in lines] if own_taxes is None else own_taxes
        shown = [zero + (tax or zero) for tax in own]
        brought = taxation.from_lines(nets, own, currency)
        taxes = [] if brought is None else [brought]
    tax_total = sum((tax.amount for tax in taxes), zero)
    total = subtotal + tax_total
    if total < 0:
        raise NegativeInvoice(subtotal=plain(total))
    to_ledger(total)
    taxed = tuple(
        line if line.tax == tax else replace(line, tax=tax)
        for line, tax in zip(lines, shown, strict=True)
    )
    return Figures(taxed, tuple(taxes), subtotal, tax_total, total)


def check_totals(
    figures: Figures, currency: str, *, subtotal: Decimal | None, total: Decimal | None
) -> None:
    """Raise AmountMismatch, with both figures, unless the caller's sums are ours."""
    check_claim(subtotal, figures.subtotal, currency, pointer="/subtotal")
    check_claim(total, figures.total, currency, pointer="/total")
