"""What a quantity costs, worked out once more and differently: closed forms on fractions."""

import math
from decimal import Decimal
from fractions import Fraction

from tallybook.server.rating.models import Overage, PriceShape, PricingModel, Tier


def expected_amount(shape: PriceShape, quantity: Decimal) -> Fraction:
    over = max(Fraction(0), Fraction(quantity) - Fraction(shape.included_units))
    units = over if shape.overage is Overage.BILL else Fraction(0)
    fee_due = shape.flat_fee_at_zero or units > 0
    match shape.pricing_model:
        case PricingModel.PER_UNIT:
            return units * Fraction(shape.unit_price or 0)
        case PricingModel.PERCENTAGE:
            return units * Fraction(shape.rate or 0)
        case PricingModel.FLAT:
            return Fraction(shape.flat_fee or 0) if fee_due else Fraction(0)
        case PricingModel.PACKAGE:
            packages = math.ceil(units / Fraction(shape.package_size or 1))
            return packages * Fraction(shape.package_price or 0)
        case PricingModel.GRADUATED:
            return expected_graduated(units, shape.tiers) if fee_due else Fraction(0)
        case PricingModel.VOLUME:
            return expected_volume(units, shape.tiers) if fee_due else Fraction(0)


def expected_graduated(units: Fraction, tiers: tuple[Tier, ...]) -> Fraction:
    """Each tier lowers or raises the price of what lies past its start."""
    total = Fraction(tiers[0].flat_fee)
    price = Fraction(0)
    start = Fraction(0)
    for tier in tiers:
        past = max(Fraction(0), units - start)
        total += past * (Fraction(tier.unit_price) - price)
        if start and past:
            total += Fraction(tier.flat_fee)
        price = Fraction(tier.unit_price)
        start = Fraction(tier.up_to) if tier.up_to is not None else start
    return total


def expected_volume(units: Fraction, tiers: tuple[Tier, ...]) -> Fraction:
    reached = next(t for t in tiers if t.up_to is None or units <= Fraction(t.up_to))
    return units * Fraction(reached.unit_price) + Fraction(reached.flat_fee)
