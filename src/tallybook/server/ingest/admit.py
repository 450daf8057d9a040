"""The only door for usage: everything an event touches, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog import service as catalog
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering import meters
from tallybook.server.metering.models import Aggregation, CounterKey, Event, EventStatus, Meter
from tallybook.server.metering.service import counters, events
from tallybook.server.storage import Tx, outbox
from tallybook.server.subscriptions import service as subscriptions

from . import views
from .models import Counted, Crossing, Incoming, Refused, Verdict
from .rules.count import count
from .rules.enrich import Names, Placed, enrich


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and how a batch came in."""

    now: datetime  # the space's time
    received_at: datetime  # real time
    backfill: bool = False
    strict: bool = False  # what cannot be placed is refused instead of kept unmatched


def admit(
    tx: Tx, space: Space, items: Sequence[Incoming | Refused], arrival: Arrival
) -> list[Verdict]:
    """Store a batch and count it; return what became of each item, in order.

    Holds: of all events with one key of one customer, the first is stored and counted, once.
    """
    names = load_names(tx, space.id, [item for item in items if isinstance(item, Incoming)])
    placed = _place(tx, space, items, names, arrival)
    rows = [item.event for item in placed if isinstance(item, Placed)]
    fresh = events.insert_new(tx, space.id, rows)
    over_limit = _count(tx, space.id, placed, fresh, arrival.now)
    stored = {row.position: row for row in rows if row.position in fresh}
    meters.mark_events_seen(
        tx, space.id, {row.meter_id for row in stored.values() if row.meter_id is not None}
    )
    repeats = [row for row in rows if row.position not in fresh]
    first = events.find_by_keys(tx, space.id, [_key_of(row) for row in repeats])
    verdicts = []
    for item in placed:
        if isinstance(item, Refused):
            verdicts.append(_refusal(item))
        elif item.event.position in fresh:
            verdicts.append(_taken(item.event, item.event.position in over_limit))
        else:
            verdicts.append(_repeat(item.event, first[_key_of(item.event)]))
    keys = {meter.id: meter.key for meter in names.meters.values()}
    return [_with_meter_key(verdict, keys) for verdict in verdicts]


def load_names(tx: Tx, space: SpaceId, items: Sequence[Incoming]) -> Names:
    """Look up what the references of a batch stand for: a fixed number of queries."""
    ids = {item.customer_id for item in items if item.customer_id is not None}
    external_ids = {i.customer_external_id for i in items if i.customer_external_id is not None}
    known, named = customers.find_ids(tx, space, ids=ids, external_ids=external_ids)
    meter_refs = {item.meter_ref for item in items if item.meter_ref is not None}
    agent_refs = {item.agent_ref for item in items if item.agent_ref is not None}
    agents: dict[str, str] = {}
    for ref in sorted(agent_refs):
        agent = catalog.find_agent(tx, space, ref)
        if agent is not None:
            agents[ref] = agent.id
    unmetered = {
        agents[item.agent_ref]
        for item in items
        if item.meter_ref is None and item.agent_ref in agents
    }
    actions: dict[str, list[tuple[str, Meter]]] = {}
    for action in catalog.list_actions(tx, space, agent_ids=unmetered) if unmetered else ():
        known_as = (action.action_type.value, action.billable_meter)
        actions.setdefault(action.agent_id, []).append(known_as)
    return Names(
        customer_ids=frozenset(known),
        external_ids=named,
        meters=meters.find_meters(tx, space, meter_refs) if meter_refs else {},
        agents=agents,
        actions=actions,
        timelines=subscriptions.timelines(tx, space, known | set(named.values())),
    )


def _place(
    tx: Tx,
    space: Space,
    items: Sequence[Incoming | Refused],
    names: Names,
    arrival: Arrival,
) -> list[Placed | Refused]:
    positions = iter(events.reserve_positions(tx, len(items)))
    placed: list[Placed | Refused] = []
    for item in items:
        if isinstance(item, Refused):
            placed.append(item)
            continue
        made = enrich(
            item,
            names,
            position=next(positions),
            now=arrival.now,
            received_at=arrival.received_at,
            backfill=arrival.backfill,
            zone=space.zone,
        )
        if arrival.strict and isinstance(made, Placed) and made.event.reason is not None:
            made = Refused(
                made.event.reason, _WHY[made.event.reason], _WHERE[made.event.reason],
                item.idempotency_key,
            )  # fmt: skip
        placed.append(made)
    return placed


