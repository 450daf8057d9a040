"""Plans as they are sold in a market and period: ready for a checkout."""

from dataclasses import dataclass
from typing import Final

from tallybook.server.catalog.models import Market, Plan, PlanOffer, PlanPrice
from tallybook.server.catalog.rules.charges import belongs_to, fits_period
from tallybook.server.catalog.store import plans as plan_store
from tallybook.server.catalog.store import prices as price_store
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows

from .charges import charges_of
from .markets import get_market
from .meter_prices import meter_prices_of
from .plans import get_plan
from .prices import default_currency

NOT_PRICED: Final = "price_not_configured"
CHARGE_TOO_SHORT: Final = "charge_period_too_short"
UNAVAILABLE_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A plan that cannot be had as asked, and why."""

    plan: Plan
    reason: str


@dataclass(frozen=True, slots=True)
class Offers:
    """A page of plans that can be had; `unavailable` names the active ones that cannot."""

    rows: Rows
    offers: dict[str, PlanOffer]
    unavailable: list[Unavailable]


def get_offer(
    tx: Tx,
    space: SpaceId,
    plan: str,
    *,
    market: str,
    billing_period: BillingPeriod | None = None,
) -> PlanOffer:
    """Return a plan as one market sells it; its price only where the period is chosen, too.

    Errors: PlanNotFound; MarketNotFound.
    """
    wanted = get_plan(tx, space, plan)
    return _offer(tx, space, wanted, get_market(tx, space, market), billing_period)


def list_offers(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    market: str,
    billing_period: BillingPeriod | None = None,
) -> Offers:
    """Return the active plans that can be had in a market, and name those that cannot.

    Errors: MarketNotFound.
    """
    sold_in = get_market(tx, space, market)
    where, period = sold_in.id, billing_period
    rows = plan_store.page_of_offered(tx, space, page, market_id=where, period=period)
    missing = plan_store.list_not_offered(
        tx, space, market_id=where, period=period, limit=UNAVAILABLE_MAX
    )
    unavailable = [Unavailable(plan, NOT_PRICED) for plan in missing]
    offers = {}
    for row in rows.rows:
        plan = plan_store.plan_from_row(row)
        offer = _offer(tx, space, plan, sold_in, billing_period)
        if period is None or all(fits_period(charge, period) for charge in offer.charges):
            offers[str(plan.id)] = offer
        else:
            unavailable.append(Unavailable(plan, CHARGE_TOO_SHORT))
    kept = [row for row in rows.rows if row["id"] in offers]
    return Offers(Rows(kept, rows.last, rows.total), offers, unavailable)


def _offer(
    tx: Tx, space: SpaceId, plan: Plan, market: Market, period: BillingPeriod | None
) -> PlanOffer:
    prices = [p for p in price_store.list_prices(tx, space, plan.id) if p.market_id == market.id]
    price = next((p for p in prices if p.billing_period == period), None)
    anywhere: PlanPrice | None = price or (prices[0] if prices else None)
    currency = default_currency(tx, space, plan)
    charges = () if anywhere is None else charges_of(tx, space, plan)
    return PlanOffer(
        plan=plan,
        price=price,
        meter_prices=() if price is None else meter_prices_of(tx, space, price),
        charges=tuple(
            charge
            for charge in charges
            if anywhere is not None and belongs_to(charge, anywhere, default_currency=currency)
        ),
        default_currency=currency,
    )
