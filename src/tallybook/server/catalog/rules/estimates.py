"""What a quantity would cost; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tallybook.server.rating.models import RatedUsage
from tallybook.server.rating.rules.minimum import LineAmounts, line_amounts
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.rating.rules.shape import build_shape


@dataclass(frozen=True, slots=True)
class Estimated:
    """Rated usage, and its amounts as an invoice would round them."""

    rated: RatedUsage
    amounts: LineAmounts
    currency: str


def estimate(terms: Mapping[str, Any], quantity: Decimal, currency: str) -> Estimated:
    """Price a quantity, used in one period and one window, on terms by their public names.

    Errors: UnknownCurrency; PriceShapeInvalid, TiersNotContiguous; UncoveredQuantity;
        AmountTooLarge.
    """
    rated = rate_usage(build_shape(**terms), quantity)
    return Estimated(rated, line_amounts(rated, currency=currency), currency)
