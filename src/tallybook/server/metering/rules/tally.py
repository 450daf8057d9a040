"""Counting one more event, and putting two counts together."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext

from msgspec.structs import replace

from tallybook.server.kernel.clock import from_micros
from tallybook.server.kernel.money import EXACT
from tallybook.server.metering.models import Tally


def add(tally: Tally, value: Decimal, at: datetime) -> Tally:
    """Return the tally with one more event.

    Holds: the order in which events are added does not change the result.
    """
    latest, latest_at = tally.latest, tally.latest_at
    if (
        latest is None
        or latest_at is None
        or at > latest_at
        or (at == latest_at and value > latest)
    ):
        latest, latest_at = value, at  # of two at one time the higher, in whatever order
    highest, lowest = tally.highest, tally.lowest
    return Tally(
        tally.events + 1,
        EXACT.add(tally.total, value),
        value if highest is None or value > highest else highest,
        value if lowest is None or value < lowest else lowest,
        latest,
        latest_at,
        tally.members,
        tally.version,
    )


def add_all(tally: Tally, values: Sequence[Decimal], times: Sequence[int]) -> Tally:
    """Return the tally with many more events, by value and time (microseconds since 1970).

    Holds: it is what adding them one by one comes to.
    """
    with localcontext(EXACT):
        total = sum(values, tally.total)
    newest = max(times)
    if times.count(newest) == 1:
        last = values[times.index(newest)]
    else:
        last = max(value for value, at in zip(values, times, strict=True) if at == newest)
    latest, latest_at, at = tally.latest, tally.latest_at, from_micros(newest)
    if latest is None or latest_at is None or at > latest_at or (at == latest_at and last > latest):
        latest, latest_at = last, at
    highest, lowest = max(values), min(values)
    return Tally(
        tally.events + len(values),
        total,
        highest if tally.highest is None or highest > tally.highest else tally.highest,
        lowest if tally.lowest is None or lowest < tally.lowest else tally.lowest,
        latest,
        latest_at,
        tally.members,
        tally.version,
    )


def add_members(tally: Tally, fresh: int, events: int) -> Tally:
    """Return the tally of a unique_count meter with `fresh` members not seen before."""
    return replace(tally, events=tally.events + events, members=tally.members + fresh)


def changed(before: Tally, after: Tally) -> Tally:
    """Return `after` with the next version, or `before` itself when nothing was counted."""
    return before if after == before else replace(after, version=before.version + 1)


def recounted(before: Tally, after: Tally) -> Tally:
    """Return what was counted anew with the next version, or `before` when it came to the same."""
    if replace(after, version=before.version) == before:
        return before
    return replace(after, version=before.version + 1)
