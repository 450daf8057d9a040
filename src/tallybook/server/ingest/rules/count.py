"""What a batch adds to its counters, and which limits that reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tallybook.server.ingest.models import Counted, Crossing, CrossingKind
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies

APPROACHING: Final = Decimal("0.8")  # of the limit


@dataclass(slots=True)
class Counts:
    """The counters after a batch, the events over their limit, the limits crossed."""

    after: dict[CounterKey, Tally]
    over_limit: set[int] = field(default_factory=set)
    crossings: list[Crossing] = field(default_factory=list)


def count(
    events: Sequence[Counted],
    before: Mapping[CounterKey, Tally],
    *,
    earlier: Mapping[CounterKey, Decimal],
    fresh_members: Mapping[CounterKey, Mapping[int, bool]],
    near: Decimal = APPROACHING,
) -> Counts:
    """Count events in order.

    `before` holds every counter the events touch; `earlier` what a quota window had counted
    before the period began; `fresh_members`, of unique_count counters, which events brought a
    member not seen before.
    Holds: the counters do not depend on the order of the events. An event is over the limit
    when it added to what was used, and more than the limit is used then. A limit is crossed at
    most once a batch, and never twice in the same direction.
    """
    counts = Counts(dict(before))
    after = counts.after
    limited: dict[CounterKey, Counted] = {}
    for event in events:
        counter, quota = event.counter, event.quota
        if quota is None:
            after[counter] = _add(after[counter], event, counter, fresh_members)
            continue
        used_before = _used(after, event, earlier)
        after[counter] = _add(after[counter], event, counter, fresh_members)
        window = quota.counter
        if window != counter:
            after[window] = _add(after[window], event, window, fresh_members)
        if max(used_before, quota.limit) < _used(after, event, earlier):
            counts.over_limit.add(event.position)
        newest = limited.get(window)
        if newest is None or newest.at <= event.at:
            limited[window] = event
    for event in limited.values():
        was, used = _used(before, event, earlier), _used(after, event, earlier)
        counts.crossings += crossings_of(event, was, used, near=near)
    for key, tally in after.items():
        after[key] = tallies.changed(before[key], tally)
    return counts


def crossings_of(
    event: Counted, was: Decimal, used: Decimal, *, near: Decimal = APPROACHING
) -> list[Crossing]:
    """Return the limit that was crossed from `was` to `used`, if any was.

    `near` is the share of the limit at which usage approaches it.
    """
    quota = event.quota
    assert quota is not None
    close = EXACT.multiply(quota.limit, near)
    if was < quota.limit <= used:
        kind = CrossingKind.REACHED
    elif used < quota.limit <= was:
        kind = CrossingKind.RESET
    elif was < close <= used < quota.limit:
        kind = CrossingKind.APPROACHING
    else:
        return []
    subscription_id = event.counter.subscription_id
    return [Crossing(kind, event.customer_id, subscription_id, quota, used)]


def _add(
    tally: Tally,
    event: Counted,
    key: CounterKey,
    fresh_members: Mapping[CounterKey, Mapping[int, bool]],
) -> Tally:
    if event.aggregation is Aggregation.UNIQUE_COUNT:
        is_fresh = fresh_members.get(key, {}).get(event.position, False)
        return tallies.add_members(tally, fresh=int(is_fresh), events=1)
    assert event.value is not None
    return tallies.add(tally, event.value, event.at)


def _used(
    tallies_of: Mapping[CounterKey, Tally],
    event: Counted,
    earlier: Mapping[CounterKey, Decimal],
) -> Decimal:
    assert event.quota is not None
    key = event.quota.counter
    here = tallies_of[key].figure(event.aggregation)
    return EXACT.add(here, earlier.get(key, ZERO))
