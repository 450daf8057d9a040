"""One price for every unit."""

from decimal import Decimal

from tallybook.server.rating.models import RatedSlice

from .quantity import check_quantity
from .slices import price_slice


def rate_per_unit(quantity: Decimal, *, unit_price: Decimal) -> list[RatedSlice]:
    """Price every unit the same; no slice where nothing is billable.

    Holds: amount = quantity × unit_price, to the last digit.
    Errors: InvalidQuantity.
    Source: docs/pricing.md#per-unit.
    """
    check_quantity(quantity)
    return [price_slice(quantity, unit_price=unit_price)] if quantity else []
