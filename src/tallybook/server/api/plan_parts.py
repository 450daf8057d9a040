"""What a plan has besides its prices, over HTTP: meter prices, their tiers, charges."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import (
    ChargeInvalid,
    ChargeNotFound,
    KeyTaken,
    MeterAlreadyPriced,
    MeterPriceNotFound,
    PlanNotFound,
    TierNotFound,
)
from tallybook.server.catalog.models import ChargeType, Plan, PlanPrice
from tallybook.server.catalog.views import charge_to_wire, meter_price_to_wire, tiers_to_wire
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.rating.errors import PriceShapeInvalid, TiersNotContiguous
from tallybook.server.storage import Tx
from tallybook.wire import plans as wire
from tallybook.wire.base import Page
from tallybook.wire.periods import BillingPeriodInput

from .bodies import StrictRoute
from .calls import Read, Write
from .listing import page_of
from .pages import Paging, page_request
from .problems import responses

router = APIRouter(prefix="/plans/{plan}", tags=["plans"], route_class=StrictRoute)
CHARGE_SORTS = ("created_at", "name", "key")


@router.post(
    "/meter-prices",
    response_model=wire.MeterPrice,
    status_code=201,
    responses=responses(PlanNotFound, MeterNotFound, MeterAlreadyPriced, PriceShapeInvalid),
    operation_id="plans.meter_prices.create",
)
def create_meter_price(plan: str, body: wire.MeterPriceCreate, write: Write) -> Response:
    """Price a meter, or an agent action's meter, in one plan price."""

    def work(tx: Tx) -> wire.MeterPrice:
        edited, price = _plan_price(tx, write, plan, body)
        made = catalog.add_meter_price(
            tx,
            write.space,
            edited,
            price,
            body.shape_terms(),
            meter=body.meter,
            agent_action_id=body.agent_action_id,
            metadata=body.metadata,
            at=write.now,
        )
        return meter_price_to_wire(made)

    return write(work, status=201)


def _plan_price(
    tx: Tx, write: Write, ref: str, body: wire.MeterPriceCreate
) -> tuple[Plan, PlanPrice]:
    """Return the plan price that is named; where nothing is, the default, made if need be."""
    space, plan = write.space, catalog.get_plan(tx, write.space, ref, lock="update")
    if body.plan_price_id is not None:
        price = catalog.get_price(
            tx, space, body.plan_price_id, plan=plan, pointer="/plan_price_id"
        )
        return plan, price
    period = None if body.billing_period is None else BillingPeriod(body.billing_period)
    if body.market is None and period is None:
        plan = catalog.ensure_default_price(tx, space, plan, at=write.now)
    return plan, catalog.choose_price(tx, space, plan, market=body.market, billing_period=period)


@router.get(
    "/meter-prices",
    response_model=Page[wire.MeterPrice],
    responses=responses(PlanNotFound),
    operation_id="plans.meter_prices.list",
)
def list_meter_prices(
    plan: str,
    read: Read,
    paging: Paging,
    plan_price_id: Annotated[str | None, Query(max_length=255)] = None,
    market: Annotated[str | None, Query(max_length=255)] = None,
    billing_period: BillingPeriodInput | None = None,
) -> Response:
    """List how a plan's meters are priced, in all its prices or in one."""
    page = page_request(read, paging)

    def work(tx: Tx) -> Page[wire.MeterPrice]:
        found, price_id = catalog.get_plan(tx, read.space, plan), plan_price_id
        if market is not None or billing_period is not None:
            period = None if billing_period is None else BillingPeriod(billing_period)
            price_id = catalog.choose_price(
                tx, read.space, found, market=market, billing_period=period
            ).id
        prices = catalog.list_meter_prices(tx, read.space, found, page, plan_price_id=price_id)
        return page_of(read, page, prices, meter_price_to_wire)

    return read(work)


