"""The terms of a subscription: copied from a plan, then changed by a contract."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NoReturn

from tallybook.server.catalog.models import (
    ChargeTerms,
    MeterOverride,
    MeterPrice,
    MeterTerms,
    Plan,
    PlanCharge,
    PlanPrice,
    Terms,
    TermsSource,
)
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.metering.models import Meter
from tallybook.server.rating.rules.shape import build_shape, revise_shape

from .charges import belongs_to, check_period
from .meter_prices import check_meter_priced


def terms_of(
    plan: Plan,
    price: PlanPrice,
    meter_prices: Sequence[MeterPrice],
    charges: Sequence[PlanCharge],
    *,
    default_currency: str,
) -> Terms:
    """Return what a subscriber to this plan price signs.

    Holds: later edits of the plan do not change what is returned.
    Errors: ChargePeriodTooShort.
    """
    mine = [c for c in charges if belongs_to(c, price, default_currency=default_currency)]
    for charge in mine:
        check_period(charge, price.billing_period)
    return Terms(
        plan_id=plan.id,
        plan_key=plan.key,
        plan_name=plan.name,
        plan_version_id=plan.version_id,
        plan_version=plan.version,
        parent_plan_id=plan.parent_plan_id,
        category=plan.category,
        market_id=price.market_id,
        market_key=price.market_key,
        plan_price_id=price.id,
        currency=price.currency,
        billing_period=price.billing_period,
        base_price=price.base_price,
        features=plan.features,
        trial_days=(plan.trial_days or 0) if plan.trial_available else 0,
        meters=tuple(_meter_terms(meter_price) for meter_price in meter_prices),
        charges=tuple(_charge_terms(charge) for charge in mine),
    )


def apply_overrides(
    terms: Terms,
    *,
    base_price: Decimal | None = None,
    meter_overrides: Sequence[MeterOverride] = (),
    meters: Mapping[str, Meter],
    pointer: str = "/meter_overrides",
) -> Terms:
    """Return the terms with what a contract negotiated; each value says where it is from.

    `meters` holds the meters under the refs that the overrides use. An override changes the
    plan's price of a meter, or prices a meter that the plan does not.
    Errors: InvalidInput (unknown meter, or one named twice); MeterDoesNotFit;
        PriceShapeInvalid, TiersNotContiguous.
    """
    priced = {meter.meter_id: meter for meter in terms.meters}
    seen: set[str] = set()
    for position, override in enumerate(meter_overrides):
        at = f"{pointer}/{position}"
        meter = meters.get(override.meter)
        if meter is None:
            _refuse(f"{at}/meter", "meter_not_found", f"there is no meter {override.meter}")
        if meter.id in seen:
            _refuse(f"{at}/meter", "duplicate", "is overridden twice")
        seen.add(meter.id)
        priced[meter.id] = _overridden(priced.get(meter.id), meter, override, at)
    negotiated = (
        terms
        if base_price is None
        else replace(terms, base_price=base_price, base_price_source=TermsSource.CONTRACT)
    )
    return replace(negotiated, meters=tuple(priced.values()))


def _overridden(
    before: MeterTerms | None, meter: Meter, override: MeterOverride, pointer: str
) -> MeterTerms:
    if before is None:
        shape = build_shape(pointer=pointer, **override.changes)
        before = MeterTerms(
            meter_id=meter.id,
            meter_key=meter.key,
            meter_price_id=None,
            agent_action_id=None,
            aggregation=meter.aggregation,
            value_field=meter.value_field,
            unit_label=meter.unit_label,
            shape=shape,
        )
    else:
        shape = revise_shape(before.shape, pointer=pointer, **override.changes)
    check_meter_priced(meter, shape, pointer=pointer)
    return replace(before, shape=shape, source=TermsSource.CONTRACT)


def _meter_terms(price: MeterPrice) -> MeterTerms:
    return MeterTerms(
        meter_id=price.meter.id,
        meter_key=price.meter.key,
        meter_price_id=price.id,
        agent_action_id=price.agent_action_id,
        aggregation=price.meter.aggregation,
        value_field=price.meter.value_field,
        unit_label=price.meter.unit_label,
        shape=price.shape,
    )


def _charge_terms(charge: PlanCharge) -> ChargeTerms:
    meter = charge.meter
    return ChargeTerms(
        id=charge.id,
        key=charge.key,
        name=charge.name,
        charge_type=charge.charge_type,
        amount=charge.amount,
        billing_period=charge.billing_period,
        meter_id=None if meter is None else meter.id,
        meter_key=None if meter is None else meter.key,
        meter_aggregation=None if meter is None else meter.aggregation,
    )


def _refuse(pointer: str, code: str, detail: str) -> NoReturn:
    raise InvalidInput(errors=[FieldError(pointer, code, detail)])
