"""What a line comes to: worked out at full precision, rounded once."""

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tallybook.server.invoicing.errors import AmountMismatch, DiscountTooLarge
from tallybook.server.invoicing.models import Line, LineFacts, NewLine
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import (
    EXACT,
    TooManyDecimals,
    plain,
    quantize_money,
    require_minor_units,
)
from tallybook.server.ledger.rules.postings import to_ledger

from .periods import check_period

_FACTS: Final = tuple(field.name for field in fields(LineFacts))


def facts_of(line: LineFacts) -> dict[str, object]:
    """Return everything about a line but its money."""
    return {name: getattr(line, name) for name in _FACTS}


def exact_amount(new: NewLine) -> Decimal | Fraction:
    """Return a line's amount before discount and rounding."""
    if new.amount is not None:
        return new.amount
    return EXACT.multiply(new.quantity, new.unit_price or Decimal(0))


def says_same_line(line: Line, new: NewLine, currency: str) -> bool:
    """Tell whether a new line would be this one again: the same facts, amount and no claims."""
    if new.discount or new.sort_order is not None or new.tax is not None:
        return False
    if quantize_money(exact_amount(new), currency) != line.subtotal or line.discount:
        return False
    return all(getattr(line, name) == getattr(new, name) for name in _FACTS)


def build_line(
    new: NewLine, currency: str, *, sort_order: int, line_id: str | None = None, pointer: str = ""
) -> Line:
    """Return the line with its money; its tax is still zero.

    Units: major units, quantized to the currency.
    Holds: subtotal is the exact amount rounded half up, once; total = subtotal − discount.
    Errors: TooManyDecimals, AmountTooLarge, DiscountTooLarge, AmountMismatch (a figure given
    by the caller is not what we make of it), PeriodBackwards.
    Source: semantics, choice 16.
    """
    check_period(new.period_start, new.period_end, pointer=pointer)
    subtotal = quantize_money(exact_amount(new), currency)
    to_ledger(subtotal)
    zero = subtotal - subtotal
    discount = zero
    if new.discount:
        discount = in_currency(new.discount, currency, pointer=f"{pointer}/discount")
    if not 0 <= discount <= max(subtotal, Decimal(0)):
        raise DiscountTooLarge(
            subtotal=plain(subtotal),
            errors=[FieldError(f"{pointer}/discount", "invalid", "is not within the subtotal")],
        )
    line = Line(
        **facts_of(new),  # type: ignore[arg-type]
        id=line_id or new.id,
        sort_order=sort_order if new.sort_order is None else new.sort_order,
        subtotal=subtotal,
        discount=discount,
        total=subtotal - discount,
        tax=zero,
    )
    with_tax = None if new.tax is None else line.total + new.tax
    check_claim(new.subtotal, subtotal, currency, pointer=f"{pointer}/subtotal")
    if new.total is None or new.total != with_tax:  # either way of writing a total is accepted
        check_claim(new.total, line.total, currency, pointer=f"{pointer}/total")
    return line


def in_currency(amount: Decimal, currency: str, *, pointer: str) -> Decimal:
    """Return the amount in the currency's minor units. Errors: TooManyDecimals, AmountTooLarge."""
    to_ledger(quantize_money(amount, currency))
    try:
        return require_minor_units(amount, currency)
    except TooManyDecimals as error:
        detail = FieldError(pointer, error.code, error.message)
        raise TooManyDecimals(errors=[detail], **error.details) from None


def check_claim(given: Decimal | None, computed: Decimal, currency: str, *, pointer: str) -> None:
    """Raise AmountMismatch, with both figures, unless the caller's figure is ours or absent."""
    if given is not None and in_currency(given, currency, pointer=pointer) != computed:
        raise mismatch(given, computed, pointer=pointer)


def mismatch(given: Decimal, computed: Decimal, *, pointer: str) -> AmountMismatch:
    written = format(computed, "f")
    detail = f"is given as {plain(given)}, and comes to {written}"
    return AmountMismatch(
        field=pointer.rsplit("/", 1)[-1],
        given=plain(given),
        computed=written,
        errors=[FieldError(pointer, AmountMismatch.code, detail)],
    )
