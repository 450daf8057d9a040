"""Plans and their versions."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, exists, insert, or_, select, update

from tallybook.server.catalog.models import (
    Audience,
    Plan,
    PlanCategory,
    PlanId,
    PlanPriceId,
    PlanStatus,
    PlanType,
)
from tallybook.server.catalog.tables import plan_prices, plan_versions, plans
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, contains, fetch

Lock = Literal["share", "update"]
_SORTS = {"created_at": plans.c.created_at, "name": plans.c.name, "key": plans.c.key}
_parents = plans.alias("parents")


def add_plan(tx: Tx, space: SpaceId, plan: Plan) -> bool:
    """Store a new plan; tell whether its key was free."""
    row = {"space_id": space, **_to_row(plan)}
    statement = tx.insert(plans).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(plans.c.id)).first() is not None


def save_plan(tx: Tx, space: SpaceId, plan: Plan) -> None:
    t = plans.c
    tx.execute(update(plans).where(t.space_id == space, t.id == plan.id).values(_to_row(plan)))


def add_version(
    tx: Tx, space: SpaceId, plan: Plan, *, change: str, object_id: str, at: datetime
) -> None:
    row = {
        "space_id": space,
        "id": plan.version_id,
        "plan_id": plan.id,
        "version": plan.version,
        "change": change,
        "object_id": object_id,
        "created_at": at,
    }
    tx.execute(insert(plan_versions).values(row))


def find_plan(tx: Tx, space: SpaceId, plan_id: str, *, lock: Lock | None = None) -> Plan | None:
    return _one(tx, space, plans.c.id == plan_id, lock)


def find_plan_by_key(tx: Tx, space: SpaceId, key: str, *, lock: Lock | None = None) -> Plan | None:
    return _one(tx, space, plans.c.key == key, lock)


def find_addon_of(tx: Tx, space: SpaceId, plan_id: str) -> Plan | None:
    """Return an addon of the plan that is not archived, or None."""
    t = plans.c
    live = (t.parent_plan_id == plan_id, t.status != PlanStatus.ARCHIVED.value)
    query = _whole(space).where(*live).order_by(t.created_at, t.id).limit(1)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else plan_from_row(row)


def page_of_plans(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    search: str | None,
    plan_type: str | None,
) -> Rows:
    t = plans.c
    query = _whole(space)
    if status is None:
        query = query.where(t.status != PlanStatus.ARCHIVED.value)
    else:
        query = query.where(t.status == status)
    if plan_type is not None:
        query = query.where(t.plan_type == plan_type)
    if search:
        query = query.where(or_(contains(t.name, search), contains(t.key, search)))
    return fetch(tx, query, page, key=t.id, sorts=_SORTS)


def page_of_offered(
    tx: Tx, space: SpaceId, page: PageRequest, *, market_id: str, period: BillingPeriod | None
) -> Rows:
    """Active plans that have a price in the market, and in the period if one is given."""
    query = _active(space).where(_is_priced(space, market_id, period))
    return fetch(tx, query, page, key=plans.c.id, sorts=_SORTS)


def list_not_offered(
    tx: Tx, space: SpaceId, *, market_id: str, period: BillingPeriod | None, limit: int
) -> list[Plan]:
    """Active plans without such a price, the oldest first."""
    t = plans.c
    query = _active(space).where(~_is_priced(space, market_id, period))
    rows = tx.execute(query.order_by(t.created_at, t.id).limit(limit)).mappings()
    return [plan_from_row(row) for row in rows]


def _is_priced(space: SpaceId, market_id: str, period: BillingPeriod | None) -> ColumnElement[bool]:
    p = plan_prices.c
    wanted = [p.space_id == space, p.plan_id == plans.c.id, p.market_id == market_id]
    if period is not None:
        wanted.append(p.billing_period == period.value)
    return exists().where(*wanted)


def _active(space: SpaceId) -> Select[Any]:
    return _whole(space).where(plans.c.status == PlanStatus.ACTIVE.value)


def _whole(space: SpaceId) -> Select[Any]:
    mine = and_(_parents.c.space_id == plans.c.space_id, _parents.c.id == plans.c.parent_plan_id)
    joined = plans.outerjoin(_parents, mine)
    columns = (plans, _parents.c.key.label("parent_plan_key"))
    return select(*columns).select_from(joined).where(plans.c.space_id == space)


def _one(tx: Tx, space: SpaceId, chosen: ColumnElement[bool], lock: Lock | None) -> Plan | None:
    query = _whole(space).where(chosen)
    if lock is not None and not tx.is_sqlite:
        query = query.with_for_update(read=lock == "share", of=plans)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else plan_from_row(row)


def _to_row(plan: Plan) -> dict[str, Any]:
    row = asdict(plan)
    del row["parent_plan_key"]
    changes = {"trial_available": int(plan.trial_available), "features": list(plan.features)}
    return {**row, **changes}


def plan_from_row(row: Mapping[Any, Any]) -> Plan:
    parent, default_price = row["parent_plan_id"], row["default_price_id"]
    return Plan(
        id=PlanId(row["id"]),
        key=row["key"],
        name=row["name"],
        description=row["description"],
        target_audience=Audience(row["target_audience"]),
        currency=row["currency"],
        category=PlanCategory(row["category"]),
        plan_type=PlanType(row["plan_type"]),
        billing_period=BillingPeriod(row["billing_period"]),
        trial_available=bool(row["trial_available"]),
        trial_days=row["trial_days"],
        status=PlanStatus(row["status"]),
        parent_plan_id=None if parent is None else PlanId(parent),
        parent_plan_key=row["parent_plan_key"],
        features=tuple(row["features"]),
        metadata=row["metadata"],
        version=row["version"],
        version_id=row["version_id"],
        default_price_id=None if default_price is None else PlanPriceId(default_price),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
