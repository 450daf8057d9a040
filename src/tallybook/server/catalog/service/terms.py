"""What a subscription signs."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog.models import MeterOverride, Plan, Terms
from tallybook.server.catalog.rules.plans import check_active
from tallybook.server.catalog.rules.terms import apply_overrides, terms_of
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering import meters
from tallybook.server.storage import Tx

from .charges import charges_of
from .meter_prices import meter_prices_of
from .plans import get_plan
from .prices import choose_price, default_currency, ensure_default_price, get_price


def sign_terms(
    tx: Tx,
    space: SpaceId,
    plan: str,
    *,
    market: str | None = None,
    billing_period: BillingPeriod | None = None,
    currency: str | None = None,
    at: datetime,
) -> Terms:
    """Return a copy of what the plan costs now, to be pinned; later edits do not reach it.

    Nothing named gives the default price, which a plan without any gets here. No edit of the
    plan comes between until the commit.
    Errors: PlanNotFound, MarketNotFound; PlanNotActive; PriceNotConfigured;
        ChargePeriodTooShort.
    """
    signed = get_plan(tx, space, plan, lock="share")
    check_active(signed)
    if market is None and billing_period is None and currency in (None, signed.currency):
        signed = _with_default_price(tx, space, signed, at)
    price = choose_price(
        tx, space, signed, market=market, billing_period=billing_period, currency=currency
    )
    return terms_of(
        signed,
        price,
        meter_prices_of(tx, space, price),
        charges_of(tx, space, signed),
        default_currency=default_currency(tx, space, signed),
    )


def offered_terms(
    tx: Tx,
    space: SpaceId,
    plan: str,
    *,
    plan_price_id: str | None = None,
    market: str | None = None,
    billing_period: BillingPeriod | None = None,
) -> Terms:
    """Return what a plan would cost, whatever its status: nobody signs it. Nothing is written.

    A price stands for its plan, too.
    Errors: PlanNotFound; PlanPriceNotFound; MarketNotFound; PriceNotConfigured.
    """
    if plan.startswith("prc_"):
        price = get_price(tx, space, plan)
        found = get_plan(tx, space, price.plan_id)
    else:
        found = get_plan(tx, space, plan)
    if plan_price_id is not None or plan.startswith("prc_"):
        price = get_price(tx, space, plan_price_id or plan, plan=found, pointer="/plan_price_id")
    else:
        price = choose_price(tx, space, found, market=market, billing_period=billing_period)
    return terms_of(
        found,
        price,
        meter_prices_of(tx, space, price),
        charges_of(tx, space, found),
        default_currency=default_currency(tx, space, found),
    )


def override_terms(
    tx: Tx,
    space: SpaceId,
    terms: Terms,
    *,
    base_price: Decimal | None = None,
    meter_overrides: Sequence[MeterOverride] = (),
    pointer: str = "/meter_overrides",
) -> Terms:
    """Return the terms with what a contract negotiated.

    Errors: InvalidInput (unknown meter, with its pointer); MeterDoesNotFit;
        PriceShapeInvalid, TiersNotContiguous.
    """
    named = meters.find_meters(tx, space, {override.meter for override in meter_overrides})
    return apply_overrides(
        terms,
        base_price=base_price,
        meter_overrides=meter_overrides,
        meters=named,
        pointer=pointer,
    )


def _with_default_price(tx: Tx, space: SpaceId, plan: Plan, at: datetime) -> Plan:
    if plan.default_price_id is not None:
        return plan
    return ensure_default_price(tx, space, get_plan(tx, space, plan.id, lock="update"), at=at)
