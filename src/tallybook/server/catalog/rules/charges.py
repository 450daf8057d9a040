"""Which charges fit together, and which prices they belong to."""

from typing import Final

from tallybook.server.catalog.errors import ChargeInvalid, ChargePeriodTooShort
from tallybook.server.catalog.models import ChargeType, PlanCharge, PlanPrice
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.models import MeterKind

_LENGTH: Final = {period: rank for rank, period in enumerate(BillingPeriod)}  # the shortest first


def check_charge(charge: PlanCharge) -> None:
    """Raise ChargeInvalid unless the charge's fields fit together.

    Source: semantics, choice 32; docs/catalog.md#charges.
    """
    meter, kind = charge.meter, charge.charge_type
    if not kind.is_metered:
        if meter is not None:
            _refuse("meter", f"a {kind} charge has no meter")
    elif meter is None:
        _refuse("meter", f"a {kind} charge needs a meter")
    elif meter.kind is not MeterKind.BILLABLE:
        _refuse("meter", "a cost meter is never charged for")
    elif kind is ChargeType.SEAT_BASED and not meter.aggregation.is_level:
        _refuse("meter", "seats are counted by a max or latest meter")


def belongs_to(charge: PlanCharge, price: PlanPrice, *, default_currency: str) -> bool:
    """Tell whether a charge is part of a plan price.

    A charge of a market belongs to that market's prices; one without to all prices in the
    currency of the plan's default price: numbers are never moved to another currency.
    """
    if charge.market_id is not None:
        return charge.market_id == price.market_id
    return price.currency == default_currency


def check_period(charge: PlanCharge, billing_period: BillingPeriod) -> None:
    """Raise ChargePeriodTooShort for a charge that recurs more often than its price."""
    if not fits_period(charge, billing_period):
        assert charge.billing_period is not None
        raise ChargePeriodTooShort(
            charge=charge.key,
            charge_period=charge.billing_period.value,
            billing_period=billing_period.value,
            errors=[FieldError("/billing_period", "too_short", "shorter than the price's")],
        )


def fits_period(charge: PlanCharge, billing_period: BillingPeriod) -> bool:
    if charge.charge_type is not ChargeType.RECURRING or charge.billing_period is None:
        return True
    return _LENGTH[charge.billing_period] >= _LENGTH[billing_period]


def _refuse(name: str, detail: str) -> None:
    raise ChargeInvalid(errors=[FieldError(f"/{name}", "does_not_fit", detail)])