_WHY = {
    "customer_not_found": "There is no such customer.",
    "meter_not_found": "There is no such meter.",
    "agent_not_found": "There is no such agent, and no meter is named.",
    "meter_ambiguous": "The agent's actions do not give exactly one meter: name it.",
    "value_missing": "The event lacks a number in the attribute that its meter aggregates.",
}
_WHERE = {
    "customer_not_found": "/customer_external_id",
    "meter_not_found": "/meter",
    "agent_not_found": "/agent",
    "meter_ambiguous": "/meter",
    "value_missing": "/attributes",
}


def _count(
    tx: Tx,
    space: SpaceId,
    placed: Sequence[Placed | Refused],
    fresh: set[int],
    now: datetime,
) -> set[int]:
    """Add the fresh events to their counters; return the positions that are over a limit."""
    counted = [
        item.counted
        for item in placed
        if isinstance(item, Placed) and item.counted is not None and item.event.position in fresh
    ]
    if not counted:
        return set()
    keys = {c.counter for c in counted} | {c.quota.counter for c in counted if c.quota}
    before = counters.lock(tx, space, keys)
    counts = count(
        counted,
        before,
        earlier=_earlier(tx, space, counted),
        fresh_members=_fresh_members(tx, space, counted),
    )
    counters.save(tx, space, counts.after)
    events.mark_over_limit(tx, space, sorted(counts.over_limit))
    for crossing in counts.crossings:
        _announce(tx, space, crossing, now)
    return counts.over_limit


def _earlier(tx: Tx, space: SpaceId, counted: Sequence[Counted]) -> dict[CounterKey, Decimal]:
    """What quota windows had counted before the period began: for windows over two periods."""
    earlier: dict[CounterKey, Decimal] = {}
    for event in counted:
        quota = event.quota
        if quota is None or quota.start >= quota.counter.start or quota.counter in earlier:
            continue
        parts = counters.list_windows(
            tx,
            space,
            subscription_id=quota.counter.subscription_id,
            meter_id=quota.counter.meter_id,
            window=quota.counter.window,
            start=quota.start,
            end=quota.counter.start,
        )
        total = ZERO
        for _, tally in parts:
            total = EXACT.add(total, tally.figure(event.aggregation))
        earlier[quota.counter] = total
    return earlier


def _fresh_members(
    tx: Tx, space: SpaceId, counted: Sequence[Counted]
) -> dict[CounterKey, dict[int, bool]]:
    fresh: dict[CounterKey, dict[int, bool]] = {}
    for event in counted:
        if event.aggregation is not Aggregation.UNIQUE_COUNT or event.member is None:
            continue
        keys = {event.counter} | ({event.quota.counter} if event.quota else set())
        for key in keys:
            is_new = counters.add_members(tx, space, key, [event.member]) == 1
            fresh.setdefault(key, {})[event.position] = is_new
    return fresh


def _announce(tx: Tx, space: SpaceId, crossing: Crossing, now: datetime) -> None:
    customer = customers.get(tx, space, crossing.customer_id)
    data = views.limit_reached(crossing, customer.external_id)
    object_id = crossing.subscription_id
    outbox.append(tx, space, event="usage.limit_reached", object_id=object_id, data=data, at=now)


def _key_of(event: Event) -> tuple[bytes, str]:
    return events.pack_owner(event.owner), event.idempotency_key


def _with_meter_key(verdict: Verdict, keys: Mapping[str, str]) -> Verdict:
    if verdict.event is None or verdict.event.meter_id is None:
        return verdict
    return replace(verdict, meter_key=keys.get(verdict.event.meter_id))


def _refusal(item: Refused) -> Verdict:
    return Verdict(
        "rejected", item.idempotency_key, code=item.code, detail=item.detail, pointer=item.pointer
    )


def _taken(event: Event, over_limit: bool) -> Verdict:
    unmatched = event.status is EventStatus.UNMATCHED
    return Verdict(
        "unmatched" if unmatched else "accepted",
        event.idempotency_key,
        event=replace(event, over_limit=over_limit),
        code=event.reason,
        detail=_WHY[event.reason] if event.reason else None,
        over_limit=over_limit,
    )


def _repeat(event: Event, first: Event) -> Verdict:
    conflict = event.content != first.content
    return Verdict(
        "duplicate",
        event.idempotency_key,
        event=first,
        code="conflict" if conflict else None,
        detail="The first event with this key has other content; it stays." if conflict else None,
        over_limit=first.over_limit,
    )
