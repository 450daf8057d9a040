"""Counting anew: what had come before a subscription, a period or new terms were there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import Span
from tallybook.server.metering import meters
from tallybook.server.metering.models import CounterKey, Event, Meter, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import counters, events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Timeline

from . import counting
from .accrual import booked, touched_since
from .models import Counted
from .rules.count import count, crossings_of
from .rules.enrich import counted
from .rules.lanes import place_of

_PART: Final = 2_000  # events placed at once
_FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)


def recount(tx: Tx, space: Space, customer_id: str, *, since: datetime, now: datetime) -> int:
    """Place a customer's usage from `since` on as if it came now; return how many events moved.

    Call it in the transaction that changed when the customer's subscriptions run or on which
    terms: `since` is the earliest time for which that differs. Nothing else is sent in for the
    customer until the commit. A limit that usage now reaches, or no longer does, is told.
    Holds: afterwards every counter that starts in a period touched equals its events.
    """
    events.hold_customers(tx, space.id, {customer_id})
    lines = subscriptions.timelines(tx, space.id, {customer_id})[customer_id]
    starts = {line.id: start for line in lines if (start := _touched(line, since)) is not None}
    touched = touched_since(lines, starts) if space.watches_revenue else ()
    with booked(tx, space, {customer_id: lines}, touched, now):
        return _recount(tx, space, customer_id, lines, starts, since=since, now=now)


def recount_if_used(
    tx: Tx, space: Space, customer_id: str, *, since: datetime, now: datetime
) -> int:
    """Recount where a boundary was passed and no usage was changed: without any, nothing moves."""
    quiet = _quiet(space, customer_id)
    if tx.is_kept(quiet) and tx.kept(quiet, lambda: since) <= since:
        return 0
    events.hold_customers(tx, space.id, {customer_id})
    if not events.are_used_since(tx, space.id, [customer_id], since=since):
        return 0
    return recount(tx, space, customer_id, since=since, now=now)


def keep_quiet(tx: Tx, space: Space, customer_ids: Sequence[str], *, since: datetime) -> None:
    """Hold the usage of customers for gathered work; note those who have none from a time on."""
    events.hold_customers(tx, space.id, customer_ids)
    used = events.are_used_since(tx, space.id, customer_ids, since=since)
    for customer_id in customer_ids:
        if customer_id not in used:
            tx.keep(_quiet(space, customer_id), since)


def _quiet(space: Space, customer_id: str) -> tuple[str, SpaceId, str]:
    return ("no usage since", space.id, customer_id)


def _recount(
    tx: Tx,
    space: Space,
    customer_id: str,
    lines: Sequence[Timeline],
    starts: Mapping[str, datetime],
    *,
    since: datetime,
    now: datetime,
) -> int:
    state = _Recount(tx, space.id, starts, space.settings.limit_approaching)
    moved = []
    span = Span(min([since, *starts.values()]), _FAR)
    scan = events.scan_customer(tx, space.id, customer_id, span)
    for part in _parts(scan):
        known = _meters(tx, space.id, part)
        placed = [_place(event, lines, known, space, customer_id) for event in part]
        over = state.add([item for _, item in placed if item is not None])
        for before, (event, _) in zip(part, placed, strict=True):
            is_moved = (before.subscription_id, before.period) != (
                event.subscription_id,
                event.period,
            )
            if is_moved:
                moved.append(replace(event, over_limit=event.position in over))
    events.save_places(tx, space.id, moved)
    state.save(now)
    return len(moved)


def _touched(line: Timeline, since: datetime) -> datetime | None:
    """Return where the first period that ends after `since` begins."""
    return min((period.start for period in line.periods if period.end > since), default=None)


def _parts(scan: Iterable[Event]) -> Iterator[list[Event]]:
    part: list[Event] = []
    for event in scan:
        part.append(event)
        if len(part) == _PART:
            yield part
            part = []
    if part:
        yield part


def _meters(tx: Tx, space: SpaceId, part: Sequence[Event]) -> Mapping[str, Meter]:
    ids = {event.meter_id for event in part if event.meter_id is not None}
    return {meter.id: meter for meter in meters.find_meters(tx, space, ids).values()}


def _place(
    event: Event,
    lines: Sequence[Timeline],
    known: Mapping[str, Meter],
    space: Space,
    customer_id: str,
) -> tuple[Event, Counted | None]:
    assert event.meter_id is not None
    named = event.subscription_ref
    place = place_of(lines, event.meter_id, event.at, subscription_id=named)
    if place is None:
        return replace(event, subscription_id=None, period=None), None
    moved = replace(event, subscription_id=place.timeline.id, period=place.period.number)
    meter = known[event.meter_id]
    return moved, counted(moved, customer_id, meter, place, space.zone)


@dataclass(slots=True)
class _Recount:
    """Counters as they were, and as they become."""

    tx: Tx
    space: SpaceId
    starts: Mapping[str, datetime]  # by subscription: counters from there on are counted anew
    near: Decimal  # the share of a limit at which usage approaches it
    before: dict[CounterKey, Tally] = field(default_factory=dict)
    after: dict[CounterKey, Tally] = field(default_factory=dict)
    earlier: dict[CounterKey, Decimal] = field(default_factory=dict)
    limited: dict[CounterKey, Counted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = [
            key
            for subscription_id, start in self.starts.items()
            for key in counters.list_keys(self.tx, self.space, subscription_id, since=start)
        ]
        self._empty(found)

    def add(self, usage: Sequence[Counted]) -> set[int]:
        """Count events, which come by their time; return which are over a limit."""
        over: set[int] = set()
        for one in usage:
            start = self.starts.get(one.counter.subscription_id)
            if start is None or one.counter.start < start:
                continue  # in a period before, which stays as it is
            keys = {one.counter} if one.quota is None else {one.counter, one.quota.counter}
            self._empty(keys - self.after.keys())
            if one.quota is not None:
                if one.quota.counter not in self.earlier:  # complete: events come by their time
                    self.earlier[one.quota.counter] = self._counted_before(one)
                self.limited[one.quota.counter] = one
            made = count(
                [one],
                {key: self.after[key] for key in keys},
                earlier=self.earlier,
                fresh_members=counting.fresh_members(self.tx, self.space, [one]),
            )
            self.after.update(made.after)
            over |= made.over_limit
        return over

    def save(self, now: datetime) -> None:
        """Store what differs, and tell which limits that crosses."""
        changed = {
            key: after
            for key, tally in self.after.items()
            if (after := tallies.recounted(self.before[key], tally)) != self.before[key]
        }
        counters.save(self.tx, self.space, changed)
        for key, one in self.limited.items():
            was, used = (
                EXACT.add(tally.figure(one.aggregation), self.earlier[key])
                for tally in (self.before[key], self.after[key])
            )
            for crossing in crossings_of(one, was, used, near=self.near):
                counting.announce(self.tx, self.space, crossing, now)

    def _empty(self, keys: Iterable[CounterKey]) -> None:
        found = counters.lock(self.tx, self.space, set(keys))
        counters.forget_members(self.tx, self.space, found)
        self.before.update(found)
        self.after.update({key: Tally(version=tally.version) for key, tally in found.items()})

    def _counted_before(self, one: Counted) -> Decimal:
        """Return what the window of an event had counted in earlier periods."""
        total = ZERO
        for key, stored in counting.earlier_parts(self.tx, self.space, one):
            tally = self.after.get(key, stored)
            total = EXACT.add(total, tally.figure(one.aggregation))
        return total
