"""The SQL of cost rows and model prices."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Select, Text, cast, delete, func, insert, or_, select, update

from tallybook.server.costs.models import Attribution, Cost, ModelPrice, Source, Status
from tallybook.server.costs.tables import costs, model_prices
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import CostCategory
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch

_CHUNK: Final = 500
_SCAN: Final = 2_000
_COLUMNS: Final = tuple(Cost.__dataclass_fields__)


def insert_new(tx: Tx, space: SpaceId, rows: Sequence[Cost]) -> set[str]:
    """Insert the rows whose key and response are new; return the ids that were inserted."""
    stored: set[str] = set()
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        values = [{"space_id": space, **_to_row(cost)} for cost in part]
        tx.execute(tx.insert(costs).on_conflict_do_nothing(), values)
        mine = (costs.c.space_id == space, costs.c.id.in_([cost.id for cost in part]))
        stored.update(tx.execute(select(costs.c.id).where(*mine)).scalars())
    return stored


def find(tx: Tx, space: SpaceId, cost_id: str) -> Cost | None:
    return _first(tx, select(costs).where(costs.c.space_id == space, costs.c.id == cost_id))


def find_same(tx: Tx, space: SpaceId, wanted: Sequence[Cost]) -> dict[str, Cost]:
    """Return, by a cost's id, the row that holds its response or its key."""
    t = costs.c
    keys = [cost.key for cost in wanted]
    responses = [cost.response_key for cost in wanted if cost.response_key is not None]
    rows: list[Cost] = []
    for column, values in ((t.key, keys), (t.response_key, responses)):
        for start in range(0, len(values), _CHUNK):
            part = values[start : start + _CHUNK]
            query = select(costs).where(t.space_id == space, column.in_(part))
            rows += [from_row(row) for row in tx.execute(query).mappings()]
    by_key = {row.key: row for row in rows}
    by_response = {row.response_key: row for row in rows if row.response_key is not None}
    found = {}
    for cost in wanted:
        same = by_response.get(cost.response_key) if cost.response_key else None
        same = same or by_key.get(cost.key)
        if same is not None:
            found[cost.id] = same
    return found


def find_parents(tx: Tx, space: SpaceId, keys: Sequence[str]) -> set[str]:
    """Return which of these keys a stored cost names as the span around it."""
    t = costs.c
    found: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        inside = t.parent_key.in_(keys[start : start + _CHUNK])
        query = select(t.parent_key).where(t.space_id == space, inside).distinct()
        found.update(tx.execute(query).scalars())
    return found


def find_counted(tx: Tx, space: SpaceId, keys: Sequence[str]) -> list[Cost]:
    """Return the costs with these keys that are not voided."""
    t = costs.c
    found: list[Cost] = []
    for start in range(0, len(keys), _CHUNK):
        mine = t.key.in_(keys[start : start + _CHUNK])
        query = select(costs).where(t.space_id == space, mine, t.status != Status.VOIDED.value)
        found += [from_row(row) for row in tx.execute(query).mappings()]
    return found


