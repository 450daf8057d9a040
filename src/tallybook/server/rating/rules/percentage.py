"""A share of an amount of money."""

from decimal import Decimal

from tallybook.server.rating.models import RatedSlice

from .quantity import check_quantity
from .slices import price_slice


def rate_percentage(quantity: Decimal, *, rate: Decimal) -> list[RatedSlice]:
    """Price a share of the quantity, which is money; the slice's unit price is the rate.

    Units: rate 0.029 is 2.9 %.
    Holds: amount = quantity × rate, to the last digit.
    Errors: InvalidQuantity.
    Source: semantics, choice 2; docs/pricing.md#percentage.
    """
    check_quantity(quantity)
    return [price_slice(quantity, unit_price=rate)] if quantity else []
