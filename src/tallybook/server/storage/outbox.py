"""What the world must be told: a row in the transaction of the fact itself.

Rows become the feed in a second step, `publish`: it takes what has been committed and was not yet
taken, whatever its own position, and numbers it. Publishers wait for each other, so numbers rise in
the order of commits: who has read up to one has missed nothing below it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, select, update

from tallybook.server.kernel.ids import SpaceId, new_id

from .prepared import HOLD_NAME, SPACE, Prepared, one_of
from .tables import outbox, outbox_feed
from .tx import Tx

KEPT_FOR: Final = timedelta(days=30)
_FEED: Final = "all spaces"
_t = outbox.c
_LAST: Final = Prepared(
    lambda _: select(func.max(_t.sequence).label("sequence")).where(
        _t.space_id == SPACE, _t.object_id == bindparam("object_id")
    )
)
_ADD: Final = Prepared(lambda insert: insert(outbox))
_ADD_NEXT: Final = Prepared(
    lambda insert: insert(outbox).values(
        sequence=select(func.coalesce(func.max(_t.sequence), 0) + 1)
        .where(_t.space_id == SPACE, _t.object_id == bindparam("of"))
        .scalar_subquery()
    )
)
_NUMBER: Final = Prepared(
    lambda _: (
        update(outbox)
        .where(_t.space_id == SPACE, _t.position == bindparam("at"))
        .values(feed_position=bindparam("number"), published_at=bindparam("now"))
    )
)
_LAST_OF: Final = Prepared(
    lambda _: (
        select(_t.object_id, func.max(_t.sequence).label("sequence"))
        .where(_t.space_id == SPACE, one_of(_t.object_id, "objects"))
        .group_by(_t.object_id)
    )
)


@dataclass(frozen=True, slots=True)
class Published:
    """A message that has its place in the feed now; what it says is read when it is sent."""

    space: SpaceId
    id: str
    event: str


@dataclass(frozen=True, slots=True)
class Message:
    """One event, as the world is told it. `sequence` rises by one for each event of an object."""

    space: SpaceId
    id: str
    event: str
    object_id: str
    sequence: int
    data: Mapping[str, Any]
    created_at: datetime
    feed_position: int | None


def append(
    tx: Tx,
    space: SpaceId,
    *,
    event: str,
    object_id: str,
    data: Mapping[str, Any],
    at: datetime,
    is_held: bool = False,
) -> str:
    """Announce an event of one object; return the message id. `data` is the payload, as JSON.

    `is_held`: whoever announces something of this object holds its row, so that nobody else
    counts on beside it.
    """
    message_id = new_id("msg")
    row = {
        "space_id": space,
        "id": message_id,
        "event": event,
        "object_id": object_id,
        "data": dict(data),
        "created_at": at,
    }
    if not tx.gathers:
        if not is_held:
            _hold(tx, space, object_id)
        tx.run(_ADD_NEXT, {**row, "space": space, "of": object_id})
        return message_id
    sequence = tx.kept(_last(space, object_id), lambda: _hold_last(tx, space, object_id)) + 1
    tx.keep(_last(space, object_id), sequence)
    tx.write_all(_ADD, [{**row, "sequence": sequence}], of=None)
    return message_id


def _last(space: SpaceId, object_id: str) -> tuple[str, SpaceId, str]:
    return ("last told", space, object_id)


def _hold(tx: Tx, space: SpaceId, object_id: str) -> None:
    if not tx.is_sqlite:  # two writers of one object: the second counts on from the first
        tx.rows(HOLD_NAME, name=f"outbox:{space}:{object_id}")


def _hold_last(tx: Tx, space: SpaceId, object_id: str) -> int:
    _hold(tx, space, object_id)
    last = tx.row(_LAST, space=space, object_id=object_id)
    return (last and last["sequence"]) or 0


def keep_first(tx: Tx, space: SpaceId, object_id: str) -> None:
    """Note for gathered work that an object is new, so that nothing was told of it."""
    tx.keep(_last(space, object_id), 0)


def keep_last(tx: Tx, space: SpaceId, object_ids: Sequence[str]) -> None:
    """Read for gathered work what was last told of objects, which their caller holds."""
    rows = tx.rows(_LAST_OF, space=space, objects=object_ids)
    told = {row["object_id"]: int(row["sequence"]) for row in rows}
    for object_id in object_ids:
        tx.keep(_last(space, object_id), told.get(object_id, 0))


def has_unpublished(tx: Tx) -> bool:
    query = select(outbox.c.position).where(outbox.c.feed_position.is_(None)).limit(1)
    return tx.execute(query).first() is not None


def publish(tx: Tx, *, now: datetime, limit: int) -> list[Published]:
    """Give the next feed positions to what was committed and has none; `now` is the real time."""
    feed, t = outbox_feed.c, outbox.c
    first = {"name": _FEED, "last_position": 0}
    tx.execute(tx.insert(outbox_feed).values(first).on_conflict_do_nothing())
    # The row is held until the commit: one publisher at a time. The next statement sees all that
    # the one before it has committed.
    hold = update(outbox_feed).where(feed.name == _FEED).values(last_position=feed.last_position)
    last = tx.execute(hold.returning(feed.last_position)).scalar_one()
    columns = (t.position, t.space_id, t.id, t.event)
    query = select(*columns).where(t.feed_position.is_(None)).order_by(t.position).limit(limit)
    rows = tx.execute(query).mappings().all()
    if rows:
        numbers = [
            {"at": row["position"], "space": row["space_id"], "number": number, "now": now}
            for number, row in enumerate(rows, last + 1)
        ]
        tx.run_all(_NUMBER, numbers)
        last += len(rows)
        tx.execute(update(outbox_feed).where(feed.name == _FEED).values(last_position=last))
    return [Published(SpaceId(row["space_id"]), row["id"], row["event"]) for row in rows]


def find(tx: Tx, space: SpaceId, message_id: str) -> Message | None:
    query = select(outbox).where(outbox.c.space_id == space, outbox.c.id == message_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _message(row)


def list_feed(tx: Tx, space: SpaceId, *, after: int, limit: int) -> list[Message]:
    """Return what was published in a space after a feed position, in order."""
    t = outbox.c
    query = select(outbox).where(t.space_id == space, t.feed_position > after)
    rows = tx.execute(query.order_by(t.feed_position).limit(limit)).mappings()
    return [_message(row) for row in rows]


def last_of_feed(tx: Tx, space: SpaceId) -> Message | None:
    """Return what was published last in a space."""
    t = outbox.c
    query = select(outbox).where(t.space_id == space, t.feed_position.is_not(None))
    row = tx.execute(query.order_by(t.feed_position.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _message(row)


def list_since(
    tx: Tx, space: SpaceId, *, since: datetime, events: Collection[str] | None, limit: int
) -> list[Message]:
    """Return what was published in a space from a real time on, in order."""
    t = outbox.c
    query = select(outbox).where(t.space_id == space, t.published_at >= since)
    if events is not None:
        query = query.where(t.event.in_(list(events)))
    return [
        _message(row) for row in tx.execute(query.order_by(t.feed_position).limit(limit)).mappings()
    ]


def forget(tx: Tx, *, now: datetime) -> int:
    """Delete what was published longer ago than KEPT_FOR, but the last event of each object.

    The last one stays, so that an object's sequence goes on rising.
    """
    later = outbox.alias("later")
    newer = select(later.c.position).where(
        later.c.space_id == outbox.c.space_id,
        later.c.object_id == outbox.c.object_id,
        later.c.sequence > outbox.c.sequence,
    )
    old = outbox.c.published_at < now - KEPT_FOR
    return tx.execute(delete(outbox).where(old, newer.exists())).rowcount


def _message(row: Mapping[Any, Any]) -> Message:
    return Message(
        SpaceId(row["space_id"]),
        row["id"],
        row["event"],
        row["object_id"],
        row["sequence"],
        row["data"],
        row["created_at"],
        row["feed_position"],
    )
