"""The SQL of holds."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, tuple_, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx

from .models import Hold, HoldStatus
from .tables import holds


def add(tx: Tx, space: SpaceId, hold: Hold) -> None:
    tx.execute(insert(holds).values({"space_id": space, **_to_row(hold)}))


def find(tx: Tx, space: SpaceId, hold_id: str, *, lock: bool = False) -> Hold | None:
    """Return a hold; locked, nobody else changes it before the commit."""
    query = select(holds).where(holds.c.space_id == space, holds.c.id == hold_id)
    if lock and not tx.is_sqlite:  # on SQLite there is one writer
        query = query.with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def save(tx: Tx, space: SpaceId, hold: Hold) -> None:
    t = holds.c
    mine = (t.space_id == space, t.id == hold.id)
    tx.execute(update(holds).where(*mine).values(_to_row(hold)))


def held(
    tx: Tx, space: SpaceId, features: Collection[tuple[str, str]], at: datetime
) -> list[tuple[str, str, Decimal, datetime]]:
    """Return what is held of these at a time: subscription, meter, quantity, and until when."""
    t = holds.c
    wanted = tuple_(t.subscription_id, t.meter_id).in_(sorted(features))
    query = select(t.subscription_id, t.meter_id, t.quantity, t.expires_at).where(
        t.space_id == space, t.status == HoldStatus.HELD.value, t.expires_at > at, wanted
    )
    return [tuple(row) for row in tx.execute(query)]


def _to_row(hold: Hold) -> dict[str, Any]:
    return {**asdict(hold), "status": hold.status.value}


def _from_row(row: Mapping[Any, Any]) -> Hold:
    fields = {name: row[name] for name in Hold.__dataclass_fields__}
    return Hold(**{**fields, "status": HoldStatus(row["status"])})
