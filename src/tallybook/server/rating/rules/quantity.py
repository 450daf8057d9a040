"""What may be priced at all."""

from decimal import Decimal
from typing import Final

from tallybook.server.rating.errors import InvalidQuantity

DIGITS_MAX: Final = 40
"""Of a quantity, on each side of the point: a period's sum of 10^22 events of the greatest size.

Times a price of 30 digits it stays within the 120 of kernel.money.EXACT, so no price rule can
meet a decimal that does not fit.
"""


def check_quantity(quantity: Decimal) -> None:
    """Raise InvalidQuantity unless it is finite, not negative and within `DIGITS_MAX`."""
    sign, digits, exponent = quantity.as_tuple()
    if (
        not isinstance(exponent, int)
        or (sign and quantity)
        or len(digits) + exponent > DIGITS_MAX
        or exponent < -DIGITS_MAX
    ):
        raise InvalidQuantity(quantity=str(quantity))
