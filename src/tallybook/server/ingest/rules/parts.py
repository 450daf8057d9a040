"""What a batch adds to its counters where no event needs to be looked at by itself."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies

from .count import APPROACHING, Counts, crossings_of
from .enrich import Placed
from .lanes import Spot

Parts = dict[Spot, list[Placed]]
_SUMS: Final = (Aggregation.SUM, Aggregation.COUNT)


def parts_of(placed: Sequence[Placed]) -> Parts:
    """Return the events that something counts, by where they count."""
    parts: Parts = {}
    for one in placed:
        spot = one.spot
        if spot.counter is None:
            continue
        if spot in parts:
            parts[spot].append(one)
        else:
            parts[spot] = [one]
    return parts


def keys_of(parts: Parts) -> set[CounterKey]:
    keys = set()
    for spot in parts:
        if spot.counter is not None:
            keys.add(spot.counter)
        if spot.quota is not None:
            keys.add(spot.quota.counter)
    return keys


def count_parts(
    parts: Parts,
    before: Mapping[CounterKey, Tally],
    *,
    earlier: Mapping[CounterKey, Decimal],
    near: Decimal = APPROACHING,
) -> tuple[Counts, list[Placed]]:
    """Count each part at once; return the counts, and the events that want `count`, in order.

    Those are what a unique_count counts, and what a batch takes from below a limit to above it.
    Holds: with `count` for the others, it is what `count` makes of all.
    """
    counts = Counts({})
    alone: list[Placed] = []
    counters: dict[CounterKey, Parts] = {}
    for spot, placed in parts.items():
        assert spot.counter is not None
        counters.setdefault(spot.counter, {})[spot] = placed
    for mine in counters.values():
        made = _count(mine, before, earlier, near)
        if made is None:
            alone += (one for placed in mine.values() for one in placed)
            continue
        counts.after |= made.after
        counts.over_limit |= made.over_limit
        counts.crossings += made.crossings
    alone.sort(key=lambda one: one.row.position)
    return counts, alone


def _count(
    parts: Parts,
    before: Mapping[CounterKey, Tally],
    earlier: Mapping[CounterKey, Decimal],
    near: Decimal,
) -> Counts | None:
    """Count what counts in one period of a meter; None where that takes its events one by one."""
    counts = Counts({})
    windows: dict[CounterKey, list[Placed]] = {}
    for spot, placed in parts.items():
        if _aggregation(placed) is Aggregation.UNIQUE_COUNT:
            return None
        assert spot.counter is not None
        _add(counts, before, spot.counter, placed)
        if spot.quota is not None:
            windows.setdefault(spot.quota.counter, []).extend(placed)
            if spot.quota.counter != spot.counter:
                _add(counts, before, spot.quota.counter, placed)
    for window, placed in windows.items():
        newest = max(placed, key=lambda one: (one.row.at, one.row.position))
        event = newest.counted
        assert event is not None
        assert event.quota is not None
        kind, limit, outside = event.aggregation, event.quota.limit, earlier.get(window, ZERO)
        was = EXACT.add(before[window].figure(kind), outside)
        used = EXACT.add(counts.after[window].figure(kind), outside)
        if kind in _SUMS and was >= limit:
            counts.over_limit |= {one.row.position for one in placed if one.value}
        elif used > limit or kind not in (*_SUMS, Aggregation.MAX):
            return None
        counts.crossings += crossings_of(event, was, used, near=near)
    for key, tally in counts.after.items():
        counts.after[key] = tallies.changed(before[key], tally)
    return counts


def _aggregation(placed: Sequence[Placed]) -> Aggregation:
    meter = placed[0].lane.meter
    assert meter is not None
    return meter.aggregation


def _add(
    counts: Counts, before: Mapping[CounterKey, Tally], key: CounterKey, placed: Sequence[Placed]
) -> None:
    values = [one.value for one in placed if one.value is not None]
    times = [one.row.at for one in placed]
    counts.after[key] = tallies.add_all(counts.after.get(key, before[key]), values, times)
