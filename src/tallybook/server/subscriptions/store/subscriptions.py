"""Subscriptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, exists, or_, select, text, update

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of
from tallybook.server.subscriptions.models import (
    LIVE,
    ChangeReason,
    CollectionMethod,
    Opening,
    ScheduledChange,
    Status,
    Subscription,
)
from tallybook.server.subscriptions.tables import subscriptions

_SORTS = {"created_at": subscriptions.c.created_at}
_LIVE = sorted(status.value for status in LIVE)

_t = subscriptions.c
_FIND: Final = Prepared(
    lambda _: select(subscriptions).where(_t.space_id == SPACE, _t.id == bindparam("sub_id"))
)
_HOLD: Final = Prepared(
    lambda _: (
        select(subscriptions)
        .where(_t.space_id == SPACE, _t.id == bindparam("sub_id"))
        .with_for_update()
    )  # on SQLite there is one writer
)
_SAVE: Final = Prepared(
    lambda _: update(subscriptions).where(
        _t.space_id == SPACE,
        _t.id == bindparam("sub_id"),
        _t.version == bindparam("expected_version"),
    )
)
_HOLD_ALL: Final = Prepared(
    lambda _: (
        select(subscriptions)
        .where(_t.space_id == SPACE, one_of(_t.id, "ids"))
        .order_by(_t.id)
        .with_for_update()
    )
)


def lock_customer(tx: Tx, space: SpaceId, customer_id: str) -> None:
    """Keep others from subscribing this customer until the commit."""
    if not tx.is_sqlite:  # on SQLite there is one writer
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        tx.execute(lock, {"name": f"subscriptions:{space}:{customer_id}"})


def add(tx: Tx, space: SpaceId, sub: Subscription) -> bool:
    """Store a new subscription; tell whether the customer had no live one on the plan."""
    row = {"space_id": space, **_to_row(sub)}
    insert = tx.insert(subscriptions).values(row).on_conflict_do_nothing()
    return tx.execute(insert.returning(subscriptions.c.id)).first() is not None


def save(tx: Tx, space: SpaceId, sub: Subscription, *, expected_version: int) -> bool:
    """Store the changes; tell whether nobody else changed the row since."""
    unchanged = {"space": space, "sub_id": sub.id, "expected_version": expected_version}
    if not tx.write(_SAVE, {**unchanged, **_to_row(sub)}, of=sub.id):
        return False
    tx.keep(_held(space, sub.id), sub)
    return True


def find(tx: Tx, space: SpaceId, sub_id: str, *, lock: bool = False) -> Subscription | None:
    def load() -> Subscription | None:
        row = tx.row(_HOLD if lock else _FIND, space=space, sub_id=sub_id)
        return None if row is None else from_row(row)

    key = _held(space, sub_id)
    return tx.kept(key, load) if lock or tx.is_kept(key) else load()


def keep(tx: Tx, space: SpaceId, ids: Sequence[str]) -> list[Subscription]:
    """Read subscriptions for gathered work, and hold them until the commit, by their ids."""
    found = [from_row(row) for row in tx.rows(_HOLD_ALL, space=space, ids=ids)]
    for sub in found:
        tx.keep(_held(space, sub.id), sub)
    return found


def find_held(tx: Tx, space: SpaceId, sub_id: str) -> Subscription | None:
    """Return a subscription that gathered work holds, as it has changed it."""
    return find(tx, space, sub_id) if tx.is_kept(_held(space, sub_id)) else None


def _held(space: SpaceId, sub_id: str) -> tuple[str, SpaceId, str]:
    return ("subscription", space, sub_id)


def find_by_ids(tx: Tx, space: SpaceId, ids: Iterable[str]) -> dict[str, Subscription]:
    t = subscriptions.c
    query = select(subscriptions).where(t.space_id == space, t.id.in_(sorted(set(ids))))
    return {row["id"]: from_row(row) for row in tx.execute(query).mappings()}


def has_had_trial(tx: Tx, space: SpaceId, *, customer_id: str, plan_id: str) -> bool:
    t = subscriptions.c
    mine = (t.space_id == space, t.customer_id == customer_id, t.trial_plan_id == plan_id)
    began = or_(t.ended_at.is_(None), t.ended_at > t.started_at)
    return bool(tx.execute(select(exists().where(*mine, began))).scalar_one())


def exists_live(
    tx: Tx, space: SpaceId, *, customer_id: str | None = None, plan_id: str | None = None
) -> bool:
    """Tell whether a live subscription of this customer, or on this plan, exists."""
    t = subscriptions.c
    wanted: list[ColumnElement[bool]] = [t.space_id == space, t.status.in_(_LIVE)]
    if customer_id is not None:
        wanted.append(t.customer_id == customer_id)
    if plan_id is not None:
        wanted.append(t.plan_id == plan_id)
    return bool(tx.execute(select(exists().where(*wanted))).scalar_one())


def list_of_customer(
    tx: Tx, space: SpaceId, customer_id: str, *, only_live: bool, limit: int
) -> list[Subscription]:
    """The earliest started first, then by id; drafts last."""
    t = subscriptions.c
    query = select(subscriptions).where(t.space_id == space, t.customer_id == customer_id)
    if only_live:
        query = query.where(t.status.in_(_LIVE))
    ordered = query.order_by(t.started_at.is_(None), t.started_at, t.id).limit(limit)
    return [from_row(row) for row in tx.execute(ordered).mappings()]


def page(
    tx: Tx,
    space: SpaceId,
    request: PageRequest,
    *,
    status: str | None,
    plan: str | None,
    market: str | None,
    customer_id: str | None,
) -> Rows:
    t = subscriptions.c
    query: Select[Any] = select(subscriptions).where(t.space_id == space)
    if status is not None:
        query = query.where(t.status == status)
    if plan is not None:
        query = query.where(or_(t.plan_id == plan, t.plan_key == plan))
    if market is not None:
        query = query.where(or_(t.market_id == market, t.market_key == market))
    if customer_id is not None:
        query = query.where(t.customer_id == customer_id)
    return fetch(tx, query, request, key=t.id, sorts=_SORTS)


def _to_row(sub: Subscription) -> dict[str, Any]:
    change = sub.scheduled_change
    return {
        **{name: getattr(sub, name) for name in Subscription.__dataclass_fields__},
        "opening": _opening_to_json(sub.opening),
        "scheduled_change": None
        if change is None
        else {**asdict(change), "effective_at": to_micros(change.effective_at)},
        "metadata": dict(sub.metadata),
    }


def from_row(row: Mapping[Any, Any]) -> Subscription:
    names = Subscription.__dataclass_fields__
    suspended_from, change = row["suspended_from"], row["scheduled_change"]
    read = {
        "billing_period": BillingPeriod(row["billing_period"]),
        "status": Status(row["status"]),
        "collection_method": CollectionMethod(row["collection_method"]),
        "opening": _opening_from_json(row["opening"]),
        "suspended_from": None if suspended_from is None else Status(suspended_from),
        "scheduled_change": None if change is None else _change_from_json(change),
    }
    return Subscription(**{**{name: row[name] for name in names}, **read})


def _change_from_json(stored: Mapping[str, Any]) -> ScheduledChange:
    read = {
        "reason": ChangeReason(stored["reason"]),
        "effective_at": from_micros(stored["effective_at"]),
        "billing_period": BillingPeriod(stored["billing_period"]),
    }
    return ScheduledChange(**{**stored, **read})


def _opening_to_json(opening: Opening) -> dict[str, Any]:
    given = {name: value for name, value in asdict(opening).items() if value is not None}
    return {
        name: to_micros(value) if isinstance(value, datetime) else value
        for name, value in given.items()
    }


def _opening_from_json(stored: Mapping[str, Any]) -> Opening:
    read: dict[str, Any] = {
        name: value if isinstance(value, bool) else from_micros(value)
        for name, value in stored.items()
    }
    return Opening(**read)