@router.get(
    "/meter-prices/{meter_price_id}",
    response_model=wire.MeterPrice,
    responses=responses(MeterPriceNotFound),
    operation_id="plans.meter_prices.get",
)
def get_meter_price(plan: str, meter_price_id: str, read: Read) -> Response:
    """Return how a meter is priced."""
    return read(
        lambda tx: meter_price_to_wire(
            catalog.get_meter_price(tx, read.space, plan, meter_price_id)
        )
    )


@router.patch(
    "/meter-prices/{meter_price_id}",
    response_model=wire.MeterPrice,
    responses=responses(MeterPriceNotFound, PriceShapeInvalid, TiersNotContiguous),
    operation_id="plans.meter_prices.update",
)
def update_meter_price(
    plan: str, meter_price_id: str, body: wire.MeterPriceUpdate, write: Write
) -> Response:
    """Change the given terms for those who subscribe from now on; `tiers` replace all tiers."""

    def work(tx: Tx) -> wire.MeterPrice:
        after = catalog.update_meter_price(
            tx,
            write.space,
            plan,
            meter_price_id,
            body.shape_terms(),
            metadata=body.metadata if "metadata" in body.model_fields_set else None,
            at=write.now,
        )
        return meter_price_to_wire(after)

    return write(work)


@router.delete(
    "/meter-prices/{meter_price_id}",
    status_code=204,
    response_model=None,
    responses=responses(MeterPriceNotFound),
    operation_id="plans.meter_prices.delete",
)
def delete_meter_price(plan: str, meter_price_id: str, write: Write) -> Response:
    """Take a meter out of a plan price, for those who subscribe from now on."""

    def work(tx: Tx) -> None:
        catalog.remove_meter_price(tx, write.space, plan, meter_price_id, at=write.now)

    return write(work)


@router.post(
    "/meter-prices/{meter_price_id}/tiers",
    response_model=wire.PriceTier,
    status_code=201,
    responses=responses(MeterPriceNotFound, TiersNotContiguous),
    operation_id="plans.meter_prices.tiers.create",
)
def create_tier(plan: str, meter_price_id: str, body: wire.TierCreate, write: Write) -> Response:
    """Add a tier; the tiers must be contiguous after it, which `rejoin` sees to."""

    def work(tx: Tx) -> wire.PriceTier:
        price, tier_id = catalog.add_tier(
            tx,
            write.space,
            plan,
            meter_price_id,
            order=body.order,
            start_unit=body.start_unit,
            end_unit=body.end_unit,
            unit_price=body.unit_price,
            flat_fee=body.flat_fee,
            rejoin=body.rejoin,
            at=write.now,
        )
        return next(tier for tier in tiers_to_wire(price) if tier.id == tier_id)

    return write(work, status=201)


@router.patch(
    "/meter-prices/{meter_price_id}/tiers/{tier_id}",
    response_model=wire.PriceTier,
    responses=responses(TierNotFound, TiersNotContiguous),
    operation_id="plans.meter_prices.tiers.update",
)
def update_tier(
    plan: str, meter_price_id: str, tier_id: str, body: wire.TierUpdate, write: Write
) -> Response:
    """Change a tier; the tiers must be contiguous after it, which `rejoin` sees to."""
    changes = {name: getattr(body, name) for name in body.model_fields_set - {"rejoin"}}

    def work(tx: Tx) -> wire.PriceTier:
        price = catalog.update_tier(
            tx,
            write.space,
            plan,
            meter_price_id,
            tier_id,
            changes,
            rejoin=body.rejoin,
            at=write.now,
        )
        return next(tier for tier in tiers_to_wire(price) if tier.id == tier_id)

    return write(work)


