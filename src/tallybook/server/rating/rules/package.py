"""Units sold by the package, a begun one whole."""

from decimal import Decimal, localcontext

from tallybook.server.kernel.money import EXACT
from tallybook.server.rating.models import RatedSlice

from .quantity import check_quantity
from .slices import price_slice


def rate_package(
    quantity: Decimal, *, package_size: Decimal, package_price: Decimal
) -> list[RatedSlice]:
    """Price as many packages as hold the quantity; the slice counts packages, not units.

    Holds: the packages hold the quantity, and one package fewer would not.
    Errors: InvalidQuantity.
    Source: semantics, choice 3; docs/pricing.md#package.
    """
    check_quantity(quantity)
    if not quantity:
        return []
    with localcontext(EXACT):
        whole, rest = divmod(quantity, package_size)
        packages = whole + 1 if rest else whole
    return [price_slice(packages, unit_price=package_price)]
