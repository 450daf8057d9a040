"""The arithmetic of an invoice, in steps that a customer can follow."""

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tallybook.server.invoicing.models import Invoice, Line, LineKind
from tallybook.server.kernel.money import EXACT, plain
from tallybook.server.rating.models import PriceShape, RatedUsage
from tallybook.server.rating.rules import explain as rating

_ARITHMETIC: Final = {"rated", "rated_again", "total", "billed_before", "credited"}


def explain_line(line: Line, currency: str) -> list[str]:
    """Return the steps from the quantity to the line's total, one a line.

    Holds: each step is an equation, or says what is rounded to what.
    """
    steps, exact = _priced(line, currency)
    if exact is not None and exact != line.subtotal:
        steps.append(f"{_show(exact)} rounded to {_money(line.subtotal)}")
    if line.discount:
        steps.append(
            f"{_money(line.subtotal)} − {_money(line.discount)} discount = {_money(line.total)}"
        )
    return steps


def explain_total(invoice: Invoice) -> list[str]:
    """Return the steps from the lines to the invoice's total."""
    steps = []
    if len(invoice.lines) > 1:
        sums = " + ".join(_signed(line.total) for line in invoice.lines)
        steps.append(f"{sums} = {_money(invoice.subtotal)} subtotal")
    for tax in invoice.taxes:
        if tax.rate is None:
            steps.append(f"{tax.name}: {_money(tax.amount)}, as the lines have it")
            continue
        exact = EXACT.multiply(tax.taxable_amount, tax.rate)
        rounded = "" if exact == tax.amount else f", rounded to {_money(tax.amount)}"
        product = f"{_money(tax.taxable_amount)} × {plain(tax.rate)} = {plain(exact)}"
        steps.append(f"{tax.name}: {product}{rounded}")
    if invoice.taxes:
        taxes = " + ".join(_money(tax.amount) for tax in invoice.taxes)
        steps.append(f"{_money(invoice.subtotal)} + {taxes} = {_money(invoice.total)} total")
    return steps


def terms_of(line: Line) -> dict[str, Any]:
    """Return the stored terms that a line was priced on: version, source, price or shape."""
    return {name: value for name, value in line.pricing.items() if name not in _ARITHMETIC}


def _priced(line: Line, currency: str) -> tuple[list[str], Decimal | Fraction | None]:
    """Return the steps to the amount before it is rounded, and that amount where it is known."""
    pricing = line.pricing
    if "shape" in pricing and "rated" in pricing:
        return _rated(line, currency)
    if "total" in pricing and "billed_before" in pricing:
        again, before = pricing["total"], pricing["billed_before"]
        return [f"{again} rated again − {before} billed before = {_money(line.subtotal)}"], None
    if "price" in pricing and "share" in pricing:
        exact = Fraction(pricing["price"]) * Fraction(pricing["share"])
        if pricing["share"] == "1":
            return [f"{pricing['price']} for the whole period"], exact
        return [f"{pricing['price']} × {pricing['share']} of the period = {_show(exact)}"], exact
    if line.unit_price is None:
        return [], None
    amount = EXACT.multiply(line.quantity, line.unit_price)
    return [f"{plain(line.quantity)} × {plain(line.unit_price)} = {plain(amount)}"], amount


def _rated(line: Line, currency: str) -> tuple[list[str], Decimal]:
    shape = PriceShape.from_json(line.pricing["shape"])
    rated = RatedUsage.from_json(line.pricing["rated"])
    steps = rating.explain(shape, rated)
    if line.kind is LineKind.TRUE_UP:
        return steps + rating.explain_true_up(shape, rated, currency=currency), line.subtotal
    return steps, rated.amount


def _money(amount: Decimal) -> str:
    return format(amount, "f")


def _signed(amount: Decimal) -> str:
    return _money(amount) if amount >= 0 else f"({_money(amount)})"


def _show(amount: Decimal | Fraction) -> str:
    if isinstance(amount, Fraction) and amount.denominator == 1:
        return str(amount.numerator)
    return plain(amount) if isinstance(amount, Decimal) else str(amount)
