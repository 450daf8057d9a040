"""From usage to a charge, in one order: convert → included units → price → minimum."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.rating.errors import UnexpectedWindows, UnreadableShape
from tallybook.server.rating.models import (
    RECURRING_WINDOWS,
    PriceShape,
    PricingModel,
    RatedSlice,
    RatedUsage,
    WindowUsage,
)

from .flat import rate_flat
from .graduated import rate_graduated
from .included import split_units
from .minimum import minimum_of, true_up_of
from .package import rate_package
from .per_unit import rate_per_unit
from .percentage import rate_percentage
from .quantity import check_quantity
from .volume import rate_volume

WHOLE_PERIOD: Final = Fraction(1)


def rate_usage(
    shape: PriceShape,
    usage: Decimal | Sequence[WindowUsage],
    *,
    part_of_period: Fraction = WHOLE_PERIOD,
) -> RatedUsage:
    """Price a period's usage of one meter. Nothing is rounded here.

    Give one quantity, or the usage by quota window; no window at all is no usage.
    `part_of_period` prorates the minimum commitment and nothing else.

    Units: quantities in metered units; amounts in major currency units.
    Holds: amount is the sum of the slices; quantity = included + billable + uncharged units.
    Errors: InvalidQuantity; UncoveredQuantity; UnexpectedWindows (several windows on a price
        that has one a period: granting the included units twice would be our fault).
    Source: semantics, choices 1 to 4 and 16; docs/pricing.md; cases in tests/rating/cases.json.
    """
    windows = read_windows(shape, usage)
    units = split_units(shape, windows)
    slices = price_units(shape, units.billable)
    amount = ZERO
    for piece in slices:
        amount = EXACT.add(amount, piece.amount)
    minimum = minimum_of(shape, part_of_period=part_of_period)
    return RatedUsage(
        quantity=units.quantity,
        included_units_used=units.included,
        billable_units=units.billable,
        uncharged_units=units.uncharged,
        slices=tuple(slices),
        amount=amount,
        minimum=minimum,
        true_up=true_up_of(minimum, charge=amount),
    )


def read_windows(
    shape: PriceShape, usage: Decimal | Sequence[WindowUsage]
) -> Sequence[WindowUsage]:
    """Return the usage by quota window, each figure checked.

    Errors: InvalidQuantity; UnexpectedWindows.
    """
    windows = [WindowUsage(usage)] if isinstance(usage, Decimal) else usage
    if len(windows) > 1 and shape.event_quota_window not in RECURRING_WINDOWS:
        raise UnexpectedWindows(windows=len(windows), event_quota_window=shape.event_quota_window)
    for window in windows:
        check_quantity(window.quantity)
        check_quantity(window.used_before)
        check_quantity(
            shape.included_units if window.included_units is None else window.included_units
        )
    return windows


def price_units(shape: PriceShape, units: Decimal) -> list[RatedSlice]:
    """Price billable units by the shape's model.

    Errors: InvalidQuantity; UncoveredQuantity.
    """
    at_zero = shape.flat_fee_at_zero
    match shape.pricing_model:
        case PricingModel.PER_UNIT:
            return rate_per_unit(units, unit_price=_term(shape, "unit_price"))
        case PricingModel.GRADUATED:
            return rate_graduated(units, shape.tiers, flat_fee_at_zero=at_zero)
        case PricingModel.VOLUME:
            return rate_volume(units, shape.tiers, flat_fee_at_zero=at_zero)
        case PricingModel.PACKAGE:
            return rate_package(
                units,
                package_size=_term(shape, "package_size"),
                package_price=_term(shape, "package_price"),
            )
        case PricingModel.FLAT:
            return rate_flat(units, flat_fee=_term(shape, "flat_fee"), flat_fee_at_zero=at_zero)
        case PricingModel.PERCENTAGE:
            return rate_percentage(units, rate=_term(shape, "rate"))


def _term(shape: PriceShape, name: str) -> Decimal:
    value = getattr(shape, name)
    if not isinstance(value, Decimal):
        raise UnreadableShape(pricing_model=shape.pricing_model, missing=name)
    return value
