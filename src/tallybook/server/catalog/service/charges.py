"""The fees of a plan besides its base price."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import ChargeNotFound, KeyTaken
from tallybook.server.catalog.models import (
    CHARGE_PREFIX,
    ChargeId,
    Plan,
    PlanCharge,
)
from tallybook.server.catalog.rules import charges as rules
from tallybook.server.catalog.store import prices as store
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.metering.rules.keys import check_key
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found
from .markets import get_market
from .plans import get_plan, new_version
from .prices import default_currency, get_price


def add_charge(
    tx: Tx, space: SpaceId, plan: str, fields: Mapping[str, Any], *, at: datetime
) -> PlanCharge:
    """Add a charge from `key`, `name`, `charge_type`, `amount` and what else is given.

    `meter` and `market` are ids or keys. Errors: PlanNotFound, MeterNotFound, MarketNotFound;
        KeyTaken; ChargeInvalid; ChargePeriodTooShort.
    """
    edited = get_plan(tx, space, plan, lock="update")
    defaults: dict[str, Any] = {"description": None, "billing_period": None}
    refs = _refs(tx, space, {"meter": None, "market": None, **fields})
    fresh = {
        "id": ChargeId(new_id(CHARGE_PREFIX)),
        "plan_id": edited.id,
        "created_at": at,
        "updated_at": at,
    }
    own = {name: value for name, value in fields.items() if name != "market"}
    charge = PlanCharge(**{**defaults, **own, **refs, **fresh})
    _check(tx, space, edited, charge)
    if not store.add_charge(tx, space, charge):
        raise _key_taken(tx, space, charge)
    new_version(tx, space, edited, change="charge.added", object_id=charge.id, at=at)
    return charge


def get_charge(tx: Tx, space: SpaceId, plan: str, charge_id: str) -> PlanCharge:
    """Errors: PlanNotFound; ChargeNotFound."""
    return _get(tx, space, get_plan(tx, space, plan), charge_id)


def list_charges(
    tx: Tx, space: SpaceId, plan: str, page: PageRequest, *, market: str | None = None
) -> Found[PlanCharge]:
    """Return a page of charges; those that hold in a market, if one is named.

    Errors: PlanNotFound; MarketNotFound.
    """
    market_id = None if market is None else get_market(tx, space, market, pointer="?market").id
    plan_id = get_plan(tx, space, plan).id
    rows = store.page_of_charges(tx, space, plan_id, page, market_id=market_id)
    return Found(rows, {str(c.id): c for c in _with_meters(tx, space, rows.rows)})


def charges_of(tx: Tx, space: SpaceId, plan: Plan) -> tuple[PlanCharge, ...]:
    """Return all charges of a plan, the oldest first."""
    return tuple(_with_meters(tx, space, store.list_charges(tx, space, plan.id)))


def update_charge(
    tx: Tx,
    space: SpaceId,
    plan: str,
    charge_id: str,
    changes: Mapping[str, Any],
    *,
    at: datetime,
) -> PlanCharge:
    """Change the given fields. Errors: as add_charge, and ChargeNotFound."""
    edited = get_plan(tx, space, plan, lock="update")
    before = _get(tx, space, edited, charge_id)
    own = {name: value for name, value in changes.items() if name != "market"}
    after = replace(before, **{**own, **_refs(tx, space, changes)})
    if after == before:
        return before
    _check(tx, space, edited, after)
    if after.key != before.key and store.find_charge_by_key(tx, space, edited.id, after.key):
        raise _key_taken(tx, space, after)
    after = replace(after, updated_at=at)
    store.save_charge(tx, space, after)
    new_version(tx, space, edited, change="charge.updated", object_id=after.id, at=at)
    return after


def remove_charge(tx: Tx, space: SpaceId, plan: str, charge_id: str, *, at: datetime) -> None:
    """Take a charge out of a plan. Errors: PlanNotFound; ChargeNotFound."""
    edited = get_plan(tx, space, plan, lock="update")
    charge = _get(tx, space, edited, charge_id)
    store.archive_charge(tx, space, charge.id, at=at)
    new_version(tx, space, edited, change="charge.removed", object_id=charge.id, at=at)


def _check(tx: Tx, space: SpaceId, plan: Plan, charge: PlanCharge) -> None:
    """Hold the charge against its own fields, and the period in which the plan is sold first."""
    check_key(charge.key, id_prefix=CHARGE_PREFIX)
    rules.check_charge(charge)
    period = plan.billing_period
    if plan.default_price_id is not None:
        price = get_price(tx, space, plan.default_price_id)
        currency = default_currency(tx, space, plan)
        if not rules.belongs_to(charge, price, default_currency=currency):
            return
        period = price.billing_period
    rules.check_period(charge, period)


def _refs(tx: Tx, space: SpaceId, given: Mapping[str, Any]) -> dict[str, Any]:
    """Find what the given references to meter and market name."""
    found: dict[str, Any] = {}
    if "meter" in given:
        ref = given["meter"]
        found["meter"] = None if ref is None else meters.find_meter(tx, space, ref)
        if ref is not None and found["meter"] is None:
            wrong = FieldError("/meter", "not_found", "no such meter")
            raise MeterNotFound(meter=ref, errors=[wrong])
    if "market" in given:
        ref = given["market"]
        market = None if ref is None else get_market(tx, space, ref, pointer="/market")
        found["market_id"] = None if market is None else market.id
        found["market_key"] = None if market is None else market.key
        found["market_currency"] = None if market is None else market.currency
    return found


def _get(tx: Tx, space: SpaceId, plan: Plan, charge_id: str) -> PlanCharge:
    row = store.find_charge(tx, space, charge_id)
    if row is None or row["plan_id"] != plan.id:
        raise ChargeNotFound(charge_id=charge_id)
    return _with_meters(tx, space, [row])[0]


def _with_meters(tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]]) -> list[PlanCharge]:
    ids = {row["meter_id"] for row in rows} - {None}
    named = meters.find_meters(tx, space, ids)
    return [store.charge_from_row(row, named.get(row["meter_id"])) for row in rows]


def _key_taken(tx: Tx, space: SpaceId, charge: PlanCharge) -> KeyTaken:
    existing = store.find_charge_by_key(tx, space, charge.plan_id, charge.key)
    return KeyTaken(key=charge.key, existing_id=None if existing is None else existing["id"])
