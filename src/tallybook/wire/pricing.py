"""Plans as they are sold in a market: ready for a checkout."""

from pydantic import Field

from .base import Page, Response
from .plans import MeterPrice, Plan, PlanCharge, PlanPrice


class PlanCatalog(Response):
    """A plan in one market. Without a price: no period was chosen, or none is configured."""

    plan: Plan
    market_price: PlanPrice | None = None
    meter_prices: list[MeterPrice] = Field(default_factory=list)
    charges: list[PlanCharge] = Field(default_factory=list)


class UnavailablePlan(Response):
    """An active plan that cannot be had as asked."""

    plan: Plan
    reason: str
    """`price_not_configured`, or `charge_period_too_short`: a charge recurs more often."""


class PlanCatalogPage(Page[PlanCatalog]):
    """Plans that can be had, and those that cannot."""

    unavailable: list[UnavailablePlan] = Field(default_factory=list)
