"""The one multiplication of rating."""

from decimal import Decimal

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.rating.models import RatedSlice


def price_slice(
    quantity: Decimal, *, unit_price: Decimal, flat_fee: Decimal = ZERO, tier: int | None = None
) -> RatedSlice:
    """Return quantity × unit_price + flat_fee, exact."""
    amount = EXACT.add(EXACT.multiply(quantity, unit_price), flat_fee)
    return RatedSlice(
        tier=tier, quantity=quantity, unit_price=unit_price, flat_fee=flat_fee, amount=amount
    )
