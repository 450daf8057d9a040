"""Events after they came in: taken out of the count, or matched at last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from msgspec.json import Decoder
from msgspec.structs import replace

from tallybook.server.costs import record
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.kernel.clock import to_micros
from tallybook.server.metering import meters
from tallybook.server.metering.models import Event, EventStatus
from tallybook.server.metering.rules.event_ids import read_event_id
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx

from .errors import EventNotFound
from .models import Incoming, Named
from .names import load_names
from .recount import recount
from .rules.costs import drafts_of
from .rules.enrich import Placed, enrich
from .rules.lanes import Names

REPLAY_MAX: Final = 1_000
_decoder = Decoder(float_hook=Decimal)


def find(tx: Tx, space: Space, event_id: str) -> Event:
    """Errors: EventNotFound."""
    known = read_event_id(event_id)
    event = None if known is None else events.find_by_position(tx, space.id, known[0])
    if event is None or event.id != event_id:
        raise EventNotFound(event_id=event_id)
    return event


def void(tx: Tx, space: Space, event_id: str, *, now: datetime) -> Event:
    """Take an event out of every count; its key stays taken. Voiding again changes nothing.

    Where its period is invoiced, the next invoice brings the difference (semantics, choice 13).
    Errors: EventNotFound.
    """
    event = find(tx, space, event_id)
    customer_id = event.owner.customer_id
    if customer_id is not None:
        events.hold_customers(tx, space.id, {customer_id})
        event = find(tx, space, event_id)  # as the wait left it
    if event.status is EventStatus.VOIDED:
        return event
    voided = replace(event, status=EventStatus.VOIDED, over_limit=False)
    events.rewrite(tx, space.id, [voided])
    record.void_of_event(tx, space, event.id, now=now)
    if customer_id is not None and event.subscription_id is not None:
        recount(tx, space, customer_id, since=event.at, now=now)
    return voided


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a part of the events that wait."""

    matched: int
    unmatched: int  # still
    duplicates: int  # voided: their key was used since
    last_id: str | None  # the event to go on after; None: there are no more


def replay(
    tx: Tx,
    space: Space,
    *,
    now: datetime,
    event_ids: Sequence[str] | None = None,
    after: int = 0,
) -> Replayed:
    """Match unmatched events anew, the oldest first, and count those that now have a place.

    Errors: EventNotFound, for an id that is none of the space's.
    """
    if event_ids is None:
        waiting = events.list_unmatched(tx, space.id, after=after, limit=REPLAY_MAX)
    else:
        found = [find(tx, space, event_id) for event_id in dict.fromkeys(event_ids)]
        waiting = [event for event in found if event.status is EventStatus.UNMATCHED]
    last_id = waiting[-1].id if event_ids is None and len(waiting) == REPLAY_MAX else None
    waiting = _hold(tx, space, waiting)
    items = [_as_sent(event) for event in waiting]
    names = load_names(tx, space.id, items, now)
    placed = [
        _placed(event, item, names, space, now) for event, item in zip(waiting, items, strict=True)
    ]
    matched = [event for event in placed if event is not None]
    keys = sorted({(events.pack_owner(event.owner), event.idempotency_key) for event in matched})
    taken = events.find_by_keys(tx, space.id, keys)
    fresh: list[Event] = []
    repeated: list[Event] = []
    for event in matched:
        first = taken.get((events.pack_owner(event.owner), event.idempotency_key))
        is_free = first is None or first.position == event.position
        (fresh if is_free else repeated).append(event)
    events.rewrite(tx, space.id, fresh)
    positions = {event.position for event in repeated}
    doubles = [event for event in waiting if event.position in positions]
    gone = EventStatus.VOIDED
    events.rewrite(tx, space.id, [replace(one, status=gone, reason="duplicate") for one in doubles])
    for double in doubles:
        record.void_of_event(tx, space, double.id, now=now)
    for match, item in zip(placed, items, strict=True):
        if match is not None and match.position not in positions:
            currency = space.default_currency
            drafts = drafts_of(item, names, currency, agent_id=match.agent_id, at=match.at)
            record.place_of_event(tx, space, match.id, _whose(match), drafts, now=now)
    _count(tx, space, fresh, now)
    return Replayed(
        matched=len(fresh),
        unmatched=len(waiting) - len(matched),
        duplicates=len(repeated),
        last_id=last_id,
    )


def _whose(event: Event) -> record.Place:
    return record.Place(
        at=event.at,
        received_at=event.received_at,
        customer_id=event.owner.customer_id,
        agent_id=event.agent_id,
    )


def _hold(tx: Tx, space: Space, waiting: Sequence[Event]) -> list[Event]:
    """Keep other usage of these customers out, and return what waits still."""
    owners = [event.owner for event in waiting]
    ids = {owner.customer_id for owner in owners if owner.customer_id is not None}
    named = {o.customer_external_id for o in owners if o.customer_external_id is not None}
    known, found = customers.find_ids(tx, space.id, ids=ids, external_ids=named)
    events.hold_customers(tx, space.id, known | set(found.values()))
    positions = [event.position for event in waiting]
    return events.list_unmatched(tx, space.id, positions=positions, limit=len(positions))


def _count(tx: Tx, space: Space, fresh: Sequence[Event], now: datetime) -> None:
    meters.mark_events_seen(tx, space.id, {e.meter_id for e in fresh if e.meter_id is not None})
    earliest: dict[str, datetime] = {}
    for event in fresh:
        assert event.owner.customer_id is not None
        known = earliest.get(event.owner.customer_id, event.at)
        earliest[event.owner.customer_id] = min(known, event.at)
    for customer_id, since in sorted(earliest.items()):
        recount(tx, space, customer_id, since=since, now=now)


def _placed(
    event: Event,
    item: Incoming,
    names: Names,
    space: Space,
    now: datetime,
) -> Event | None:
    """Return the event with its names resolved, without a place yet; None: it waits on."""
    made = enrich(
        item,
        names,
        position=event.position,
        now=now,
        backfill=True,
        zone=space.zone,
    )
    if not isinstance(made, Placed) or made.row.reason is not None:
        return None
    return replace(
        made.row.as_event(event.received_at, over_limit=False),
        content=event.content,
        subscription_id=None,
        period=None,
    )


def _as_sent(event: Event) -> Incoming:
    named = Named(
        customer_id=event.owner.customer_id,
        customer_external_id=event.owner.customer_external_id,
        meter_ref=event.meter_id or event.meter_ref,
        subscription_id=event.subscription_ref,
        agent_ref=event.agent_id or event.agent_ref,
        action_type=event.action_type,
    )
    return Incoming(
        named,
        event.quantity,
        to_micros(event.at),
        event.idempotency_key,
        attributes=_read(event.attributes),
        attributes_text=event.attributes,
        metadata_text=event.metadata,
    )


def _read(text: str | None) -> Any:
    return None if text is None else _decoder.decode(text)
