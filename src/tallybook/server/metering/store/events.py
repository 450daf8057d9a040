"""The SQL of event rows that are there: reads, and what becomes of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from msgspec import structs
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    Select,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    not_,
    select,
    tuple_,
    update,
)

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO, plain
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import Event, EventStatus, Owner, row_of
from tallybook.server.metering.rules.packed import pack, pack_owner, unpack
from tallybook.server.metering.tables.events import events
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

_CHUNK: Final = 400
_SCAN: Final = 5_000
_SHORT_CHARS_MAX: Final = 11  # of a whole number that SQLite adds itself
_REWRITTEN: Final = (
    "owner", "status", "over_limit", "meter", "subscription", "period", "agent", "value",
    "member", "customer_external_id", "meter_ref", "agent_ref", "reason",
)  # fmt: skip
_USED: Final = Prepared(
    lambda _: (
        select(events.c.owner)
        .where(
            events.c.space_id == SPACE,
            one_of(events.c.owner, "owners"),
            events.c.at >= bindparam("since"),
            events.c.status == EventStatus.ACCEPTED.value,
        )
        .distinct()
    )
)
_WAITING: Final = Prepared(
    lambda _: (
        select(events.c.owner)
        .where(
            events.c.space_id == SPACE,
            events.c.owner == any_(bindparam("owners", type_=ARRAY(LargeBinary))),
        )
        .distinct()
    )
)
_SHARE: Final = "SELECT pg_advisory_xact_lock_shared(name) FROM unnest(%s::bigint[]) AS name"
_HOLD: Final = "SELECT pg_advisory_xact_lock(name) FROM unnest(%s::bigint[]) AS name"


def share_customers(tx: Tx, space: SpaceId, customer_ids: Collection[str]) -> None:
    """Keep customers from being recounted until the commit; any number may share them."""
    _hold(tx, space, customer_ids, _SHARE)


def hold_customers(tx: Tx, space: SpaceId, customer_ids: Collection[str]) -> None:
    """Keep usage of customers out until the commit, and wait for what is on its way in."""
    _hold(tx, space, customer_ids, _HOLD)


def _hold(tx: Tx, space: SpaceId, customer_ids: Collection[str], lock: str) -> None:
    if tx.is_sqlite or not customer_ids:  # on SQLite there is one writer
        return
    hashes = sorted(
        int.from_bytes(
            blake2b(f"usage {space} {customer_id}".encode(), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for customer_id in customer_ids
    )
    with tx.driver.cursor() as cursor:
        cursor.execute(lock, [hashes])


def are_used_since(
    tx: Tx, space: SpaceId, customer_ids: Sequence[str], *, since: datetime
) -> set[str]:
    """Return which customers have counted usage from a time on."""
    owners = {pack_owner(Owner(one, None)): one for one in customer_ids}
    rows = tx.rows(_USED, space=space, since=to_micros(since), owners=list(owners))
    return {owners[bytes(row["owner"])] for row in rows}


def remove(tx: Tx, space: SpaceId, positions: Sequence[int]) -> None:
    """Take back rows of this transaction, and with them their keys."""
    t = events.c
    for start in range(0, len(positions), _CHUNK):
        chunk = positions[start : start + _CHUNK]
        tx.execute(delete(events).where(t.space_id == space, t.position.in_(chunk)))


def find_by_keys(
    tx: Tx, space: SpaceId, keys: Sequence[tuple[bytes, str]]
) -> dict[tuple[bytes, str], Event]:
    """Return the stored events that hold these (owner, key) pairs."""
    found: dict[tuple[bytes, str], Event] = {}
    t = events.c
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        query = select(events).where(t.space_id == space, tuple_(t.owner, t.key).in_(chunk))
        for row in tx.execute(query).mappings():
            found[(bytes(row["owner"]), row["key"])] = from_row(row)
    return found


def find_waiting(tx: Tx, space: SpaceId, external_ids: Iterable[str]) -> dict[str, bytes]:
    """Return the owners under which events wait for a customer of one of these external ids."""
    owners = {pack_owner(Owner(None, external_id)): external_id for external_id in external_ids}
    wanted, t = list(owners), events.c
    found: dict[str, bytes] = {}
    if not tx.is_sqlite:
        rows = tx.rows(_WAITING, space=space, owners=wanted)
        return {owners[bytes(row["owner"])]: bytes(row["owner"]) for row in rows}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        query = select(t.owner).where(t.space_id == space, t.owner.in_(chunk)).distinct()
        for owner in tx.execute(query).scalars():
            found[owners[bytes(owner)]] = bytes(owner)
    return found


def find_by_position(tx: Tx, space: SpaceId, position: int) -> Event | None:
    t = events.c
    query = select(events).where(t.space_id == space, t.position == position)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def mark_over_limit(tx: Tx, space: SpaceId, positions: Sequence[int]) -> None:
    t = events.c
    for start in range(0, len(positions), _CHUNK):
        mine = (t.space_id == space, t.position.in_(positions[start : start + _CHUNK]))
        tx.execute(update(events).where(*mine).values(over_limit=1))


def _usage(
    space: SpaceId,
    customer_id: str,
    *,
    start: datetime | None,
    end: datetime | None,
    meter_id: str | None,
    agent_id: str | None,
) -> Select[Any]:
    t = events.c
    query = select(events).where(t.space_id == space, t.owner == pack(customer_id))
    if start is not None:
        query = query.where(t.at >= to_micros(start))
    if end is not None:
        query = query.where(t.at < to_micros(end))
    if meter_id is not None:
        query = query.where(t.meter == pack(meter_id))
    if agent_id is not None:
        query = query.where(t.agent == pack(agent_id))
    return query


def list_usage(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    page: PageRequest,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    meter_id: str | None = None,
    agent_id: str | None = None,
    subscription_id: str | None = None,
) -> Rows:
    """A customer's events by event time; a page's key is the position.

    With `subscription_id`, those alone that it counts.
    """
    query = _usage(space, customer_id, start=start, end=end, meter_id=meter_id, agent_id=agent_id)
    if subscription_id is not None:
        counted = events.c.status == EventStatus.ACCEPTED.value
        query = query.where(counted, events.c.subscription == pack(subscription_id))
    return fetch(tx, query, page, key=events.c.position, sorts={"at": events.c.at}, default="at")


def list_events(
    tx: Tx, space: SpaceId, page: PageRequest, *, status: EventStatus | None = None
) -> Rows:
    """The space's events by receipt."""
    query = select(events).where(events.c.space_id == space, events.c.position > 0)
    if status is not None:
        query = query.where(events.c.status == status.value)
    position = events.c.position
    return fetch(tx, query, page, key=position, sorts={"position": position}, default="position")


