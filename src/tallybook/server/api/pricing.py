"""Prices over HTTP: catalogs for a checkout, and estimates."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import MarketNotFound, PlanNotFound, PlanPriceNotFound
from tallybook.server.catalog.views import (
    estimate_to_wire,
    offer_to_wire,
    plan_to_wire,
    price_to_wire,
)
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.rating.errors import (
    PriceShapeInvalid,
    TiersNotContiguous,
    UncoveredQuantity,
)
from tallybook.server.storage import Tx
from tallybook.wire import pricing as wire
from tallybook.wire.base import Page
from tallybook.wire.periods import BillingPeriodInput
from tallybook.wire.plans import PlanPrice, PlanPriceUpdate
from tallybook.wire.prices import Estimate, EstimateRequest

from .bodies import StrictRoute
from .calls import Read, Write
from .pages import Paging, page_request, to_page
from .problems import responses

router = APIRouter(tags=["pricing"], route_class=StrictRoute)
MarketRef = Annotated[str, Query(min_length=1, max_length=255)]


@router.get(
    "/plans/{plan}/catalog",
    response_model=wire.PlanCatalog,
    responses=responses(PlanNotFound, MarketNotFound),
    operation_id="pricing.get_plan_catalog",
)
def get_plan_catalog(
    plan: str, read: Read, market: MarketRef, billing_period: BillingPeriodInput | None = None
) -> Response:
    """Return a plan as one market sells it; its price where the period is chosen, too."""
    period = None if billing_period is None else BillingPeriod(billing_period)
    return read(
        lambda tx: offer_to_wire(
            catalog.get_offer(tx, read.space, plan, market=market, billing_period=period)
        )
    )


@router.get(
    "/plan-catalogs",
    response_model=wire.PlanCatalogPage,
    responses=responses(MarketNotFound),
    operation_id="pricing.list_plan_catalogs",
)
def list_plan_catalogs(
    read: Read,
    paging: Paging,
    market: MarketRef,
    billing_period: BillingPeriodInput | None = None,
) -> Response:
    """List the active plans that a market sells; `unavailable` names those that it does not."""
    page = page_request(read, paging, ("created_at", "name", "key"))
    period = None if billing_period is None else BillingPeriod(billing_period)

    def work(tx: Tx) -> wire.PlanCatalogPage:
        found = catalog.list_offers(tx, read.space, page, market=market, billing_period=period)
        offered: Page[wire.PlanCatalog] = to_page(
            read, page, found.rows, lambda row: offer_to_wire(found.offers[row["id"]])
        )
        unavailable = [
            wire.UnavailablePlan(plan=plan_to_wire(item.plan), reason=item.reason)
            for item in found.unavailable
        ]
        return wire.PlanCatalogPage(**dict(offered), unavailable=unavailable)

    return read(work)


@router.patch(
    "/plan-prices/{price_id}",
    response_model=PlanPrice,
    responses=responses(PlanPriceNotFound),
    operation_id="pricing.update_price",
)
def update_price(price_id: str, body: PlanPriceUpdate, write: Write) -> Response:
    """Set a base price for those who subscribe from now on."""

    def work(tx: Tx) -> PlanPrice:
        return price_to_wire(
            catalog.update_price(
                tx, write.space, price_id, base_price=body.base_price, at=write.now
            )
        )

    return write(work)


@router.post(
    "/pricing/estimate",
    response_model=Estimate,
    responses=responses(PriceShapeInvalid, TiersNotContiguous, UncoveredQuantity),
    operation_id="pricing.estimate",
)
def estimate(body: EstimateRequest, read: Read) -> Response:
    """Price a quantity on terms given here; nothing is stored. A key that reads is enough."""
    terms = body.shape_terms()
    return read(lambda _: estimate_to_wire(catalog.estimate(terms, body.quantity, body.currency)))
