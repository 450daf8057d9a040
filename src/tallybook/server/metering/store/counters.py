"""The SQL of counters."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, func, literal, select, text, tuple_

from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Tally
from tallybook.server.metering.tables.counters import counter_members, counters
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

_CHUNK: Final = 200
_KEY: Final = ("space_id", "subscription_id", "meter_id", "window", "start")
_COUNTED: Final = (
    "events", "total", "highest", "lowest", "latest", "latest_at", "members", "version",
)  # fmt: skip
_SAVE: Final = Prepared(
    lambda insert: insert(counters).on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: insert(counters).excluded[name] for name in _COUNTED},
    )
)
"""Each write of usage does it, as each check may ask for one."""
_ONE: Final = Prepared(
    lambda _: select(counters).where(
        counters.c.space_id == SPACE,
        *(counters.c[name] == bindparam(name) for name in _KEY[1:]),
    )
)


_PERIODS: Final = Prepared(
    lambda _: select(counters).where(
        counters.c.space_id == SPACE,
        one_of(counters.c.subscription_id, "subs"),
        counters.c.window == literal(PERIOD_WINDOW),
    )
)
_WINDOWS: Final = Prepared(
    lambda _: (
        select(counters)
        .where(
            counters.c.space_id == SPACE,
            counters.c.subscription_id == bindparam("sub"),
            counters.c.meter_id == bindparam("meter"),
            counters.c.window == bindparam("kind"),
            counters.c.start >= bindparam("since"),
            counters.c.start < bindparam("until"),
        )
        .order_by(counters.c.start)
    )
)
_LOCK_ROWS: Final = text("""
    SELECT counters.*
    FROM unnest(
        CAST(:subscription_ids AS text[]), CAST(:meter_ids AS text[]),
        CAST(:windows AS text[]), CAST(:starts AS bigint[])
    ) AS wanted (subscription_id, meter_id, "window", start)
    JOIN counters USING (subscription_id, meter_id, "window", start)
    WHERE counters.space_id = :space
    ORDER BY subscription_id, meter_id, "window", start
    FOR UPDATE OF counters
