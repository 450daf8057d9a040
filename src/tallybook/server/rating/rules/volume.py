"""All units at the price of the tier that the whole quantity reaches."""

from collections.abc import Sequence
from decimal import Decimal

from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.rating.models import RatedSlice, Tier

from .quantity import check_quantity
from .slices import price_slice


def rate_volume(
    quantity: Decimal, tiers: Sequence[Tier], *, flat_fee_at_zero: bool = True
) -> list[RatedSlice]:
    """Price the whole quantity in the tier it reaches, with that tier's flat fee only.

    Zero lies in the first tier: its flat fee is due, unless `flat_fee_at_zero` is off.

    Holds: there is one slice of the whole quantity, in the tier whose bounds contain it.
    Errors: InvalidQuantity; UncoveredQuantity (past the last bound).
    Source: semantics, choice 2; docs/pricing.md#volume.
    """
    check_quantity(quantity)
    for order, tier in enumerate(tiers, start=1):
        if tier.up_to is not None and quantity > tier.up_to:
            continue
        if not quantity and not (flat_fee_at_zero and tier.flat_fee):
            return []
        return [
            price_slice(quantity, unit_price=tier.unit_price, flat_fee=tier.flat_fee, tier=order)
        ]
    covered = tiers[-1].up_to if tiers else None
    raise UncoveredQuantity(
        quantity=plain(quantity), covered=plain(ZERO if covered is None else covered)
    )
