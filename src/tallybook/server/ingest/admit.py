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
from tallybook.server.kernel.clock import from_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Event, First, Owner, Row
from tallybook.server.metering.rules.event_ids import event_id, event_ids
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import TimelinePeriod

from . import counting
from .accrual import booked, touched_by
from .models import Incoming, Refused, Verdict
from .names import load_names
from .rules.costs import brings_cost, drafts_of
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
    incoming = [item for item in items if item.__class__ is Incoming]
    names = load_names(tx, space.id, incoming, arrival.now)
    made = _place(tx, space, items, names, arrival)
    placed = [one for one in made if one.__class__ is Placed]
    taken = _taken_while_unknown(tx, space.id, incoming, names)
    new = [one for one in placed if _key_of(one) not in taken] if taken else placed
    known = events.insert_new(tx, space.id, [one.row for one in new], arrival.received_at)
    fresh = [one for one in new if one.row.position not in known] if known else new
    kept_out: set[int] = set()
    if space.settings.enforce_at_ingest and not (arrival.backfill or arrival.is_decided):
        kept_out = counting.refuse(tx, space.id, [e for one in fresh if (e := one.counted)])
        events.remove(tx, space.id, sorted(kept_out))  # their keys are free again
        fresh = [one for one in fresh if one.row.position not in kept_out]
    near = space.settings.limit_approaching
    touched = touched_by(fresh) if space.watches_revenue else ()
    with booked(tx, space, names.timelines, touched, arrival.now):
        over_limit = counting.add(tx, space.id, fresh, arrival.now, near=near)
    events.mark_over_limit(tx, space.id, sorted(over_limit))
    _record_costs(tx, space, items, made, fresh, names, arrival)
    _mark_meters(tx, space.id, names, fresh)
    if len(fresh) == len(items) and not arrival.strict:
        return _taken(fresh, over_limit, arrival)
    return _tell(tx, space, made, fresh, taken, kept_out, over_limit, names, arrival)


def _tell(
    tx: Tx,
    space: Space,
    made: Sequence[Placed | Refused],
    fresh: Sequence[Placed],
    taken: Mapping[Key, Event],
    kept_out: Collection[int],
    over_limit: Collection[int],
    names: Names,
    arrival: Arrival,
) -> list[Verdict]:
    """Return what became of each item, where not all are simply stored."""
    stored = {one.row.position for one in fresh}
    placed = [one for one in made if isinstance(one, Placed)]
    kept = {_key_of(one) for one in placed if one.row.position in kept_out}
    old = {_key_of(one) for one in placed if one.row.position not in stored}
    repeated = sorted(old - taken.keys() - kept)
    find = events.find_by_keys if arrival.strict else events.find_firsts
    first: dict[Key, Event | First] = {**find(tx, space.id, repeated), **taken}
    verdicts = iter(_taken(fresh, over_limit, arrival))
    told = [
        _refusal(one)
        if isinstance(one, Refused)
        else next(verdicts)
        if one.row.position in stored
        else _past_limit(one.row)
        if _key_of(one) in kept
        else _repeat(one.row, first[_key_of(one)])
        for one in made
    ]
    # a batch's answer does not show its events
    return _with_names(tx, space.id, told, names) if arrival.strict else told


def _past_limit(row: Row) -> Verdict:
    detail = "It would go past the limit, which the project has enforced as events come in."
    return Verdict("rejected", row.key, code="limit_reached", detail=detail, pointer="/quantity")


def _place(
    tx: Tx,
    space: Space,
    items: Sequence[Incoming | Refused],
    names: Names,
    arrival: Arrival,
) -> list[Placed | Refused]:
    positions = events.reserve_positions(tx, len(items))
    enriching = Enriching(names, now=arrival.now, backfill=arrival.backfill, zone=space.zone)
    made = [
        item if isinstance(item, Refused) else enriching.place(item, position)
        for item, position in zip(items, positions, strict=True)
    ]
    if not arrival.strict:
        return made
    return [
        one
        if isinstance(one, Refused) or (reason := one.row.reason) is None
        else Refused(reason, _WHY[reason], _WHERE[reason], one.row.key)
        for one in made
    ]


def _record_costs(
    tx: Tx,
    space: Space,
    items: Sequence[Incoming | Refused],
    made: Sequence[Placed | Refused],
    fresh: Sequence[Placed],
    names: Names,
    arrival: Arrival,
) -> None:
    """Store what the fresh events of a batch cost; most cost nothing that they say."""
    telling = [
        (item, one)
        for item, one in zip(items, made, strict=True)
        if isinstance(item, Incoming)
        and (item.named.meter_ref is None or (item.attributes and brings_cost(item)))
        and isinstance(one, Placed)
    ]  # others say no cost, and no agent's work is asked what it is
    if not telling:
        return
    stored = {one.row.position for one in fresh}
    drafted: list[tuple[str, record.Place, Sequence[Draft]]] = []
    for item, one in telling:
        row, lane = one.row, one.lane
        if row.position not in stored:
            continue
        at, currency = from_micros(row.at), space.default_currency
        drafts = drafts_of(item, names, currency, agent_id=lane.agent_id, at=at)
        if drafts:
            place = record.Place(
                at=at,
                received_at=arrival.received_at,
                customer_id=lane.customer_id,
                customer_external_id=lane.external_id,
                agent_id=lane.agent_id,
            )
            drafted.append((event_id(row.position, arrival.received_at), place, drafts))
    record.record_of_events(tx, space, drafted, now=arrival.now)


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
        name, key = item.named.customer_external_id or "", item.idempotency_key
        owner = waiting.get(name)
        if owner is not None:
            customer = Owner(named[name], None)
            keys[owner, key] = (events.pack_owner(customer), key)
    found = events.find_by_keys(tx, space, sorted(keys))
    return {keys[key]: event for key, event in found.items()}


def _mark_meters(tx: Tx, space: SpaceId, names: Names, stored: Sequence[Placed]) -> None:
    unseen = {meter.id for meter in names.meters.values() if not meter.events_seen}
    for found in names.actions.values():
        unseen |= {meter.id for _, meter in found if not meter.events_seen}
    if not unseen:
        return
    first = {one.lane.meter.id for one in stored if one.lane.meter is not None} & unseen
    if first:
        tx.keeps_memory = False  # the meters are not what they were
        meters.mark_events_seen(tx, space, first)


def _key_of(placed: Placed) -> Key:
    return placed.row.owner, placed.row.key


def _refusal(item: Refused) -> Verdict:
    return Verdict(
        "rejected", item.idempotency_key, code=item.code, detail=item.detail, pointer=item.pointer
    )


def _taken(fresh: Sequence[Placed], over_limit: Collection[int], arrival: Arrival) -> list[Verdict]:
    received_at = arrival.received_at
    ids = event_ids([one.row.position for one in fresh], received_at)
    verdicts = []
    for one, made_id in zip(fresh, ids, strict=True):
        row = one.row
        is_over = row.position in over_limit
        event = row.as_event(received_at, over_limit=is_over) if arrival.strict else None
        reason = row.reason
        if reason is None:
            verdict = Verdict("accepted", row.key, made_id, event, over_limit=is_over)
        else:
            detail = _WHY[reason]
            verdict = Verdict("unmatched", row.key, made_id, event, code=reason, detail=detail)
        verdicts.append(verdict)
    return verdicts


def _repeat(row: Row, first: Event | First) -> Verdict:
    conflict = row.content != first.content
    return Verdict(
        "duplicate",
        row.key,
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
