"""Does everything still add up? Recompute from the raw rows, compare, say what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from tallybook.server.identity import service as identity
from tallybook.server.ingest.rules.quota import quota_of
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Event, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import counters, events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Timeline
from tallybook.server.subscriptions.rules.resolve import find_paying


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what its raw rows say."""

    space: SpaceId
    what: str
    subject: str
    stored: str
    recomputed: str


def verify_counters(tx: Tx, space: SpaceId) -> Iterator[Difference]:
    """Compare every counter, of periods and of quota windows, with the events that it counted.

    An event that says it counts in a period that does not exist is a difference, too, and so is
    a unique_count that knows more or fewer members than its events have.
    """
    zone = identity.get_space(tx, space).zone
    lines: dict[str, Sequence[Timeline]] = {}
    recounted: dict[CounterKey, Tally] = {}
    members: dict[CounterKey, set[str]] = {}
    for event in events.scan_subscribed(tx, space):
        keys = _keys_of(tx, space, event, lines, zone)
        if not keys:
            place = f"{event.subscription_id} period {event.period}"
            yield Difference(space, "event", event.id, place, "no such period")
        for key in keys:
            assert event.value is not None
            recounted[key] = tallies.add(recounted.get(key, Tally()), event.value, event.at)
            if event.member is not None:
                members.setdefault(key, set()).add(event.member)
    stored = dict(counters.scan(tx, space))
    for key in sorted(stored.keys() | recounted.keys(), key=str):
        have, want = stored.get(key, Tally()), recounted.get(key, Tally())
        if key in members:  # a set counts its members, not its values
            want = Tally(events=want.events, members=len(members[key]))
        if replace(have, version=0) != replace(want, version=0):
            yield Difference(space, "counter", _name(key), _text(have), _text(want))
    kept = counters.count_members(tx, space)
    for key in sorted(kept.keys() | members.keys(), key=str):
        there, should = kept.get(key, 0), len(members.get(key, ()))
        if there != should:
            yield Difference(space, "members", _name(key), str(there), str(should))


def _keys_of(
    tx: Tx,
    space: SpaceId,
    event: Event,
    lines: dict[str, Sequence[Timeline]],
    zone: ZoneInfo,
) -> set[CounterKey]:
    """Return the counters that an event is counted in; none where its period does not exist."""
    customer_id, meter_id = event.owner.customer_id, event.meter_id
    assert customer_id is not None
    assert meter_id is not None
    if customer_id not in lines:
        lines.update(subscriptions.timelines(tx, space, {customer_id}))
    line = next((one for one in lines[customer_id] if one.id == event.subscription_id), None)
    starts = {} if line is None else {period.number: period.start for period in line.periods}
    if line is None or event.period is None or event.period not in starts:
        return set()
    start = starts[event.period]
    counter = CounterKey(line.id, meter_id, PERIOD_WINDOW, start)
    paying = find_paying(
        lines[customer_id], meter_id=meter_id, at=event.at, subscription_id=line.id
    )
    quota = None if paying is None else quota_of(paying, counter, event.at, zone)
    return {counter} if quota is None else {counter, quota.counter}


def _name(key: CounterKey) -> str:
    start = key.start.isoformat().replace("+00:00", "Z")
    return f"{key.subscription_id} {key.meter_id} {key.window} from {start}"


def _text(tally: Tally) -> str:
    def show(value: Decimal | None) -> str:
        return "-" if value is None else plain(value)

    return (
        f"{tally.events} events, total {show(tally.total)}, max {show(tally.highest)}, "
        f"min {show(tally.lowest)}, latest {show(tally.latest)}, members {tally.members}"
    )
