"""The only door for usage: everything an event touches, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import replace

from tallybook.server.costs import record
from tallybook.server.costs.rules.derive import Draft
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Event, EventStatus, First, Owner
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import TimelinePeriod

from . import counting
from .accrual import booked, touched_by
from .models import Counted, Incoming, Refused, Verdict
from .names import load_names
from .rules.costs import drafts_of
from .rules.enrich import Enriching, Placed
from .rules.lanes import Names

Key = tuple[bytes, str]

_WHY: Final = {
    "customer_not_found": "There is no such customer.",
    "meter_not_found": "There is no such meter.",
    "agent_not_found": "There is no such agent, and no meter is named.",
    "meter_ambiguous": "The agent's actions do not give exactly one meter: name it.",
    "value_missing": "The event lacks a number in the attribute that its meter aggregates.",
}
_WHERE: Final = {
    "customer_not_found": "/customer_external_id",
    "meter_not_found": "/meter",
    "agent_not_found": "/agent",
    "meter_ambiguous": "/meter",
    "value_missing": "/attributes",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and how a batch came in."""

    now: datetime  # the space's time
    received_at: datetime  # real time
    backfill: bool = False
    strict: bool = False  # what cannot be placed is refused instead of kept unmatched
    is_decided: bool = False  # it may be used: limits were asked, or it has been used already


def admit(
    tx: Tx, space: Space, items: Sequence[Incoming | Refused], arrival: Arrival
) -> list[Verdict]:
    """Store a batch and count it; return what became of each item, in order.

    Holds: of all events with one key of one customer, the first is stored and counted, once.
    """
    incoming = [item for item in items if isinstance(item, Incoming)]
    names = load_names(tx, space.id, incoming, arrival.now)
    placed = _place(tx, space, items, names, arrival)
    rows = [item.event for item in placed if isinstance(item, Placed)]
    taken = _taken_while_unknown(tx, space.id, incoming, names)
    new = [row for row in rows if _key_of(row) not in taken] if taken else rows
    fresh = events.insert_new(tx, space.id, new)
    counted = _counted(placed, fresh)
    kept_out: set[Key] = set()
    if space.settings.enforce_at_ingest and not (arrival.backfill or arrival.is_decided):
        refused = counting.refuse(tx, space.id, counted)
        kept_out = {_key_of(row) for row in rows if row.position in refused}
        events.remove(tx, space.id, sorted(refused))  # their keys are free again
        fresh -= refused
        counted = _counted(placed, fresh)
    near = space.settings.limit_approaching
    touched = touched_by(counted) if space.watches_revenue else ()
    with booked(tx, space, names.timelines, touched, arrival.now):
        over_limit = counting.add(tx, space.id, counted, arrival.now, near=near)
    events.mark_over_limit(tx, space.id, sorted(over_limit))
    record_costs(tx, space, items, placed, fresh, names, arrival.now)
    _mark_meters(tx, space.id, names, [row for row in rows if row.position in fresh])
    old = [row for row in rows if row.position not in fresh]
    repeated = {_key_of(row) for row in old} - taken.keys() - kept_out
    find = events.find_by_keys if arrival.strict else events.find_firsts
    first: dict[Key, Event | First] = {**find(tx, space.id, sorted(repeated)), **taken}
    verdicts = [
        _refusal(item)
        if isinstance(item, Refused)
        else _taken(item.event, item.event.position in over_limit)
        if item.event.position in fresh
        else _past_limit(item.event)
        if _key_of(item.event) in kept_out
        else _repeat(item.event, first[_key_of(item.event)])
        for item in placed
    ]
    if not arrival.strict:
        return verdicts  # a batch's answer does not show its events
    return _with_names(tx, space.id, verdicts, names)


def _counted(placed: Sequence[Placed | Refused], fresh: Collection[int]) -> list[Counted]:
    return [
        item.counted
        for item in placed
        if isinstance(item, Placed) and item.counted is not None and item.event.position in fresh
    ]


def _past_limit(event: Event) -> Verdict:
    detail = "It would go past the limit, which the project has enforced as events come in."
    return Verdict(
        "rejected", event.idempotency_key, code="limit_reached", detail=detail, pointer="/quantity"
    )


def _place(
    tx: Tx,
    space: Space,
    items: Sequence[Incoming | Refused],
    names: Names,
    arrival: Arrival,
) -> list[Placed | Refused]:
    positions = iter(events.reserve_positions(tx, len(items)))
    enriching = Enriching(
        names,
        now=arrival.now,
        received_at=arrival.received_at,
        backfill=arrival.backfill,
        zone=space.zone,
    )
    placed: list[Placed | Refused] = []
    for item in items:
        if isinstance(item, Refused):
            placed.append(item)
            continue
        made = enriching.place(item, next(positions))
        if arrival.strict and isinstance(made, Placed) and made.event.reason is not None:
            reason = made.event.reason
            made = Refused(reason, _WHY[reason], _WHERE[reason], item.idempotency_key)
        placed.append(made)
    return placed


