"""Which price of a plan is meant."""

from collections.abc import Sequence

from tallybook.server.catalog.errors import PriceNotConfigured
from tallybook.server.catalog.models import GLOBAL_MARKET, Plan, PlanPrice
from tallybook.server.kernel.periods import BillingPeriod


def choose_price(
    plan: Plan,
    prices: Sequence[PlanPrice],
    *,
    market_id: str | None = None,
    billing_period: BillingPeriod | None = None,
    currency: str | None = None,
) -> PlanPrice:
    """Return the price that fits what was named, the plan's default where nothing was.

    Of several that fit: the default one, then one in the plan's own period, then the oldest.
    Errors: PriceNotConfigured.
    """
    fitting = [
        price
        for price in prices
        if market_id in (None, price.market_id)
        and billing_period in (None, price.billing_period)
        and currency in (None, price.currency)
    ]
    if not fitting:
        named = (market_id, billing_period, currency)
        asked = ", ".join(str(name) for name in named if name is not None)
        raise PriceNotConfigured(plan=plan.key, plan_id=plan.id, asked=asked or "its default")
    return min(fitting, key=lambda price: _rank(plan, price))


def _rank(plan: Plan, price: PlanPrice) -> tuple[bool, bool]:
    return (price.id != plan.default_price_id, price.billing_period != plan.billing_period)


def default_market_key(plan_currency: str, global_currency: str) -> str:
    """Return the market in which a plan without any price gets its default one.

    Source: docs/catalog.md#default-price.
    """
    if plan_currency == global_currency:
        return GLOBAL_MARKET
    return f"{GLOBAL_MARKET}-{plan_currency.lower()}"
