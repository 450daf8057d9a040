"""What the world must be told: a row in the transaction of the fact itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from tallybook.server.kernel.ids import SpaceId, new_id

from .tables import outbox
from .tx import Tx


def append(
    tx: Tx, space: SpaceId, *, event: str, object_id: str, data: Mapping[str, Any], at: datetime
) -> str:
    """Announce an event of one object; return the message id. `data` is the payload, as JSON."""
    t = outbox.c
    last = select(func.max(t.sequence)).where(t.space_id == space, t.object_id == object_id)
    sequence = (tx.execute(last).scalar() or 0) + 1
    message_id = new_id("msg")
    row = {
        "space_id": space,
        "id": message_id,
        "event": event,
        "object_id": object_id,
        "sequence": sequence,
        "data": dict(data),
        "created_at": at,
    }
    tx.execute(insert(outbox).values(row))
    return message_id