def record_costs(
    tx: Tx,
    space: Space,
    items: Sequence[Incoming | Refused],
    placed: Sequence[Placed | Refused],
    fresh: Collection[int],
    names: Names,
    now: datetime,
) -> None:
    """Store what the fresh events of a batch cost; most cost nothing that they say."""
    drafted: list[tuple[str, record.Place, Sequence[Draft]]] = []
    for item, made in zip(items, placed, strict=True):
        if isinstance(item, Refused) or isinstance(made, Refused):
            continue
        if item.meter_ref is not None and item.attributes is None:
            continue  # says no cost, and no agent's work is asked what it is
        event = made.event
        if event.position not in fresh:
            continue
        drafts = drafts_of(item, event, names, space.default_currency)
        if drafts:
            place = record.Place(
                at=event.at,
                received_at=event.received_at,
                customer_id=event.owner.customer_id,
                customer_external_id=event.owner.customer_external_id,
                agent_id=event.agent_id,
            )
            drafted.append((event.id, place, drafts))
    record.record_of_events(tx, space, drafted, now=now)


def _taken_while_unknown(
    tx: Tx, space: SpaceId, items: Sequence[Incoming], names: Names
) -> dict[Key, Event]:
    """Return the events that hold a key of a customer since before the customer was known.

    They wait, unmatched, under its external id; the key is theirs, and a repeat is a repeat.
    """
    named = names.external_ids
    load = partial(events.find_waiting, tx, space)
    if tx.is_sqlite:  # nobody comes to wait under the name of a customer that is there
        waiting = tx.remember_all(("waiting", space), named, load) if named else {}
    else:  # but for a batch that was on its way when the customer was made
        waiting = load(named) if named else {}
    if not waiting:
        return {}
    keys: dict[Key, Key] = {}
    for item in items:
        owner = waiting.get(item.customer_external_id or "")
        if owner is not None and item.customer_external_id is not None:
            customer = Owner(named[item.customer_external_id], None)
            key = item.idempotency_key
            keys[owner, key] = (events.pack_owner(customer), key)
    found = events.find_by_keys(tx, space, sorted(keys))
    return {keys[key]: event for key, event in found.items()}


def _mark_meters(tx: Tx, space: SpaceId, names: Names, stored: Sequence[Event]) -> None:
    seen = {meter.id for meter in names.meters.values() if meter.events_seen}
    first = {row.meter_id for row in stored if row.meter_id is not None} - seen
    if first:
        tx.keeps_memory = False  # the meters are not what they were
        meters.mark_events_seen(tx, space, first)


def _key_of(event: Event) -> Key:
    return events.pack_owner(event.owner), event.idempotency_key


def _refusal(item: Refused) -> Verdict:
    return Verdict(
        "rejected", item.idempotency_key, code=item.code, detail=item.detail, pointer=item.pointer
    )


def _taken(event: Event, over_limit: bool) -> Verdict:
    unmatched = event.status is EventStatus.UNMATCHED
    return Verdict(
        "unmatched" if unmatched else "accepted",
        event.idempotency_key,
        event.id,
        event,
        code=event.reason,
        detail=_WHY[event.reason] if event.reason else None,
        over_limit=over_limit,
    )


def _repeat(event: Event, first: Event | First) -> Verdict:
    conflict = event.content != first.content
    return Verdict(
        "duplicate",
        event.idempotency_key,
        first.id,
        first if isinstance(first, Event) else None,
        code="conflict" if conflict else None,
        detail="The first event with this key has other content; it stays." if conflict else None,
        over_limit=first.over_limit,
    )


def _with_names(tx: Tx, space: SpaceId, verdicts: Sequence[Verdict], names: Names) -> list[Verdict]:
    """Return the verdicts with the meter's key and the period of their events."""
    ids = {v.event.meter_id for v in verdicts if v.event is not None and v.event.meter_id}
    known: dict[str, str] = {meter.id: meter.key for meter in names.meters.values()}
    if unknown := ids - known.keys():
        found = meters.find_meters(tx, space, unknown)
        known.update({meter.id: meter.key for meter in found.values()})
    periods = periods_of(names)
    return [
        verdict
        if verdict.event is None
        else replace(
            verdict,
            event=replace(verdict.event, over_limit=verdict.over_limit),
            meter_key=known.get(verdict.event.meter_id or ""),
            period=periods.get((verdict.event.subscription_id, verdict.event.period)),
        )
        for verdict in verdicts
    ]


def periods_of(names: Names) -> Mapping[tuple[str | None, int | None], TimelinePeriod]:
    """Return the periods of everybody's subscriptions, by subscription and number."""
    return {
        (line.id, period.number): period
        for lines in names.timelines.values()
        for line in lines
        for period in line.periods
    }
