"""The periods of subscriptions."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Integer, bindparam, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared
from tallybook.server.subscriptions.models import Period
from tallybook.server.subscriptions.tables import subscription_periods

_t = subscription_periods.c
_ADD: Final = Prepared(lambda insert: insert(subscription_periods).on_conflict_do_nothing())
_SAVE: Final = Prepared(
    lambda _: update(subscription_periods).where(
        _t.space_id == SPACE,
        _t.subscription_id == bindparam("of_subscription"),
        _t.number == bindparam("of_number"),
    )
)
_FIND: Final = Prepared(
    lambda _: select(subscription_periods).where(
        _t.space_id == SPACE,
        _t.subscription_id == bindparam("sub_id"),
        _t.number == bindparam("number"),
    )
)
_LIST: Final = Prepared(
    lambda _: (
        select(subscription_periods)
        .where(_t.space_id == SPACE, _t.subscription_id == bindparam("sub_id"))
        .order_by(_t.number.desc())
        .limit(bindparam("size_max", type_=Integer))
    )
)


def add(tx: Tx, space: SpaceId, period: Period) -> bool:
    """Store a new period; tell whether its number was free."""
    row = {"space_id": space, **_to_row(period)}
    is_free = tx.write(_ADD, row, of=period.subscription_id)
    if is_free:
        _keep(tx, space, period)
    return is_free


def save(tx: Tx, space: SpaceId, period: Period) -> None:
    mine = {"of_subscription": period.subscription_id, "of_number": period.number}
    row = {"space": space, **mine, **_to_row(period)}
    tx.write_all(_SAVE, [row], of=period.subscription_id)
    _keep(tx, space, period)


def find(tx: Tx, space: SpaceId, subscription_id: str, number: int) -> Period | None:
    kept = kept_of(tx, space, subscription_id)
    if kept is not None:
        return kept.get(number)
    row = tx.row(_FIND, space=space, sub_id=subscription_id, number=number)
    return None if row is None else from_row(row)


def list_of(tx: Tx, space: SpaceId, subscription_id: str, *, limit: int) -> list[Period]:
    """The newest first."""
    kept = kept_of(tx, space, subscription_id)
    if kept is not None:
        return [kept[number] for number in sorted(kept, reverse=True)[:limit]]
    rows = tx.rows(_LIST, space=space, sub_id=subscription_id, size_max=limit)
    return [from_row(row) for row in rows]


def keep_all(tx: Tx, space: SpaceId, periods: Mapping[str, Iterable[Period]]) -> None:
    """Have gathered work find these: all periods of each subscription, which is held."""
    for sub_id, of_it in periods.items():
        tx.keep(_key(space, sub_id), {period.number: period for period in of_it})


def kept_of(tx: Tx, space: SpaceId, subscription_id: str) -> dict[int, Period] | None:
    """Return all periods of a subscription by number, where gathered work has read them."""
    key = _key(space, subscription_id)
    return tx.kept(key, dict) if tx.is_kept(key) else None


def _keep(tx: Tx, space: SpaceId, period: Period) -> None:
    kept = kept_of(tx, space, period.subscription_id)
    if kept is not None:
        kept[period.number] = period


def _key(space: SpaceId, subscription_id: str) -> tuple[str, SpaceId, str]:
    return ("periods", space, subscription_id)


def _to_row(period: Period) -> dict[str, Any]:
    flags = {"is_trial": int(period.is_trial), "is_closed": int(period.is_closed)}
    return {**{name: getattr(period, name) for name in Period.__dataclass_fields__}, **flags}


def from_row(row: Mapping[Any, Any]) -> Period:
    read = {name: row[name] for name in Period.__dataclass_fields__}
    flags = {"is_trial": bool(row["is_trial"]), "is_closed": bool(row["is_closed"])}
    return Period(**{**read, **flags})
