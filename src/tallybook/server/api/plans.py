"""Plans and their prices over HTTP."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import (
    KeyTaken,
    MarketNotFound,
    ParentPlanRequired,
    PlanInUse,
    PlanNotFound,
    PlanPriceNotFound,
    PriceExists,
)
from tallybook.server.catalog.models import Audience, PlanCategory, PlanStatus, PlanType
from tallybook.server.catalog.views import plan_to_wire, price_to_wire
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.wire import plans as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, Write
from .listing import page_of
from .pages import Paging, page_request
from .problems import responses

router = APIRouter(prefix="/plans", tags=["plans"], route_class=StrictRoute)
SORTS = ("created_at", "name", "key")
_ENUMS: Final = {
    "target_audience": Audience,
    "category": PlanCategory,
    "plan_type": PlanType,
    "billing_period": BillingPeriod,
    "status": PlanStatus,
}


def _fields(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave, as the catalog's facts."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    for name, kind in _ENUMS.items():
        if fields.get(name) is not None:
            fields[name] = kind(fields[name])
    if "features" in fields:
        fields["features"] = tuple(dict.fromkeys(fields["features"]))
    return fields


@router.post(
    "",
    response_model=wire.Plan,
    status_code=201,
    responses=responses(KeyTaken, PlanNotFound, ParentPlanRequired),
    operation_id="plans.create",
)
def create_plan(body: wire.PlanCreate, write: Write) -> Response:
    """Create a plan; prices come next."""

    def work(tx: Tx) -> wire.Plan:
        return plan_to_wire(catalog.create_plan(tx, write.space, _fields(body), at=write.now))

    return write(work, status=201)


@router.get("", response_model=Page[wire.Plan], operation_id="plans.list")
def list_plans(
    read: Read,
    paging: Paging,
    status: wire.PlanStatus | None = None,
    plan_type: wire.PlanType | None = None,
    search: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List plans; `search` looks in name and key. Archived ones only when asked for."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Plan]:
        found = catalog.list_plans(
            tx, read.space, page, status=status, search=search, plan_type=plan_type
        )
        return page_of(read, page, found, plan_to_wire)

    return read(work)


@router.get(
    "/{plan}",
    response_model=wire.Plan,
    responses=responses(PlanNotFound),
    operation_id="plans.get",
)
def get_plan(plan: str, read: Read) -> Response:
    """Return the plan of an id or key."""
    return read(lambda tx: plan_to_wire(catalog.get_plan(tx, read.space, plan)))


@router.patch(
    "/{plan}",
    response_model=wire.Plan,
    responses=responses(PlanNotFound, KeyTaken, ParentPlanRequired),
    operation_id="plans.update",
)
def update_plan(plan: str, body: wire.PlanUpdate, write: Write) -> Response:
    """Change the given fields, which makes the next version; live subscriptions keep theirs."""

    def work(tx: Tx) -> wire.Plan:
        after = catalog.update_plan(tx, write.space, plan, _fields(body), at=write.now)
        return plan_to_wire(after)

    return write(work)


@router.delete(
    "/{plan}",
    status_code=204,
    response_model=None,
    responses=responses(PlanNotFound, PlanInUse),
    operation_id="plans.delete",
)
def delete_plan(plan: str, write: Write) -> Response:
    """Archive a plan without live subscriptions and addons."""

    def work(tx: Tx) -> None:
        found = catalog.get_plan(tx, write.space, plan, lock="update")  # nobody signs meanwhile
        in_use = subscriptions.any_live_on_plan(tx, write.space, found.id)
        catalog.archive_plan(tx, write.space, found.id, in_use=in_use, at=write.now)

    return write(work)


@router.post(
    "/{plan}/prices",
    response_model=wire.PlanPrice,
    status_code=201,
    responses=responses(PlanNotFound, MarketNotFound, PlanPriceNotFound, PriceExists),
    operation_id="pricing.add_price_to_plan",
)
def add_price(plan: str, body: wire.PlanPriceCreate, write: Write) -> Response:
    """Price a plan in a market and period; `warnings` say what to look at."""

    def work(tx: Tx) -> wire.PlanPrice:
        price, warnings = catalog.add_price_to_plan(
            tx,
            write.space,
            plan,
            market=body.market,
            base_price=body.base_price,
            billing_period=BillingPeriod(body.billing_period),
            copy_meter_pricing_from=body.copy_meter_pricing_from,
            at=write.now,
        )
        return price_to_wire(price, warnings)

    return write(work, status=201)


@router.get(
    "/{plan}/prices",
    response_model=Page[wire.PlanPrice],
    responses=responses(PlanNotFound),
    operation_id="pricing.list_prices",
)
def list_prices(plan: str, read: Read, paging: Paging) -> Response:
    """List the prices of a plan."""
    page = page_request(read, paging)
    return read(
        lambda tx: page_of(
            read, page, catalog.list_prices(tx, read.space, plan, page), price_to_wire
        )
    )


@router.get(
    "/{plan}/prices/{price_id}",
    response_model=wire.PlanPrice,
    responses=responses(PlanNotFound, PlanPriceNotFound),
    operation_id="pricing.get_price",
)
def get_price(plan: str, price_id: str, read: Read) -> Response:
    """Return a price of a plan."""

    def work(tx: Tx) -> wire.PlanPrice:
        found = catalog.get_plan(tx, read.space, plan)
        return price_to_wire(catalog.get_price(tx, read.space, price_id, plan=found))

    return read(work)


@router.patch(
    "/{plan}/prices/{price_id}",
    response_model=wire.PlanPrice,
    responses=responses(PlanNotFound, PlanPriceNotFound),
    operation_id="pricing.update_price_of_plan",
)
def update_price(plan: str, price_id: str, body: wire.PlanPriceUpdate, write: Write) -> Response:
    """Set the base price for those who subscribe from now on."""

    def work(tx: Tx) -> wire.PlanPrice:
        found = catalog.get_plan(tx, write.space, plan)
        catalog.get_price(tx, write.space, price_id, plan=found)
        return price_to_wire(
            catalog.update_price(
                tx, write.space, price_id, base_price=body.base_price, at=write.now
            )
        )

    return write(work)
