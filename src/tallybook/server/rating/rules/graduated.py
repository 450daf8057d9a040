"""Each unit at the price of the tier it falls in."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from tallybook.server.kernel.money import EXACT, ZERO, plain
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.rating.models import RatedSlice, Tier

from .quantity import check_quantity
from .slices import price_slice


def rate_graduated(
    quantity: Decimal, tiers: Sequence[Tier], *, flat_fee_at_zero: bool = True
) -> list[RatedSlice]:
    """Price each unit at the rate of the tier it falls in, with each entered tier's flat fee.

    The first tier's flat fee is due at zero too, unless `flat_fee_at_zero` is off.

    Holds: slice quantities add up to quantity: no unit billed twice, none free.
    Errors: InvalidQuantity; UncoveredQuantity (past the last bound).
    Source: semantics, choices 1 and 2; docs/pricing.md#graduated.
    """
    check_quantity(quantity)
    slices: list[RatedSlice] = []
    priced = ZERO
    with localcontext(EXACT):
        for order, tier in enumerate(tiers, start=1):
            ceiling = quantity if tier.up_to is None else min(quantity, tier.up_to)
            due_at_zero = order == 1 and flat_fee_at_zero and tier.flat_fee > 0
            if ceiling > priced or due_at_zero:
                units, priced = ceiling - priced, ceiling
                slices.append(
                    price_slice(
                        units, unit_price=tier.unit_price, flat_fee=tier.flat_fee, tier=order
                    )
                )
    if priced != quantity:  # never charge for less than was used, in silence
        raise UncoveredQuantity(quantity=plain(quantity), covered=plain(priced))
    return slices
