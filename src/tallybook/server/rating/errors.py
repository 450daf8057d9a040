"""How rating refuses.

InvalidInput
├── PriceShapeInvalid    the terms do not fit together
├── TiersNotContiguous   the tiers leave a gap, overlap or do not end
├── InvalidQuantity      no quantity that could be priced
├── UncoveredQuantity    a quantity past the last tier
└── AmountTooLarge       more money than a line can carry
Broken
├── UnreadableShape      terms that were taken before cannot be read now
└── UnexpectedWindows    usage split into windows that the shape does not count in
"""

from tallybook.server.kernel.errors import Broken, InvalidInput


class PriceShapeInvalid(InvalidInput):
    """The price terms do not fit together; `errors` names each field."""

    code = "price_shape_invalid"


class TiersNotContiguous(InvalidInput):
    """The tiers must follow each other without gap or overlap; `errors` names each tier."""

    code = "tiers_not_contiguous"


class InvalidQuantity(InvalidInput):
    """{quantity} is not a quantity: it must be finite, not negative, and of a sane length."""

    code = "invalid_quantity"


class UncoveredQuantity(InvalidInput):
    """The quantity {quantity} is past the last tier, which ends at {covered}."""

    code = "uncovered_quantity"


class AmountTooLarge(InvalidInput):
    """{amount} {currency} is more than an amount of money may be: 18 digits before the point."""

    code = "amount_too_large"


class UnreadableShape(Broken):
    """Price terms that were accepted before cannot be read."""

    code = "price_shape_unreadable"


class UnexpectedWindows(Broken):
    """Usage came in several quota windows, but its price has only one a billing period."""

    code = "unexpected_quota_windows"