def of_event(tx: Tx, space: SpaceId, event_id: str) -> list[Cost]:
    t = costs.c
    query = select(costs).where(t.space_id == space, t.event_id == event_id).order_by(t.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def set_fields(tx: Tx, space: SpaceId, ids: Collection[str], **values: Any) -> None:
    t = costs.c
    tx.execute(update(costs).where(t.space_id == space, t.id.in_(sorted(ids))).values(values))


def _selected(space: SpaceId, filters: Mapping[str, Any], span: Span | None) -> Select[Any]:
    t = costs.c
    query = select(costs).where(t.space_id == space)
    if span is not None:
        query = query.where(t.at >= span.start, t.at < span.end)
    for name, value in filters.items():
        if value is not None:
            query = query.where(t[name] == value)
    return query


def list_page(
    tx: Tx, space: SpaceId, page: PageRequest, *, span: Span | None, **filters: Any
) -> Rows:
    query = _selected(space, filters, span)
    return fetch(tx, query, page, key=costs.c.id, sorts={"at": costs.c.at}, default="at")


def scan(tx: Tx, space: SpaceId, span: Span, **filters: Any) -> Iterator[Cost]:
    """Return every cost of a span, by time and id."""
    t = costs.c
    query = _selected(space, filters, span).order_by(t.at, t.id).limit(_SCAN)
    rows = tx.execute(query).mappings().all()
    while rows:
        yield from (from_row(row) for row in rows)
        if len(rows) < _SCAN:
            return
        at, last = rows[-1]["at"], rows[-1]["id"]
        beyond = or_(t.at > at, (t.at == at) & (t.id > last))
        rows = tx.execute(query.where(beyond)).mappings().all()


def total(tx: Tx, space: SpaceId, span: Span, **filters: Any) -> Decimal:
    """Return the exact sum of the amounts of a span that are not voided."""
    t = costs.c
    rows = _selected(space, filters, span).where(t.status != Status.VOIDED.value).subquery()
    add_up = func.decimal_sum if tx.is_sqlite else func.sum
    found = tx.execute(select(cast(add_up(rows.c.amount), Text))).scalar()
    return ZERO if found is None else Decimal(plain(Decimal(found)))


def adjusting(tx: Tx, space: SpaceId, ids: Collection[str]) -> list[Cost]:
    """Return the rows that correct these, and count."""
    t = costs.c
    query = select(costs).where(t.space_id == space, t.adjusts.in_(sorted(ids)))
    query = query.where(t.status != Status.VOIDED.value).order_by(t.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def count_unpriced_models(
    tx: Tx, space: SpaceId
) -> list[tuple[str | None, str | None, str | None, int, datetime, datetime]]:
    """Return (provider, model, reason, how many, first, last) of what has no price."""
    t = costs.c
    groups = (t.provider, t.model, t.reason)
    query = (
        select(
            *groups,
            func.count().label("rows"),
            func.min(t.at).label("first"),
            func.max(t.at).label("last"),
        )
        .where(t.space_id == space, t.status == Status.UNPRICED.value)
        .group_by(*groups)
        .order_by(*groups)
    )
    return [tuple(row) for row in tx.execute(query)]


def list_prices(
    tx: Tx, space: SpaceId, *, provider: str | None = None, model: str | None = None
) -> list[ModelPrice]:
    t = model_prices.c
    query = select(model_prices).where(t.space_id == space)
    if provider is not None:
        query = query.where(t.provider == provider)
    if model is not None:
        query = query.where(t.model == model)
    rows = tx.execute(query.order_by(t.provider, t.model, t.effective_from)).mappings()
    return [_price(row) for row in rows]


def save_price(tx: Tx, space: SpaceId, price: ModelPrice) -> None:
    t = model_prices.c
    tx.execute(delete(model_prices).where(t.space_id == space, t.id == price.id))
    prices = {name: plain(value) for name, value in price.prices.items()}
    tx.execute(insert(model_prices).values({"space_id": space, **asdict(price), "prices": prices}))


def _price(row: Mapping[Any, Any]) -> ModelPrice:
    fields = {name: row[name] for name in ModelPrice.__dataclass_fields__}
    prices = {name: Decimal(value) for name, value in row["prices"].items()}
    return ModelPrice(**{**fields, "prices": prices})


def _first(tx: Tx, query: Select[Any]) -> Cost | None:
    row = tx.execute(query).mappings().first()
    return None if row is None else from_row(row)


def _to_row(cost: Cost) -> dict[str, Any]:
    row = {name: getattr(cost, name) for name in _COLUMNS}
    for name in ("category", "source", "status", "attribution"):
        row[name] = row[name].value
    return row


def from_row(row: Mapping[Any, Any]) -> Cost:
    fields = {name: row[name] for name in Cost.__dataclass_fields__}
    return Cost(
        **{
            **fields,
            "category": CostCategory(row["category"]),
            "source": Source(row["source"]),
            "status": Status(row["status"]),
            "attribution": Attribution(row["attribution"]),
        }
    )
