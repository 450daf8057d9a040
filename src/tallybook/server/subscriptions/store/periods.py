"""The periods of subscriptions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import Period
from tallybook.server.subscriptions.tables import subscription_periods


def add(tx: Tx, space: SpaceId, period: Period) -> bool:
    """Store a new period; tell whether its number was free."""
    row = {"space_id": space, **_to_row(period)}
    insert = tx.insert(subscription_periods).values(row).on_conflict_do_nothing()
    return tx.execute(insert.returning(subscription_periods.c.number)).first() is not None


def save(tx: Tx, space: SpaceId, period: Period) -> None:
    t = subscription_periods.c
    mine = (
        t.space_id == space,
        t.subscription_id == period.subscription_id,
        t.number == period.number,
    )
    tx.execute(update(subscription_periods).where(*mine).values(_to_row(period)))


def find(tx: Tx, space: SpaceId, subscription_id: str, number: int) -> Period | None:
    t = subscription_periods.c
    mine = (t.space_id == space, t.subscription_id == subscription_id, t.number == number)
    row = tx.execute(select(subscription_periods).where(*mine)).mappings().one_or_none()
    return None if row is None else from_row(row)


def list_of(tx: Tx, space: SpaceId, subscription_id: str, *, limit: int) -> list[Period]:
    """The newest first."""
    t = subscription_periods.c
    mine = (t.space_id == space, t.subscription_id == subscription_id)
    query = select(subscription_periods).where(*mine).order_by(t.number.desc()).limit(limit)
    return [from_row(row) for row in tx.execute(query).mappings()]


def _to_row(period: Period) -> dict[str, Any]:
    flags = {"is_trial": int(period.is_trial), "is_closed": int(period.is_closed)}
    return {**asdict(period), **flags}


def from_row(row: Mapping[Any, Any]) -> Period:
    read = {name: row[name] for name in Period.__dataclass_fields__}
    flags = {"is_trial": bool(row["is_trial"]), "is_closed": bool(row["is_closed"])}
    return Period(**{**read, **flags})