def scan_customer(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    span: Span,
    *,
    meter_id: str | None = None,
) -> Iterator[Event]:
    """Return every counted event of a customer in a span, by event time."""
    query = _usage(
        space, customer_id, start=span.start, end=span.end, meter_id=meter_id, agent_id=None
    )
    t = events.c
    return _scan(tx, query.where(t.status == EventStatus.ACCEPTED.value), t.at, t.position)


def scan_subscribed(tx: Tx, space: SpaceId) -> Iterator[Event]:
    """Return every event that a subscription counts, in the order they came."""
    t = events.c
    counted = (t.status == EventStatus.ACCEPTED.value, t.subscription.is_not(None))
    mine = (t.space_id == space, t.position > 0)  # a bound, for SQLite to go by position
    return _scan(tx, select(events).where(*mine, *counted), t.position)


def _scan(tx: Tx, query: Select[Any], *order: Column[Any]) -> Iterator[Event]:
    """Read a long list in parts: no database then holds all of it in memory."""
    part = query.order_by(*order).limit(_SCAN)
    rows = tx.execute(part).mappings().all()
    while rows:
        for row in rows:
            yield from_row(row)
        if len(rows) < _SCAN:
            return
        last = tuple_(*(literal(rows[-1][column.name]) for column in order))
        rows = tx.execute(part.where(tuple_(*order) > last)).mappings().all()


def save_places(tx: Tx, space: SpaceId, moved: Sequence[Event]) -> None:
    """Store which subscription and period events count for, and whether over the limit."""
    if not moved:
        return
    t = events.c
    statement = (
        update(events)
        .where(t.space_id == space, t.position == bindparam("row"))
        .values(
            subscription=bindparam("sub"), period=bindparam("number"), over_limit=bindparam("over")
        )
    )
    tx.execute(
        statement,
        [
            {
                "row": event.position,
                "sub": pack(event.subscription_id),
                "number": event.period,
                "over": int(event.over_limit),
            }
            for event in moved
        ],
    )


def list_unmatched(
    tx: Tx, space: SpaceId, *, positions: Sequence[int] | None = None, after: int = 0, limit: int
) -> list[Event]:
    """Return events that wait, the oldest first: those at `positions`, or all `after` one."""
    t = events.c
    query = select(events).where(t.space_id == space, t.status == EventStatus.UNMATCHED.value)
    if positions is None:
        query = query.where(t.position > after)
    else:
        query = query.where(t.position.in_(positions))
    rows = tx.execute(query.order_by(t.position).limit(limit)).mappings()
    return [from_row(row) for row in rows]


