"""Does everything still add up? Recompute from the raw rows, compare, say what differs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import counters, events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what its raw rows say."""

    space: SpaceId
    what: str
    subject: str
    stored: str
    recomputed: str


def verify_counters(tx: Tx, space: SpaceId) -> Iterator[Difference]:
    """Compare every period counter with the events that it counted."""
    recounted: dict[CounterKey, Tally] = {}
    members: dict[CounterKey, set[str]] = {}
    starts: dict[tuple[str, int], datetime] = {}
    for _, event in events.scan_subscribed(tx, space):
        subscription_id, number, meter_id = event.subscription_id, event.period, event.meter_id
        if subscription_id is None or number is None or meter_id is None or event.value is None:
            continue
        if (subscription_id, number) not in starts:
            for period in subscriptions.list_periods(tx, space, subscription_id):
                starts[(subscription_id, period.number)] = period.start
        start = starts[(subscription_id, number)]
        key = CounterKey(subscription_id, meter_id, PERIOD_WINDOW, start)
        recounted[key] = tallies.add(recounted.get(key, Tally()), event.value, event.at)
        if event.member is not None:
            members.setdefault(key, set()).add(event.member)
    stored = {key: tally for key, tally in counters.scan(tx, space) if key.window == PERIOD_WINDOW}
    for key in sorted(stored.keys() | recounted.keys(), key=str):
        have, want = stored.get(key, Tally()), recounted.get(key, Tally())
        if key in members:  # a set counts its members, not its values
            have = replace(Tally(), events=have.events, members=have.members)
            want = replace(Tally(), events=want.events, members=len(members[key]))
        if replace(have, version=0) != replace(want, version=0):
            yield Difference(space, "counter", str(key), _text(have), _text(want))


def _text(tally: Tally) -> str:
    def show(value: Decimal | None) -> str:
        return "-" if value is None else plain(value)

    return (
        f"{tally.events} events, total {show(tally.total)}, max {show(tally.highest)}, "
        f"min {show(tally.lowest)}, latest {show(tally.latest)}, members {tally.members}"
    )
