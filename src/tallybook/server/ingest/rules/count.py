"""What a batch adds to its counters, and which limits that reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tallybook.server.ingest.models import Counted, Crossing, Quota
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies


@dataclass(slots=True)
class Counts:
    """The counters after a batch, the events over their limit, the limits reached."""

    after: dict[CounterKey, Tally]
    over_limit: set[int] = field(default_factory=set)
    crossings: list[Crossing] = field(default_factory=list)


def count(
    events: Sequence[Counted],
    before: Mapping[CounterKey, Tally],
    *,
    earlier: Mapping[CounterKey, Decimal],
    fresh_members: Mapping[CounterKey, Mapping[int, bool]],
) -> Counts:
    """Count events in order.

    `before` holds every counter the events touch; `earlier` what a quota window had counted
    before the period began; `fresh_members`, of unique_count counters, which events brought a
    member not seen before.
    Holds: the counters do not depend on the order of the events. A limit is crossed at most
    once a batch, by the event after which used >= limit and before which it was not.
    """
    counts = Counts(dict(before))
    after = counts.after
    for event in events:
        quota = event.quota
        used_before = ZERO if quota is None else _used(after, quota, event, earlier)
        touched = {event.counter} if quota is None else {event.counter, quota.counter}
        for key in touched:
            is_fresh = fresh_members.get(key, {}).get(event.position, False)
            after[key] = _add(after[key], event, is_fresh=is_fresh)
        if quota is None:
            continue
        used = _used(after, quota, event, earlier)
        if used > quota.limit:
            counts.over_limit.add(event.position)
        if used_before < quota.limit <= used:
            subscription_id = event.counter.subscription_id
            counts.crossings.append(Crossing(event.customer_id, subscription_id, quota, used))
    for key, tally in after.items():
        after[key] = tallies.changed(before[key], tally)
    return counts


def _add(tally: Tally, event: Counted, *, is_fresh: bool) -> Tally:
    if event.aggregation is Aggregation.UNIQUE_COUNT:
        return tallies.add_members(tally, fresh=int(is_fresh), events=1)
    assert event.value is not None
    return tallies.add(tally, event.value, event.at)


def _used(
    after: Mapping[CounterKey, Tally],
    quota: Quota,
    event: Counted,
    earlier: Mapping[CounterKey, Decimal],
) -> Decimal:
    here = after[quota.counter].figure(event.aggregation)
    return EXACT.add(here, earlier.get(quota.counter, ZERO))
