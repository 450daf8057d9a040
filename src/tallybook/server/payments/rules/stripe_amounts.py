"""Amounts as Stripe writes them: integers of its smallest unit, which is not always ISO's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tallybook.server.kernel.money import minor_units, plain
from tallybook.server.payments.errors import NotChargeable

PLACES: Final[Mapping[str, int]] = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's decimal places are not those of ISO 4217.

Source: docs.stripe.com/currencies, zero-decimal currencies and special cases.
"""


def to_stripe(amount: Decimal, currency: str) -> int:
    """Return an amount in Stripe's units: 10.50 USD is 1050, 500 JPY is 500, 5 ISK is 500.

    Holds: exact, never rounded. Amounts with three decimals end in 0, as Stripe demands.
    Errors: NotChargeable.
    """
    places = PLACES.get(currency, minor_units(currency))
    units = amount.scaleb(places)
    step = 10 if places == 3 else 1
    if units != units.to_integral_value() or int(units) % step:
        smallest = plain(Decimal(step).scaleb(-places))
        raise NotChargeable(amount=plain(amount), currency=currency, step=smallest)
    return int(units)
