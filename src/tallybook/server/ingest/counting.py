"""Events into counters: locked, counted by the rules, saved, and told where a limit is crossed."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.service import counters
from tallybook.server.rating.models import Overage
from tallybook.server.storage import Tx, due, outbox

from . import views
from .models import NO_END, WINDOW_END, Counted, Crossing, CrossingKind
from .rules.count import APPROACHING, count
from .rules.enforce import is_limited, refused
from .rules.enrich import Placed
from .rules.parts import count_parts, keys_of, parts_of


def add(
    tx: Tx,
    space: SpaceId,
    placed: Sequence[Placed],
    now: datetime,
    *,
    near: Decimal = APPROACHING,
) -> set[int]:
    """Add events to their counters; return the positions of those over a limit.

    `near` is the share of a limit at which it is told that usage approaches it.
    """
    parts = parts_of(placed)
    if not parts:
        return set()
    before = counters.lock(tx, space, keys_of(parts))
    firsts = [one.counted for one, *_ in parts.values()]
    earlier = _earlier(tx, space, [event for event in firsts if event is not None])
    counts, alone = count_parts(parts, before, earlier=earlier, near=near)
    if alone:
        events = [event for one in alone if (event := one.counted) is not None]
        others = count(
            events,
            {key: before[key] for key in _touched(events)},
            earlier=earlier,
            fresh_members=fresh_members(tx, space, events),
            near=near,
        )
        counts.after |= others.after
        counts.over_limit |= others.over_limit
        counts.crossings += others.crossings
    changed = {key: tally for key, tally in counts.after.items() if tally != before[key]}
    counters.save(tx, space, changed)
    for crossing in counts.crossings:
        announce(tx, space, crossing, now)
    return counts.over_limit


def _touched(counted: Sequence[Counted]) -> set[CounterKey]:
    return {c.counter for c in counted} | {c.quota.counter for c in counted if c.quota}


def refuse(tx: Tx, space: SpaceId, counted: Sequence[Counted]) -> set[int]:
    """Return the positions of the events that would go past a limit that denies overage."""
    limited = [event for event in counted if is_limited(event)]
    if not limited:
        return set()
    # All that the events touch, as counting them does: everybody locks in one order.
    before = counters.lock(tx, space, _touched(counted))
    members: dict[CounterKey, set[str]] = {}
    for event in limited:
        if event.member is not None and event.quota is not None:
            members.setdefault(event.quota.counter, set()).add(event.member)
    known = {
        key: frozenset(counters.find_members(tx, space, key, sorted(named)))
        for key, named in members.items()
    }
    return refused(limited, before, earlier=_earlier(tx, space, limited), members=known)


def _earlier(tx: Tx, space: SpaceId, counted: Sequence[Counted]) -> dict[CounterKey, Decimal]:
    """Return what quota windows had counted in earlier periods."""
    earlier: dict[CounterKey, Decimal] = {}
    for event in counted:
        if event.quota is None or event.quota.counter in earlier:
            continue
        total = ZERO
        for _, tally in earlier_parts(tx, space, event):
            total = EXACT.add(total, tally.figure(event.aggregation))
        earlier[event.quota.counter] = total
    return earlier


def earlier_parts(tx: Tx, space: SpaceId, event: Counted) -> list[tuple[CounterKey, Tally]]:
    """Return the counters of an event's quota window that lie in earlier periods."""
    quota = event.quota
    if quota is None or quota.since >= quota.counter.start:
        return []
    parts = counters.list_windows(
        tx,
        space,
        subscription_id=quota.counter.subscription_id,
        meter_id=quota.counter.meter_id,
        window=quota.counter.window,
        start=quota.since,
        end=quota.counter.start,
    )
    return [(replace(quota.counter, start=start), tally) for start, tally in parts]


def fresh_members(
    tx: Tx, space: SpaceId, counted: Sequence[Counted]
) -> dict[CounterKey, dict[int, bool]]:
    """Return, of unique_count counters, which events bring a member not seen before."""
    brought: dict[CounterKey, dict[str, int]] = {}
    for event in counted:
        if event.aggregation is not Aggregation.UNIQUE_COUNT or event.member is None:
            continue
        for key in {event.counter} | ({event.quota.counter} if event.quota else set()):
            brought.setdefault(key, {}).setdefault(event.member, event.position)
    return {
        key: dict.fromkeys(
            (first[member] for member in counters.add_members(tx, space, key, list(first))), True
        )
        for key, first in brought.items()
    }


def announce(tx: Tx, space: SpaceId, crossing: Crossing, now: datetime) -> None:
    """Tell the world that usage has come near a limit, reached it, or is below it again."""
    customer = customers.get(tx, space, crossing.customer_id)
    data = views.limit_crossed(crossing, customer.external_id)
    outbox.append(
        tx,
        space,
        event=crossing.kind.value,
        object_id=crossing.subscription_id,
        data=data,
        at=now,
    )
    shape = crossing.quota.terms.shape
    if shape.overage is Overage.DENY and crossing.kind is not CrossingKind.APPROACHING:
        customers.announce_access(
            tx,
            space,
            customer,
            reason="limit_reached" if crossing.kind is CrossingKind.REACHED else "ok",
            caused_by=crossing.kind.value,
            subscription_id=crossing.subscription_id,
            feature=crossing.quota.terms.meter_key,
            at=now,
        )
    _await_reset(tx, space, crossing)


def _await_reset(tx: Tx, space: SpaceId, crossing: Crossing) -> None:
    """See to it that the end of the window is told, where its limit has been reached."""
    subject_id = f"{crossing.subscription_id} {crossing.quota.terms.meter_id}"
    if crossing.kind is CrossingKind.REACHED:
        ends = crossing.quota.reset_at or NO_END
        due.schedule(tx, space, kind=WINDOW_END, subject_id=subject_id, due_at=ends)
    elif crossing.kind is CrossingKind.RESET:
        due.cancel(tx, space, kind=WINDOW_END, subject_id=subject_id)
