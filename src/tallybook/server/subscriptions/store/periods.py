"""The periods of subscriptions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Integer, bindparam, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared
from tallybook.server.subscriptions.models import Period
from tallybook.server.subscriptions.tables import subscription_periods

_t = subscription_periods.c
_ADD: Final = Prepared(
    lambda insert: insert(subscription_periods).on_conflict_do_nothing().returning(_t.number)
)
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
    return tx.row(_ADD, **row) is not None


def save(tx: Tx, space: SpaceId, period: Period) -> None:
    mine = {"of_subscription": period.subscription_id, "of_number": period.number}
    tx.run(_SAVE, {"space": space, **mine, **_to_row(period)})


def find(tx: Tx, space: SpaceId, subscription_id: str, number: int) -> Period | None:
    row = tx.row(_FIND, space=space, sub_id=subscription_id, number=number)
    return None if row is None else from_row(row)


def list_of(tx: Tx, space: SpaceId, subscription_id: str, *, limit: int) -> list[Period]:
    """The newest first."""
    rows = tx.rows(_LIST, space=space, sub_id=subscription_id, size_max=limit)
    return [from_row(row) for row in rows]


def _to_row(period: Period) -> dict[str, Any]:
    flags = {"is_trial": int(period.is_trial), "is_closed": int(period.is_closed)}
    return {**asdict(period), **flags}


def from_row(row: Mapping[Any, Any]) -> Period:
    read = {name: row[name] for name in Period.__dataclass_fields__}
    flags = {"is_trial": bool(row["is_trial"]), "is_closed": bool(row["is_closed"])}
    return Period(**{**read, **flags})