@router.delete(
    "/meter-prices/{meter_price_id}/tiers/{tier_id}",
    status_code=204,
    response_model=None,
    responses=responses(TierNotFound, TiersNotContiguous),
    operation_id="plans.meter_prices.tiers.delete",
)
def delete_tier(
    plan: str, meter_price_id: str, tier_id: str, write: Write, rejoin: bool = False
) -> Response:
    """Remove a tier; with `rejoin` a neighbour takes over its units."""

    def work(tx: Tx) -> None:
        catalog.remove_tier(
            tx, write.space, plan, meter_price_id, tier_id, rejoin=rejoin, at=write.now
        )

    return write(work)


def _charge_fields(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave, as the catalog's facts."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "charge_type" in fields:
        fields["charge_type"] = ChargeType(fields["charge_type"])
    if fields.get("billing_period") is not None:
        fields["billing_period"] = BillingPeriod(fields["billing_period"])
    return fields


@router.post(
    "/charges",
    response_model=wire.PlanCharge,
    status_code=201,
    responses=responses(PlanNotFound, KeyTaken, ChargeInvalid),
    operation_id="plans.charges.create",
)
def create_charge(plan: str, body: wire.PlanChargeCreate, write: Write) -> Response:
    """Add a fee to a plan, for those who subscribe from now on."""

    def work(tx: Tx) -> wire.PlanCharge:
        charge = catalog.add_charge(tx, write.space, plan, _charge_fields(body), at=write.now)
        edited = catalog.get_plan(tx, write.space, plan)
        currency = catalog.default_currency(tx, write.space, edited)
        return charge_to_wire(charge, default_currency=currency)

    return write(work, status=201)


@router.get(
    "/charges",
    response_model=Page[wire.PlanCharge],
    responses=responses(PlanNotFound),
    operation_id="plans.charges.list",
)
def list_charges(
    plan: str,
    read: Read,
    paging: Paging,
    market: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List a plan's fees; with `market`, those without a market and that market's own."""
    page = page_request(read, paging, CHARGE_SORTS)

    def work(tx: Tx) -> Page[wire.PlanCharge]:
        found = catalog.list_charges(tx, read.space, plan, page, market=market)
        currency = catalog.default_currency(tx, read.space, catalog.get_plan(tx, read.space, plan))
        return page_of(
            read, page, found, lambda charge: charge_to_wire(charge, default_currency=currency)
        )

    return read(work)


@router.get(
    "/charges/{charge_id}",
    response_model=wire.PlanCharge,
    responses=responses(ChargeNotFound),
    operation_id="plans.charges.get",
)
def get_charge(plan: str, charge_id: str, read: Read) -> Response:
    """Return a fee of a plan."""

    def work(tx: Tx) -> wire.PlanCharge:
        charge = catalog.get_charge(tx, read.space, plan, charge_id)
        currency = catalog.default_currency(tx, read.space, catalog.get_plan(tx, read.space, plan))
        return charge_to_wire(charge, default_currency=currency)

    return read(work)


@router.patch(
    "/charges/{charge_id}",
    response_model=wire.PlanCharge,
    responses=responses(ChargeNotFound, KeyTaken, ChargeInvalid),
    operation_id="plans.charges.update",
)
def update_charge(plan: str, charge_id: str, body: wire.PlanChargeUpdate, write: Write) -> Response:
    """Change the given fields, for those who subscribe from now on."""

    def work(tx: Tx) -> wire.PlanCharge:
        fields = _charge_fields(body)
        charge = catalog.update_charge(tx, write.space, plan, charge_id, fields, at=write.now)
        edited = catalog.get_plan(tx, write.space, plan)
        currency = catalog.default_currency(tx, write.space, edited)
        return charge_to_wire(charge, default_currency=currency)

    return write(work)


@router.delete(
    "/charges/{charge_id}",
    status_code=204,
    response_model=None,
    responses=responses(ChargeNotFound),
    operation_id="plans.charges.delete",
)
def delete_charge(plan: str, charge_id: str, write: Write) -> Response:
    """Take a fee out of a plan, for those who subscribe from now on."""

    def work(tx: Tx) -> None:
        catalog.remove_charge(tx, write.space, plan, charge_id, at=write.now)

    return write(work)
