"""An invoice made from a total: one lump, itemized bit by bit.

Source: semantics, choice 17.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tallybook.server.invoicing.errors import LumpTooSmall, TotalNeedsSubtotal
from tallybook.server.invoicing.models import InvoiceType, Line, LineKind, NewLine
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import plain

from .lines import in_currency


def lump_line(
    kind: InvoiceType,
    currency: str,
    *,
    subtotal: Decimal | None,
    total: Decimal | None,
    has_taxes: bool,
) -> NewLine | None:
    """Return the one line of an invoice that is made from a total, or None without a total.

    Errors: TotalNeedsSubtotal (no net amount can be read from a total with tax).
    """
    if subtotal is None and total is None:
        return None
    if subtotal is None and has_taxes:
        raise TotalNeedsSubtotal(errors=[FieldError("/subtotal", "missing", "is needed")])
    net = subtotal if subtotal is not None else total
    assert net is not None
    pointer = "/subtotal" if subtotal is not None else "/total"
    amount = in_currency(net, currency, pointer=pointer)
    name = kind.value.replace("_", " ").capitalize()
    return NewLine(description=name, kind=LineKind.LUMP, unit_price=amount)


def itemize(lines: Sequence[Line], item: Line, currency: str) -> list[Line]:
    """Return the lines with an item taken out of the lump, which goes when nothing is left.

    Holds: the sum stays.
    Errors: LumpTooSmall (more than what is left, or an item below zero).
    """
    lump = next((line for line in lines if line.kind is LineKind.LUMP), None)
    left = item.total - item.total if lump is None else lump.total
    if not 0 <= item.total <= left:
        raise LumpTooSmall(left=plain(left), currency=currency, given=plain(item.total))
    others = [line for line in lines if line.kind is not LineKind.LUMP]
    if lump is None or item.total == left:
        return [*others, item]
    rest = left - item.total
    smaller = replace(lump, unit_price=rest, subtotal=rest, total=rest)
    return [*others, item, replace(smaller, sort_order=item.sort_order + 1)]