def rewrite(tx: Tx, space: SpaceId, changed: Sequence[Event]) -> None:
    """Store what became of events: whose they are, what they measure, whether they count."""
    if not changed:
        return
    t = events.c
    statement = (
        update(events)
        .where(t.space_id == space, t.position == bindparam("row"))
        .values({name: bindparam(f"new_{name}") for name in _REWRITTEN})
    )
    rows = []
    for event in changed:
        row = structs.asdict(row_of(event)) | {"value": event.value}
        row["over_limit"] = int(event.over_limit)
        new = {f"new_{name}": row[name] for name in _REWRITTEN}
        rows.append({"row": event.position, **new})
    tx.execute(statement, rows)


def count_by_meter(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    span: Span,
    *,
    meter_id: str | None,
) -> dict[str, int]:
    """Return the number of counted events of each meter in a span."""
    t = events.c
    base = _usage(
        space, customer_id, start=span.start, end=span.end, meter_id=meter_id, agent_id=None
    )
    query = base.where(t.status == EventStatus.ACCEPTED.value).with_only_columns(
        t.meter, func.count().label("events")
    )
    found = {}
    for row in tx.execute(query.group_by(t.meter)).mappings():
        meter = unpack("mtr", row["meter"])
        assert meter is not None
        found[meter] = row["events"]
    return found


def sum_by_meter(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    span: Span,
    *,
    meter_id: str | None,
    by: Sequence[str],
) -> list[tuple[str, dict[str, Any], int, Decimal]]:
    """Return (meter id, group, events, sum of values) of a span, added up by the database."""
    t = events.c
    groups = [t.meter, *(t.agent for name in by if name == "agent")]
    base = _usage(
        space, customer_id, start=span.start, end=span.end, meter_id=meter_id, agent_id=None
    )
    rows = base.where(t.status == EventStatus.ACCEPTED.value).with_only_columns(
        *groups, func.count().label("events"), *_exact_sums(tx)
    )
    made = []
    for row in tx.execute(rows.group_by(*groups)).mappings():
        meter = unpack("mtr", row["meter"])
        assert meter is not None
        group = {"agent": unpack("agt", row["agent"])} if "agent" in by else {}
        made.append((meter, group, row["events"], _total(row)))
    return made


def sum_of_space(
    tx: Tx, space: SpaceId, span: Span, meter_ids: Collection[str]
) -> dict[str, Decimal]:
    """Return the sum of values of each of these meters in a span, of all customers."""
    t = events.c
    query = (
        select(t.meter, *_exact_sums(tx))
        .where(
            t.space_id == space,
            t.status == EventStatus.ACCEPTED.value,
            t.at >= to_micros(span.start),
            t.at < to_micros(span.end),
            t.meter.in_([pack(meter_id) for meter_id in sorted(meter_ids)]),
        )
        .group_by(t.meter)
    )
    found = {}
    for row in tx.execute(query).mappings():
        meter = unpack("mtr", row["meter"])
        assert meter is not None
        found[meter] = _total(row)
    return found


def _exact_sums(tx: Tx) -> tuple[ColumnElement[Any], ...]:
    """Return columns whose sum, by `_total`, is the exact sum of the values.

    On SQLite short whole numbers, which most are, are added as 64-bit integers, and what is left
    by Python. A sum of those could overflow only after 90 million events.
    """
    value = events.c.value
    if not tx.is_sqlite:
        return (func.sum(value).label("total"),)
    is_short = and_(func.length(value) <= _SHORT_CHARS_MAX, func.instr(value, ".") == 0)
    whole = func.sum(cast(value, BigInteger)).filter(is_short)
    rest = func.decimal_sum(value).filter(not_(is_short))
    return rest.label("total"), whole.label("whole")


def _total(row: Mapping[Any, Any]) -> Decimal:
    total = ZERO if row["total"] is None else Decimal(str(row["total"]))
    return Decimal(plain(EXACT.add(total, row.get("whole") or 0)))


def from_row(row: Mapping[Any, Any]) -> Event:
    external_id = row["customer_external_id"]
    customer_id = unpack("cus", row["owner"]) if external_id is None else None
    return Event(
        position=row["position"],
        owner=Owner(customer_id, external_id),
        meter_id=unpack("mtr", row["meter"]),
        meter_ref=row["meter_ref"],
        quantity=row["quantity"],
        value=row["value"],
        member=row["member"],
        at=from_micros(row["at"]),
        received_at=from_micros(row["received_at"]),
        idempotency_key=row["key"],
        content=row["content"],
        status=EventStatus(row["status"]),
        reason=row["reason"],
        subscription_ref=row["subscription_ref"],
        subscription_id=unpack("sub", row["subscription"]),
        period=row["period"],
        agent_id=unpack("agt", row["agent"]),
        agent_ref=row["agent_ref"],
        action_type=row["action_type"],
        attributes=row["attributes"],
        metadata=row["metadata"],
        over_limit=bool(row["over_limit"]),
    )
