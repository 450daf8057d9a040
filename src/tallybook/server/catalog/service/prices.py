"""Prices of a plan: one a market and billing period."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from tallybook.server.catalog.errors import PlanPriceNotFound, PriceExists
from tallybook.server.catalog.models import (
    PRICE_PREFIX,
    Market,
    Plan,
    PlanPrice,
    PlanPriceId,
)
from tallybook.server.catalog.rules.prices import choose_price as choose
from tallybook.server.catalog.store import prices as store
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import ZERO
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found
from .markets import ensure_default_market, get_market
from .meter_prices import copy_meter_prices
from .plans import get_plan, new_version

COPIED_ACROSS: Final = "copied_across_currencies"


def add_price_to_plan(
    tx: Tx,
    space: SpaceId,
    plan: str,
    *,
    market: str,
    base_price: Decimal,
    billing_period: BillingPeriod,
    copy_meter_pricing_from: str | None = None,
    at: datetime,
) -> tuple[PlanPrice, list[str]]:
    """Price a plan in a market and period; return the price, and the codes of warnings.

    Meter prices can be copied from another plan price. Numbers are copied as they are, also
    into another currency: then `copied_across_currencies` is among the warnings.
    Errors: PlanNotFound, MarketNotFound, PlanPriceNotFound; PriceExists.
    """
    edited = get_plan(tx, space, plan, lock="update")
    sold_in = get_market(tx, space, market, pointer="/market")
    source = None
    if copy_meter_pricing_from is not None:
        source = get_price(tx, space, copy_meter_pricing_from, pointer="/copy_meter_pricing_from")
    edited, price = _add(tx, space, edited, sold_in, base_price, billing_period, at)
    warnings = []
    if source is not None:
        copy_meter_prices(tx, space, source, price, at=at)
        if source.currency != price.currency:
            warnings.append(COPIED_ACROSS)
    new_version(tx, space, edited, change="price.added", object_id=price.id, at=at)
    return price, warnings


def update_price(
    tx: Tx, space: SpaceId, price_id: str, *, base_price: Decimal, at: datetime
) -> PlanPrice:
    """Set the base price for those who subscribe from now on. Errors: PlanPriceNotFound."""
    plan = get_plan(tx, space, get_price(tx, space, price_id).plan_id, lock="update")
    before = get_price(tx, space, price_id)
    if before.base_price == base_price:
        return before
    after = replace(before, base_price=base_price, updated_at=at)
    store.save_price(tx, space, after)
    new_version(tx, space, plan, change="price.updated", object_id=price_id, at=at)
    return after


def get_price(
    tx: Tx, space: SpaceId, price_id: str, *, plan: Plan | None = None, pointer: str | None = None
) -> PlanPrice:
    """Return a plan price, of that plan if one is given. Errors: PlanPriceNotFound."""
    price = store.find_price(tx, space, price_id)
    if price is None or (plan is not None and price.plan_id != plan.id):
        errors = [FieldError(pointer, "not_found", "no such plan price")] if pointer else []
        raise PlanPriceNotFound(plan_price_id=price_id, errors=errors)
    return price


def list_prices(tx: Tx, space: SpaceId, plan: str, page: PageRequest) -> Found[PlanPrice]:
    """Errors: PlanNotFound."""
    rows = store.page_of_prices(tx, space, get_plan(tx, space, plan).id, page)
    return Found(rows, {row["id"]: store.price_from_row(row) for row in rows.rows})


def choose_price(
    tx: Tx,
    space: SpaceId,
    plan: Plan,
    *,
    market: str | None = None,
    billing_period: BillingPeriod | None = None,
    currency: str | None = None,
) -> PlanPrice:
    """Return the price that fits what is named. Errors: MarketNotFound; PriceNotConfigured."""
    market_id = None if market is None else get_market(tx, space, market, pointer="/market").id
    return choose(
        plan,
        store.list_prices(tx, space, plan.id),
        market_id=market_id,
        billing_period=billing_period,
        currency=currency,
    )


def ensure_default_price(tx: Tx, space: SpaceId, plan: Plan, *, at: datetime) -> Plan:
    """Give a plan without any price its default one: base 0, the plan's period and currency.

    The caller holds the plan's lock. Source: docs/catalog.md#default-price.
    """
    if plan.default_price_id is not None:
        return plan
    market = ensure_default_market(tx, space, plan.currency, at=at)
    edited, price = _add(tx, space, plan, market, ZERO, plan.billing_period, at)
    return new_version(tx, space, edited, change="price.added", object_id=price.id, at=at)


def default_currency(tx: Tx, space: SpaceId, plan: Plan) -> str:
    """Return the currency in which charges without a market are meant."""
    if plan.default_price_id is None:
        return plan.currency
    return get_price(tx, space, plan.default_price_id).currency


def _add(
    tx: Tx,
    space: SpaceId,
    plan: Plan,
    market: Market,
    base_price: Decimal,
    period: BillingPeriod,
    at: datetime,
) -> tuple[Plan, PlanPrice]:
    """Store a price; a plan's first one is its default, which is left to the caller to store."""
    price = PlanPrice(
        id=PlanPriceId(new_id(PRICE_PREFIX)),
        plan_id=plan.id,
        market_id=market.id,
        market_key=market.key,
        currency=market.currency,
        base_price=base_price,
        billing_period=period,
        created_at=at,
        updated_at=at,
    )
    if not store.add_price(tx, space, price):
        raise PriceExists(plan=plan.key, market=market.key, billing_period=period.value)
    first = plan.default_price_id is None
    return (replace(plan, default_price_id=price.id) if first else plan), price
