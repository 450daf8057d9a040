"""All SQL on meters."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, update

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.metering.models import (
    Aggregation,
    CostCategory,
    CostType,
    EarlierCost,
    Meter,
    MeterId,
    MeterKind,
    MeterStatus,
)
from tallybook.server.metering.tables.meters import meters
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, contains, fetch

_SORTS = {"created_at": meters.c.created_at, "name": meters.c.name, "key": meters.c.key}


def add(tx: Tx, space: SpaceId, meter: Meter) -> bool:
    """Store a new meter; tell whether its key was free."""
    row = {"space_id": space, **_to_row(meter)}
    statement = tx.insert(meters).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(meters.c.id)).first() is not None


def save(tx: Tx, space: SpaceId, meter: Meter) -> None:
    t = meters.c
    row = _to_row(meter)
    del row["events_seen"]  # only ever set, and by others
    tx.execute(update(meters).where(t.space_id == space, t.id == meter.id).values(row))


def mark_events_seen(tx: Tx, space: SpaceId, meter_ids: Collection[str]) -> None:
    t = meters.c
    mine = (t.space_id == space, t.id.in_(sorted(meter_ids)), t.events_seen == 0)
    tx.execute(update(meters).where(*mine).values(events_seen=1))


def find(tx: Tx, space: SpaceId, meter_id: str, *, lock: bool = False) -> Meter | None:
    return _one(tx, space, meters.c.id == meter_id, lock=lock)


def find_by_key(tx: Tx, space: SpaceId, key: str, *, lock: bool = False) -> Meter | None:
    return _one(tx, space, meters.c.key == key, lock=lock)


def find_many(tx: Tx, space: SpaceId, refs: Collection[str]) -> list[Meter]:
    """Return the meters of which the id or the key is among the refs."""
    if not refs:
        return []
    t = meters.c
    named = or_(t.id.in_(refs), t.key.in_(refs))
    query = select(meters).where(t.space_id == space, named)
    return [from_row(row) for row in tx.execute(query).mappings()]


def list_all(tx: Tx, space: SpaceId) -> list[Meter]:
    """All meters that are not archived, the oldest first."""
    t = meters.c
    live = (t.space_id == space, t.status != MeterStatus.ARCHIVED.value)
    query = select(meters).where(*live).order_by(t.created_at, t.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    kind: str | None,
    status: str | None,
    search: str | None,
) -> Rows:
    t = meters.c
    query: Select[Any] = select(meters).where(t.space_id == space)
    if kind is not None:
        query = query.where(t.kind == kind)
    if status is None:
        query = query.where(t.status != MeterStatus.ARCHIVED.value)
    else:
        query = query.where(t.status == status)
    if search:
        query = query.where(or_(contains(t.name, search), contains(t.key, search)))
    return fetch(tx, query, page, key=t.id, sorts=_SORTS)


def _one(tx: Tx, space: SpaceId, chosen: ColumnElement[bool], *, lock: bool) -> Meter | None:
    query = select(meters).where(meters.c.space_id == space, chosen)
    if lock and not tx.is_sqlite:
        query = query.with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def _to_row(meter: Meter) -> dict[str, Any]:
    earlier = [
        {
            "until": to_micros(one.until),
            "cost_type": None if one.cost_type is None else one.cost_type.value,
            "cost_per_unit": None if one.cost_per_unit is None else plain(one.cost_per_unit),
            "value_field": one.value_field,
        }
        for one in meter.earlier_costs
    ]
    return {**asdict(meter), "events_seen": int(meter.events_seen), "earlier_costs": earlier}


def from_row(row: Mapping[Any, Any]) -> Meter:
    return Meter(
        id=MeterId(row["id"]),
        key=row["key"],
        name=row["name"],
        kind=MeterKind(row["kind"]),
        aggregation=Aggregation(row["aggregation"]),
        unit_label=row["unit_label"],
        value_field=row["value_field"],
        description=row["description"],
        status=MeterStatus(row["status"]),
        cost_type=None if row["cost_type"] is None else CostType(row["cost_type"]),
        cost_per_unit=row["cost_per_unit"],
        category=None if row["category"] is None else CostCategory(row["category"]),
        metadata=row["metadata"],
        events_seen=bool(row["events_seen"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        earlier_costs=tuple(_earlier(one) for one in row["earlier_costs"]),
    )


def _earlier(one: Mapping[str, Any]) -> EarlierCost:
    kind, rate = one["cost_type"], one["cost_per_unit"]
    return EarlierCost(
        from_micros(one["until"]),
        None if kind is None else CostType(kind),
        None if rate is None else Decimal(rate),
        one["value_field"],
    )