""").columns(*counters.columns)
_LOCK: Final = Prepared(lambda _: _LOCK_ROWS)


def lock(tx: Tx, space: SpaceId, keys: Iterable[CounterKey]) -> dict[CounterKey, Tally]:
    """Return what these counters have counted; nobody else changes them before the commit.

    A counter that does not exist yet is made, so that there is a row to lock.
    """
    wanted = sorted(set(keys), key=_order)
    if tx.is_sqlite:  # there is one writer
        found = current(tx, space, wanted)
        return {key: found.get(key, Tally()) for key in wanted}
    found = _lock(tx, space, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        rows = [_to_row(space, key, Tally()) for key in missing]
        tx.connection.execute(tx.insert(counters).on_conflict_do_nothing(), rows)
        found |= _lock(tx, space, missing)
    return found


def _lock(tx: Tx, space: SpaceId, keys: Sequence[CounterKey]) -> dict[CounterKey, Tally]:
    names = {
        "subscription_ids": [key.subscription_id for key in keys],
        "meter_ids": [key.meter_id for key in keys],
        "windows": [key.window for key in keys],
        "starts": [to_micros(key.start) for key in keys],
    }
    return {_key(row): _tally(row) for row in tx.rows(_LOCK, space=space, **names)}


def read(tx: Tx, space: SpaceId, keys: Sequence[CounterKey]) -> dict[CounterKey, Tally]:
    """Return the counters that exist among these."""
    if all(_is_kept(tx, space, key) for key in keys):
        return _find_kept(tx, space, keys)
    if len(keys) == 1:
        (key,) = keys
        one = {name: getattr(key, name) for name in _KEY[1:]}
        found_one = tx.row(_ONE, space=space, **one)
        return {} if found_one is None else {key: _tally(found_one)}
    t = counters.c
    columns = tuple_(t.subscription_id, t.meter_id, t.window, t.start)
    found = {}
    for start in range(0, len(keys), _CHUNK):
        chunk = [
            (key.subscription_id, key.meter_id, key.window, key.start)
            for key in keys[start : start + _CHUNK]
        ]
        query = select(counters).where(t.space_id == space, columns.in_(chunk))
        for row in tx.execute(query).mappings():
            found[_key(row)] = _tally(row)
    return found


def keep_periods(tx: Tx, space: SpaceId, subscription_ids: Sequence[str]) -> None:
    """Read the counters of periods for gathered work: all that there are of subscriptions."""
    found: dict[str, dict[CounterKey, Tally]] = {one: {} for one in subscription_ids}
    for row in tx.rows(_PERIODS, space=space, subs=list(found)):
        found[row["subscription_id"]][_key(row)] = _tally(row)
    for sub_id, of_it in found.items():
        tx.keep(_kept(space, sub_id), of_it)


def _is_kept(tx: Tx, space: SpaceId, key: CounterKey) -> bool:
    return key.window == PERIOD_WINDOW and tx.is_kept(_kept(space, key.subscription_id))


def _find_kept(tx: Tx, space: SpaceId, keys: Sequence[CounterKey]) -> dict[CounterKey, Tally]:
    found = {}
    for key in keys:
        of_it: Mapping[CounterKey, Tally] = tx.kept(_kept(space, key.subscription_id), dict)
        if key in of_it:
            found[key] = of_it[key]
    return found


def _kept(space: SpaceId, subscription_id: str) -> tuple[str, SpaceId, str]:
    return ("period counters", space, subscription_id)


def list_windows(
    tx: Tx,
    space: SpaceId,
    *,
    subscription_id: str,
    meter_id: str,
    window: str,
    start: datetime,
    end: datetime,
) -> list[tuple[datetime, Tally]]:
    """Return the counters of one kind of window that start in [start, end), in order."""
    asked = {"sub": subscription_id, "meter": meter_id, "kind": window}
    rows = tx.rows(_WINDOWS, space=space, **asked, since=start, until=end)
    return [(row["start"], _tally(row)) for row in rows]


def scan(tx: Tx, space: SpaceId) -> Iterable[tuple[CounterKey, Tally]]:
    query = select(counters).where(counters.c.space_id == space)
    for row in tx.execute(query).mappings():
        yield _key(row), _tally(row)


def current(tx: Tx, space: SpaceId, keys: Collection[CounterKey]) -> dict[CounterKey, Tally]:
    """Return the counters that exist among these, from memory where it can."""
    wanted = {(space, key): key for key in keys}

    def load(missing: Collection[tuple[SpaceId, CounterKey]]) -> Mapping[Any, Tally]:
        found = read(tx, space, [key for _, key in missing])
        return {(space, key): tally for key, tally in found.items()}

    found = tx.remember_current(wanted, load)
    return {wanted[name]: tally for name, tally in found.items()}


def save(tx: Tx, space: SpaceId, tallies: Mapping[CounterKey, Tally]) -> None:
    if not tallies:
        return
    tx.changed({(space, key): tally for key, tally in tallies.items()})
    for key in tallies:
        tx.forget(_kept(space, key.subscription_id))
    tx.run_all(_SAVE, [_to_row(space, key, tallies[key]) for key in sorted(tallies, key=_order)])


def add_members(tx: Tx, space: SpaceId, key: CounterKey, members: Sequence[str]) -> list[str]:
    """Remember the members of a unique_count; return those that were new.

    The counter is locked, so nobody else adds to its members.
    """
    t = counter_members.c
    mine = _is(t, space, key)
    prints = {sha256(member.encode()).digest()[:16]: member for member in members}
    fresh = dict(sorted(prints.items()))
    wanted = list(fresh)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        query = select(t.member).where(*mine, t.member.in_(chunk))
        for known in tx.execute(query).scalars():
            fresh.pop(bytes(known), None)
    row = {
        "space_id": space,
        "subscription_id": key.subscription_id,
        "meter_id": key.meter_id,
        "window": key.window,
        "start": key.start,
    }
    if fresh:
        tx.execute(tx.insert(counter_members), [{**row, "member": known} for known in fresh])
    return list(fresh.values())


def find_members(tx: Tx, space: SpaceId, key: CounterKey, members: Sequence[str]) -> set[str]:
    """Return which of these members a unique_count has counted already."""
    prints = {sha256(member.encode()).digest()[:16]: member for member in members}
    t = counter_members.c
    query = select(t.member).where(*_is(t, space, key), t.member.in_(sorted(prints)))
    return {prints[bytes(known)] for known in tx.execute(query).scalars()}


def count_members(tx: Tx, space: SpaceId) -> dict[CounterKey, int]:
    """Return how many members each unique_count has counted."""
    t = counter_members.c
    place = (t.subscription_id, t.meter_id, t.window, t.start)
    query = select(*place, func.count().label("kept")).where(t.space_id == space).group_by(*place)
    return {_key(row): row["kept"] for row in tx.execute(query).mappings()}


def forget_members(tx: Tx, space: SpaceId, keys: Iterable[CounterKey]) -> None:
    """Forget who was counted, for counters that are about to be counted anew."""
    for key in sorted(keys, key=_order):
        tx.execute(delete(counter_members).where(*_is(counter_members.c, space, key)))


def list_keys(tx: Tx, space: SpaceId, subscription_id: str, *, since: datetime) -> list[CounterKey]:
    """Return the counters of a subscription that start at `since` or later."""
    t = counters.c
    columns = (t.subscription_id, t.meter_id, t.window, t.start)
    mine = (t.space_id == space, t.subscription_id == subscription_id, t.start >= since)
    return [_key(row) for row in tx.execute(select(*columns).where(*mine)).mappings()]


def _is(columns: Any, space: SpaceId, key: CounterKey) -> tuple[ColumnElement[bool], ...]:
    return (
        columns.space_id == space,
        columns.subscription_id == key.subscription_id,
        columns.meter_id == key.meter_id,
        columns.window == key.window,
        columns.start == key.start,
    )


def _order(key: CounterKey) -> tuple[str, str, str, datetime]:
    return key.subscription_id, key.meter_id, key.window, key.start


def _key(row: Mapping[Any, Any]) -> CounterKey:
    return CounterKey(row["subscription_id"], row["meter_id"], row["window"], row["start"])


def _tally(row: Mapping[Any, Any]) -> Tally:
    return Tally(
        events=row["events"],
        total=row["total"],
        highest=row["highest"],
        lowest=row["lowest"],
        latest=row["latest"],
        latest_at=row["latest_at"],
        members=row["members"],
        version=row["version"],
    )


def _to_row(space: SpaceId, key: CounterKey, tally: Tally) -> dict[str, Any]:
    return {
        "space_id": space,
        "subscription_id": key.subscription_id,
        "meter_id": key.meter_id,
        "window": key.window,
        "start": key.start,
        "events": tally.events,
        "total": tally.total,
        "highest": tally.highest,
        "lowest": tally.lowest,
        "latest": tally.latest,
        "latest_at": tally.latest_at,
        "members": tally.members,
        "version": tally.version,
    }
