"""How the meters are priced in a plan price."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import (
    AgentActionNotFound,
    MeterAlreadyPriced,
    MeterPriceNotFound,
)
from tallybook.server.catalog.models import (
    METER_PRICE_PREFIX,
    TIER_PREFIX,
    MeterPrice,
    MeterPriceId,
    Plan,
    PlanPrice,
    TierRow,
)
from tallybook.server.catalog.rules.meter_prices import check_meter_priced
from tallybook.server.catalog.rules.plans import merge_metadata
from tallybook.server.catalog.store import agents as agent_store
from tallybook.server.catalog.store import prices as store
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.metering.models import Meter
from tallybook.server.rating.rules.shape import build_shape, revise_shape
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found
from .plans import get_plan, new_version


def add_meter_price(
    tx: Tx,
    space: SpaceId,
    plan: Plan,
    plan_price: PlanPrice,
    terms: Mapping[str, Any],
    *,
    meter: str | None = None,
    agent_action_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> MeterPrice:
    """Price a meter in a plan price: the meter named, else the action's own.

    `terms` are price terms by their public names; the caller holds the plan's lock.
    Errors: MeterNotFound, AgentActionNotFound; MeterAlreadyPriced; MeterDoesNotFit;
        PriceShapeInvalid, TiersNotContiguous.
    """
    priced = _target(tx, space, meter, agent_action_id)
    shape = build_shape(**terms)
    check_meter_priced(priced, shape)
    price = MeterPrice(
        id=MeterPriceId(new_id(METER_PRICE_PREFIX)),
        plan_id=plan.id,
        plan_price_id=plan_price.id,
        market_key=plan_price.market_key,
        billing_period=plan_price.billing_period,
        meter=priced,
        agent_action_id=agent_action_id,
        shape=shape,
        tiers=new_tier_rows(len(shape.tiers), at),
        metadata=dict(metadata or {}),
        created_at=at,
        updated_at=at,
    )
    if not store.add_meter_price(tx, space, price):
        raise MeterAlreadyPriced(meter=priced.key, plan_price_id=plan_price.id)
    new_version(tx, space, plan, change="meter_price.added", object_id=price.id, at=at)
    return price


def get_meter_price(tx: Tx, space: SpaceId, plan: str, price_id: str) -> MeterPrice:
    """Errors: PlanNotFound; MeterPriceNotFound."""
    return _get(tx, space, get_plan(tx, space, plan), price_id)


def list_meter_prices(
    tx: Tx, space: SpaceId, plan: Plan, page: PageRequest, *, plan_price_id: str | None = None
) -> Found[MeterPrice]:
    """Return a page of the meter prices of a plan, or of one of its prices."""
    rows = store.page_of_meter_prices(tx, space, plan.id, page, plan_price_id=plan_price_id)
    facts = {price.id: price for price in _with_meters(tx, space, rows.rows)}
    return Found(rows, {str(price_id): price for price_id, price in facts.items()})


def meter_prices_of(tx: Tx, space: SpaceId, plan_price: PlanPrice) -> tuple[MeterPrice, ...]:
    """Return all meter prices of a plan price, the oldest first."""
    rows = store.list_meter_prices(tx, space, plan_price.id)
    return tuple(_with_meters(tx, space, rows))


def update_meter_price(
    tx: Tx,
    space: SpaceId,
    plan: str,
    price_id: str,
    terms: Mapping[str, Any],
    *,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> MeterPrice:
    """Change the given price terms; `tiers` are replaced whole, each with a new id.

    Errors: PlanNotFound, MeterPriceNotFound; PriceShapeInvalid, TiersNotContiguous.
    """
    edited = get_plan(tx, space, plan, lock="update")
    before = _get(tx, space, edited, price_id)
    shape = revise_shape(before.shape, **terms) if terms else before.shape
    kept = shape.tiers == before.shape.tiers
    after = replace(
        before,
        shape=shape,
        tiers=before.tiers if kept else new_tier_rows(len(shape.tiers), at),
        metadata=before.metadata if metadata is None else merge_metadata(before.metadata, metadata),
    )
    return save_meter_price(tx, space, edited, before, after, at=at)


def save_meter_price(
    tx: Tx, space: SpaceId, plan: Plan, before: MeterPrice, after: MeterPrice, *, at: datetime
) -> MeterPrice:
    """Store an edited meter price as the plan's next version; nothing if nothing differs."""
    if after == before:
        return before
    check_meter_priced(after.meter, after.shape)
    after = replace(after, updated_at=at)
    store.save_meter_price(tx, space, after)
    new_version(tx, space, plan, change="meter_price.updated", object_id=after.id, at=at)
    return after


def remove_meter_price(tx: Tx, space: SpaceId, plan: str, price_id: str, *, at: datetime) -> None:
    """Take a meter out of a plan price. Errors: PlanNotFound; MeterPriceNotFound."""
    edited = get_plan(tx, space, plan, lock="update")
    price = _get(tx, space, edited, price_id)
    store.archive_meter_price(tx, space, price.id, at=at)
    new_version(tx, space, edited, change="meter_price.removed", object_id=price.id, at=at)


def copy_meter_prices(
    tx: Tx, space: SpaceId, source: PlanPrice, target: PlanPrice, *, at: datetime
) -> None:
    """Copy all meter prices into a new plan price, numbers as they are."""
    for price in meter_prices_of(tx, space, source):
        copied = replace(
            price,
            id=MeterPriceId(new_id(METER_PRICE_PREFIX)),
            plan_id=target.plan_id,
            plan_price_id=target.id,
            market_key=target.market_key,
            billing_period=target.billing_period,
            tiers=new_tier_rows(len(price.tiers), at),
            created_at=at,
            updated_at=at,
        )
        store.add_meter_price(tx, space, copied)


def new_tier_rows(count: int, at: datetime) -> tuple[TierRow, ...]:
    return tuple(TierRow(new_id(TIER_PREFIX), at, at) for _ in range(count))


def _target(tx: Tx, space: SpaceId, meter: str | None, agent_action_id: str | None) -> Meter:
    """Return the meter to price; an action's own, unless another is named."""
    ref = meter
    if agent_action_id is not None:
        action = agent_store.find_action(tx, space, agent_action_id)
        if action is None:
            wrong = FieldError("/agent_action_id", "not_found", "no such agent action")
            raise AgentActionNotFound(agent_action_id=agent_action_id, errors=[wrong])
        ref = meter if meter is not None else action["billable_meter_id"]
    assert ref is not None
    found = meters.find_meter(tx, space, ref)
    if found is None:
        raise MeterNotFound(meter=ref, errors=[FieldError("/meter", "not_found", "no such meter")])
    return found


def _get(tx: Tx, space: SpaceId, plan: Plan, price_id: str) -> MeterPrice:
    row = store.find_meter_price(tx, space, price_id)
    if row is None or row["plan_id"] != plan.id:
        raise MeterPriceNotFound(meter_price_id=price_id)
    return _with_meters(tx, space, [row])[0]


def _with_meters(tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]]) -> list[MeterPrice]:
    named = meters.find_meters(tx, space, {row["meter_id"] for row in rows})
    return [store.meter_price_from_row(row, named[row["meter_id"]]) for row in rows]
