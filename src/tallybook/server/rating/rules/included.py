"""Which units are included, which are billed, and which cost nothing."""

from collections.abc import Sequence
from decimal import Decimal

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.rating.models import Overage, PriceShape, UnitSplit, WindowUsage


def split_units(shape: PriceShape, windows: Sequence[WindowUsage]) -> UnitSplit:
    """Take the included units off, anew in each window; say where every unit went.

    A window that began in an earlier period has given to that period first.

    Holds: quantity = included + billable + uncharged; billable = Σ max(0, used − included)
        where overage is billed; a window cut in two bills as much as the whole one.
    Source: semantics, choices 3 and 5; docs/pricing.md#included-units.
    """
    quantity = over = ZERO
    for window in windows:
        granted = window.included_units
        if granted is None:
            granted = shape.included_units
        quantity = EXACT.add(quantity, window.quantity)
        over = EXACT.add(over, _over(EXACT.add(window.used_before, window.quantity), granted))
        over = EXACT.subtract(over, _over(window.used_before, granted))
    included = EXACT.subtract(quantity, over)
    billed = shape.overage is Overage.BILL
    return UnitSplit(
        quantity=quantity,
        included=included,
        billable=over if billed else ZERO,
        uncharged=ZERO if billed else over,
    )


def _over(used: Decimal, granted: Decimal) -> Decimal:
    return EXACT.subtract(used, granted) if used > granted else ZERO
