"""What a credit note comes to.

Source: semantics, choices 8 and 16: amounts are net, the note adds the tax; docs/invoices.md.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from tallybook.server.invoicing.errors import (
    CreditExceedsInvoice,
    InvoiceLineNotFound,
    NotAnAmount,
)
from tallybook.server.invoicing.models import (
    CreditFigures,
    CreditLine,
    CreditNote,
    CreditTax,
    Invoice,
    Line,
    NewCreditLine,
)
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import ZERO, minor_units, plain, quantize_money

from .lines import in_currency
from .tax import share_out


def creditable(invoice: Invoice, earlier: Sequence[CreditNote]) -> Decimal:
    """Return what can still be credited of an invoice, net of tax."""
    return invoice.subtotal - sum((note.figures.subtotal for note in earlier), ZERO)


def fitting(invoice: Invoice, earlier: Sequence[CreditNote], at_most: Decimal) -> Decimal:
    """Return how much, net, can be credited so that the note's total is not above `at_most`."""
    net = creditable(invoice, earlier)
    rest = invoice.total - sum((note.figures.total for note in earlier), ZERO)
    if at_most >= rest:
        return net
    share = Fraction(net) * Fraction(at_most) / Fraction(rest)
    amount = quantize_money(share, invoice.currency)
    unit = Decimal(1).scaleb(-minor_units(invoice.currency))
    while amount > 0 and amount + _tax_on(invoice, amount) > at_most:
        amount -= unit  # what rounding put on top: a step or two
    return amount


def _tax_on(invoice: Invoice, net: Decimal) -> Decimal:
    """Return the tax on a part of an invoice as a whole."""
    share = Fraction(net) / Fraction(invoice.subtotal)
    return quantize_money(Fraction(invoice.tax_total) * share, invoice.currency)


def work_out_credit(
    invoice: Invoice,
    earlier: Sequence[CreditNote],
    *,
    lines: Sequence[NewCreditLine] = (),
    amount: Decimal | None = None,
    description: str,
) -> CreditFigures:
    """Return the figures of a credit note: for lines, for an amount, or for all that is left.

    Amounts are net of tax, in major units. Tax follows in proportion, line by line where lines
    are named; the note that credits the last of an invoice takes the rest of its tax.
    Holds: notes of one invoice never add up to more than it, and a whole credit to exactly it.
    Errors: CreditExceedsInvoice; InvoiceLineNotFound; NotAnAmount; TooManyDecimals.
    """
    left = creditable(invoice, earlier)
    if lines:
        parts = [_of_line(invoice, earlier, line, index, lines) for index, line in enumerate(lines)]
    else:
        parts = [_of_whole(invoice, amount, left, description)]
    subtotal = sum((part.amount for part in parts), quantize_money(ZERO, invoice.currency))
    if subtotal > left:
        raise _too_much(invoice, left, "/lines" if lines else "/amount")
    if subtotal <= 0:
        raise NotAnAmount()
    tax_left = invoice.tax_total - sum((note.figures.tax_total for note in earlier), ZERO)
    exact = sum((part.tax for part in parts), ZERO)
    tax = tax_left if subtotal == left else min(max(exact, ZERO), tax_left)
    weights = [part.tax for part in parts]
    if not any(weights):
        weights = [part.amount for part in parts]
    shown = share_out(tax, weights, invoice.currency)
    taxed = [
        CreditLine(part.id, part.line_id, part.description, part.amount, share)
        for part, share in zip(parts, shown, strict=True)
    ]
    zero = subtotal - subtotal
    return CreditFigures(
        tuple(taxed), _taxes(invoice, earlier, tax), subtotal, zero + tax, subtotal + tax
    )


def _of_whole(
    invoice: Invoice,
    amount: Decimal | None,
    left: Decimal,
    description: str,
) -> CreditLine:
    if amount is not None and amount <= 0:
        raise NotAnAmount()
    net = left if amount is None else in_currency(amount, invoice.currency, pointer="/amount")
    if net > left or net <= 0:
        raise _too_much(invoice, left, "/amount")
    return CreditLine("", None, description, net, _tax_on(invoice, net))


def _of_line(
    invoice: Invoice,
    earlier: Sequence[CreditNote],
    new: NewCreditLine,
    index: int,
    lines: Sequence[NewCreditLine],
) -> CreditLine:
    where = f"/lines/{index}"
    if new.line_id in {line.line_id for line in lines[:index]}:
        raise CreditExceedsInvoice(
            creditable="0",
            currency=invoice.currency,
            errors=[FieldError(f"{where}/line_id", "invalid", "this line is given before")],
        )
    line = next((one for one in invoice.lines if one.id == new.line_id), None)
    if line is None:
        raise InvoiceLineNotFound(
            invoice_id=invoice.id,
            line_id=new.line_id,
            errors=[FieldError(f"{where}/line_id", "not_found", "is no line of the invoice")],
        )
    before = [
        part for note in earlier for part in note.figures.lines if part.line_id == new.line_id
    ]
    left = line.total - sum((part.amount for part in before), ZERO)
    if new.amount is not None and new.amount <= 0:
        raise NotAnAmount(errors=[FieldError(f"{where}/amount", "invalid", "must be above 0")])
    net = left
    if new.amount is not None:
        net = in_currency(new.amount, invoice.currency, pointer=f"{where}/amount")
    if net > left or net <= 0:
        raise _too_much(invoice, max(left, ZERO), f"{where}/amount")
    tax = _tax_of(line, net, before, invoice.currency)
    return CreditLine("", line.id, new.description or line.description, net, tax)


def _tax_of(line: Line, net: Decimal, before: Sequence[CreditLine], currency: str) -> Decimal:
    """Return the tax of a part of a line: what is due of it so far, less what was given."""
    given = sum((part.amount for part in before), ZERO)
    share = Fraction(given + net) / Fraction(line.total)
    so_far = quantize_money(Fraction(line.tax) * share, currency)
    return so_far - sum((part.tax for part in before), ZERO)


def _taxes(invoice: Invoice, earlier: Sequence[CreditNote], tax: Decimal) -> tuple[CreditTax, ...]:
    """Return what each of the invoice's taxes has of it, in proportion to what is left of them."""
    left = []
    for position, one in enumerate(invoice.taxes):
        given = sum((note.figures.taxes[position].amount for note in earlier), ZERO)
        left.append(one.amount - given)
    shares = share_out(tax, left, invoice.currency) if left else []
    return tuple(
        CreditTax(one.name, one.rate, share)
        for one, share in zip(invoice.taxes, shares, strict=True)
    )


def _too_much(invoice: Invoice, left: Decimal, pointer: str) -> CreditExceedsInvoice:
    return CreditExceedsInvoice(
        creditable=plain(left),
        currency=invoice.currency,
        errors=[FieldError(pointer, CreditExceedsInvoice.code, f"is at most {plain(left)}")],
    )
