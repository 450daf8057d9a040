"""Plan prices, meter prices and charges."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select, update

from tallybook.server.catalog.models import (
    ChargeId,
    ChargeType,
    MeterPrice,
    MeterPriceId,
    PlanCharge,
    PlanId,
    PlanPrice,
    PlanPriceId,
    TierRow,
)
from tallybook.server.catalog.tables import markets, meter_prices, plan_charges, plan_prices
from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.models import Meter
from tallybook.server.rating.models import PriceShape
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch

_PRICE_SORTS = {"created_at": plan_prices.c.created_at}
_METER_PRICE_SORTS = {"created_at": meter_prices.c.created_at}
_CHARGE_SORTS = {
    "created_at": plan_charges.c.created_at,
    "name": plan_charges.c.name,
    "key": plan_charges.c.key,
}


def add_price(tx: Tx, space: SpaceId, price: PlanPrice) -> bool:
    """Store a new plan price; tell whether its market and period were free."""
    row = {"space_id": space, **asdict(price)}
    del row["market_key"]
    statement = tx.insert(plan_prices).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(plan_prices.c.id)).first() is not None


def save_price(tx: Tx, space: SpaceId, price: PlanPrice) -> None:
    t = plan_prices.c
    values = {"base_price": price.base_price, "updated_at": price.updated_at}
    tx.execute(update(plan_prices).where(t.space_id == space, t.id == price.id).values(values))


def find_price(tx: Tx, space: SpaceId, price_id: str) -> PlanPrice | None:
    query = _prices(space).where(plan_prices.c.id == price_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else price_from_row(row)


def list_prices(tx: Tx, space: SpaceId, plan_id: str) -> list[PlanPrice]:
    """All prices of a plan, the oldest first."""
    t = plan_prices.c
    query = _prices(space).where(t.plan_id == plan_id).order_by(t.created_at, t.id)
    return [price_from_row(row) for row in tx.execute(query).mappings()]


def page_of_prices(tx: Tx, space: SpaceId, plan_id: str, page: PageRequest) -> Rows:
    query = _prices(space).where(plan_prices.c.plan_id == plan_id)
    return fetch(tx, query, page, key=plan_prices.c.id, sorts=_PRICE_SORTS)


def _prices(space: SpaceId) -> Select[Any]:
    t, m = plan_prices.c, markets.c
    mine = and_(m.space_id == t.space_id, m.id == t.market_id)
    query = select(plan_prices, m.key.label("market_key")).join(markets, mine)
    return query.where(t.space_id == space)


def price_from_row(row: Mapping[Any, Any]) -> PlanPrice:
    return PlanPrice(
        id=PlanPriceId(row["id"]),
        plan_id=PlanId(row["plan_id"]),
        market_id=row["market_id"],
        market_key=row["market_key"],
        currency=row["currency"],
        base_price=row["base_price"],
        billing_period=BillingPeriod(row["billing_period"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def add_meter_price(tx: Tx, space: SpaceId, price: MeterPrice) -> bool:
    """Store a new meter price; tell whether the meter had none in its plan price."""
    row = {
        "space_id": space,
        "id": price.id,
        "plan_id": price.plan_id,
        "plan_price_id": price.plan_price_id,
        "meter_id": price.meter.id,
        "archived_at": None,
        "created_at": price.created_at,
        **_meter_price_values(price),
    }
    statement = tx.insert(meter_prices).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(meter_prices.c.id)).first() is not None


def save_meter_price(tx: Tx, space: SpaceId, price: MeterPrice) -> None:
    t = meter_prices.c
    mine = (t.space_id == space, t.id == price.id)
    tx.execute(update(meter_prices).where(*mine).values(_meter_price_values(price)))


def archive_meter_price(tx: Tx, space: SpaceId, price_id: str, *, at: datetime) -> None:
    t = meter_prices.c
    mine = (t.space_id == space, t.id == price_id)
    tx.execute(update(meter_prices).where(*mine).values(archived_at=at))


def find_meter_price(tx: Tx, space: SpaceId, price_id: str) -> Mapping[Any, Any] | None:
    query = _meter_prices(space).where(meter_prices.c.id == price_id)
    return tx.execute(query).mappings().one_or_none()


def list_meter_prices(tx: Tx, space: SpaceId, plan_price_id: str) -> list[Mapping[Any, Any]]:
    """The rows of all meter prices of a plan price, the oldest first."""
    t = meter_prices.c
    query = _meter_prices(space).where(t.plan_price_id == plan_price_id)
    return list(tx.execute(query.order_by(t.created_at, t.id)).mappings())


def page_of_meter_prices(
    tx: Tx, space: SpaceId, plan_id: str, page: PageRequest, *, plan_price_id: str | None
) -> Rows:
    query = _meter_prices(space).where(meter_prices.c.plan_id == plan_id)
    if plan_price_id is not None:
        query = query.where(meter_prices.c.plan_price_id == plan_price_id)
    return fetch(tx, query, page, key=meter_prices.c.id, sorts=_METER_PRICE_SORTS)


def find_plan_pricing(tx: Tx, space: SpaceId, meter_id: str) -> str | None:
    """Return the id of a plan that prices the meter or charges by it, or None."""
    for table in (meter_prices, plan_charges):
        t = table.c
        live = (t.space_id == space, t.meter_id == meter_id, t.archived_at.is_(None))
        found = tx.execute(select(t.plan_id).where(*live).limit(1)).scalar()
        if found is not None:
            return str(found)
    return None


def _meter_prices(space: SpaceId) -> Select[Any]:
    t, p = meter_prices.c, plan_prices.c
    query = (
        select(meter_prices, p.billing_period, markets.c.key.label("market_key"))
        .join(plan_prices, and_(p.space_id == t.space_id, p.id == t.plan_price_id))
        .join(markets, and_(markets.c.space_id == p.space_id, markets.c.id == p.market_id))
    )
    return query.where(t.space_id == space, t.archived_at.is_(None))


def _meter_price_values(price: MeterPrice) -> dict[str, Any]:
    return {
        "agent_action_id": price.agent_action_id,
        "shape": price.shape.to_json(),
        "tiers": [
            [tier.id, to_micros(tier.created_at), to_micros(tier.updated_at)]
            for tier in price.tiers
        ],
        "metadata": dict(price.metadata),
        "updated_at": price.updated_at,
    }


def meter_price_from_row(row: Mapping[Any, Any], meter: Meter) -> MeterPrice:
    return MeterPrice(
        id=MeterPriceId(row["id"]),
        plan_id=PlanId(row["plan_id"]),
        plan_price_id=PlanPriceId(row["plan_price_id"]),
        market_key=row["market_key"],
        billing_period=BillingPeriod(row["billing_period"]),
        meter=meter,
        agent_action_id=row["agent_action_id"],
        shape=PriceShape.from_json(row["shape"]),
        tiers=tuple(
            TierRow(tier_id, from_micros(created), from_micros(updated))
            for tier_id, created, updated in row["tiers"]
        ),
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def add_charge(tx: Tx, space: SpaceId, charge: PlanCharge) -> bool:
    """Store a new charge; tell whether its key was free in its plan."""
    row = {
        "space_id": space,
        "id": charge.id,
        "plan_id": charge.plan_id,
        "archived_at": None,
        "created_at": charge.created_at,
        **_charge_values(charge),
    }
    statement = tx.insert(plan_charges).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(plan_charges.c.id)).first() is not None


def save_charge(tx: Tx, space: SpaceId, charge: PlanCharge) -> None:
    t = plan_charges.c
    mine = (t.space_id == space, t.id == charge.id)
    tx.execute(update(plan_charges).where(*mine).values(_charge_values(charge)))


def archive_charge(tx: Tx, space: SpaceId, charge_id: str, *, at: datetime) -> None:
    t = plan_charges.c
    mine = (t.space_id == space, t.id == charge_id)
    tx.execute(update(plan_charges).where(*mine).values(archived_at=at))


def find_charge(tx: Tx, space: SpaceId, charge_id: str) -> Mapping[Any, Any] | None:
    query = _charges(space).where(plan_charges.c.id == charge_id)
    return tx.execute(query).mappings().one_or_none()


def find_charge_by_key(tx: Tx, space: SpaceId, plan_id: str, key: str) -> Mapping[Any, Any] | None:
    t = plan_charges.c
    query = _charges(space).where(t.plan_id == plan_id, t.key == key)
    return tx.execute(query).mappings().one_or_none()


def list_charges(tx: Tx, space: SpaceId, plan_id: str) -> list[Mapping[Any, Any]]:
    """The rows of all charges of a plan, the oldest first."""
    t = plan_charges.c
    query = _charges(space).where(t.plan_id == plan_id).order_by(t.created_at, t.id)
    return list(tx.execute(query).mappings())


def page_of_charges(
    tx: Tx, space: SpaceId, plan_id: str, page: PageRequest, *, market_id: str | None
) -> Rows:
    t = plan_charges.c
    query = _charges(space).where(t.plan_id == plan_id)
    if market_id is not None:
        query = query.where(or_(t.market_id == market_id, t.market_id.is_(None)))
    return fetch(tx, query, page, key=t.id, sorts=_CHARGE_SORTS)


def _charges(space: SpaceId) -> Select[Any]:
    t, m = plan_charges.c, markets.c
    mine = and_(m.space_id == t.space_id, m.id == t.market_id)
    columns = (m.key.label("market_key"), m.currency.label("market_currency"))
    query = select(plan_charges, *columns).outerjoin(markets, mine)
    return query.where(t.space_id == space, t.archived_at.is_(None))


def _charge_values(charge: PlanCharge) -> dict[str, Any]:
    return {
        "key": charge.key,
        "name": charge.name,
        "description": charge.description,
        "charge_type": charge.charge_type,
        "amount": charge.amount,
        "billing_period": charge.billing_period,
        "meter_id": None if charge.meter is None else charge.meter.id,
        "market_id": charge.market_id,
        "updated_at": charge.updated_at,
    }


def charge_from_row(row: Mapping[Any, Any], meter: Meter | None) -> PlanCharge:
    period = row["billing_period"]
    return PlanCharge(
        id=ChargeId(row["id"]),
        plan_id=PlanId(row["plan_id"]),
        key=row["key"],
        name=row["name"],
        description=row["description"],
        charge_type=ChargeType(row["charge_type"]),
        amount=row["amount"],
        billing_period=None if period is None else BillingPeriod(period),
        meter=meter,
        market_id=row["market_id"],
        market_key=row["market_key"],
        market_currency=row["market_currency"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
