"""A fee a period, whatever was used."""

from decimal import Decimal

from tallybook.server.kernel.money import ZERO
from tallybook.server.rating.models import RatedSlice

from .quantity import check_quantity
from .slices import price_slice


def rate_flat(
    quantity: Decimal, *, flat_fee: Decimal, flat_fee_at_zero: bool = True
) -> list[RatedSlice]:
    """Price the period, not the units; without billable units only if `flat_fee_at_zero`.

    Holds: the amount is the flat fee or zero.
    Errors: InvalidQuantity.
    Source: semantics, choice 2; docs/pricing.md#flat.
    """
    check_quantity(quantity)
    if not quantity and not (flat_fee_at_zero and flat_fee):
        return []
    return [price_slice(quantity, unit_price=ZERO, flat_fee=flat_fee)]
