"""What the events of a batch that name the same things have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from struct import Struct as Packing
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from tallybook.server.costs.rules.derive import Work
from tallybook.server.ingest.models import Incoming, Quota
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.money import plain
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Meter, Owner
from tallybook.server.subscriptions.models import Timeline, TimelinePeriod
from tallybook.server.subscriptions.rules.resolve import Paying, find_paying

from .quota import quota_of


@dataclass(frozen=True, slots=True)
class Names:
    """What the references of a batch stand for, as the database has it now."""

    customer_ids: frozenset[str] = frozenset()
    external_ids: Mapping[str, str] = field(default_factory=dict)
    meters: Mapping[str, Meter] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, Sequence[tuple[str, Meter]]] = field(default_factory=dict)
    works: Mapping[str, Sequence[Work]] = field(default_factory=dict)  # by agent, of costs
    timelines: Mapping[str, Sequence[Timeline]] = field(default_factory=dict)

    def customer_of(self, item: Incoming) -> str | None:
        if item.customer_external_id is not None:
            return self.external_ids.get(item.customer_external_id)
        return item.customer_id if item.customer_id in self.customer_ids else None


@dataclass(frozen=True, slots=True)
class Place:
    """The subscription and period that an event counts in."""

    timeline: Timeline
    period: TimelinePeriod
    paying: Paying | None  # None: only a charge of the plan goes by this meter


def place_of(
    lines: Sequence[Timeline], meter_id: str, at: datetime, *, subscription_id: str | None = None
) -> Place | None:
    """Return where usage of a meter counts: once, or nowhere.

    A price of the meter goes before a usage_based or seat_based charge that goes by it.
    """
    paying = find_paying(lines, meter_id=meter_id, at=at, subscription_id=subscription_id)
    if paying is not None:
        return Place(paying.timeline, paying.period, paying)
    for line in sorted(lines, key=lambda line: (line.started_at, line.id)):
        period = line.find_period(at)
        if period is None or subscription_id not in (None, line.id):
            continue
        if any(charge.meter_id == meter_id for charge in period.terms.charges):
            return Place(line, period, None)
    return None


class Spot(Struct, frozen=True, gc=False):
    """Where usage of a lane counts in [start, end)."""

    start: datetime
    end: datetime
    subscription_id: str | None
    period: int | None
    counter: CounterKey | None
    quota: Quota | None


_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
_FAR: Final = datetime(9999, 12, 31, tzinfo=UTC)
NOWHERE: Final = Spot(_LONG_AGO, _FAR, None, None, None, None)
_UNKNOWN: Final = Spot(_FAR, _FAR, None, None, None, None)
_signed: Final = Packing(">q").unpack


class Lane:
    """What events that name the same things have in common."""

    __slots__ = (
        "_lines",
        "_named",
        "_print",
        "agent_id",
        "agent_ref",
        "customer_id",
        "meter",
        "owner",
        "reason",
        "spot",
        "wrong",
    )

    def __init__(self, item: Incoming, names: Names) -> None:
        ref, named = item.agent_ref, item.subscription_id
        customer_id = names.customer_of(item)
        self.customer_id = customer_id
        self.owner = Owner(customer_id, None if customer_id else item.customer_external_id)
        self.agent_id = None if ref is None else names.agents.get(ref)
        self.agent_ref = ref if self.agent_id is None else None
        self.meter, self.reason = _meter_of(item, names)
        self.wrong: tuple[str, str, str] | None = None
        self.spot = _UNKNOWN  # of the event before
        self._lines = () if customer_id is None else names.timelines.get(customer_id, ())
        self._named = named
        self._print = repr((item.meter_ref, named, ref, item.action_type))
        if customer_id is None:
            self.reason = "customer_not_found"
            if item.customer_external_id is None:
                self.wrong = ("customer_not_found", "customer_id", "no such customer")
            return
        unknown = named is not None and all(line.id != named for line in self._lines)
        if unknown and self.meter is not None:
            detail = "the customer has no such subscription"
            self.wrong = ("subscription_not_found", "subscription_id", detail)

    def spot_at(self, at: datetime, zone: ZoneInfo) -> Spot:
        """Return where usage counts at a time, and how long that is so."""
        assert self.meter is not None
        place = place_of(self._lines, self.meter.id, at, subscription_id=self._named)
        bounds = {p.start for line in self._lines for p in line.periods}
        bounds |= {p.end for line in self._lines for p in line.periods}
        start = max((bound for bound in bounds if bound <= at), default=_LONG_AGO)
        end = min((bound for bound in bounds if bound > at), default=_FAR)
        if place is None:
            return Spot(start, end, None, None, None, None)
        counter = CounterKey(place.timeline.id, self.meter.id, PERIOD_WINDOW, place.period.start)
        quota = None
        if place.paying is not None:
            quota = quota_of(place.paying, counter, at, zone)
        if quota is not None:
            start = max(start, quota.counter.start)
            end = end if quota.reset_at is None else min(end, quota.reset_at)
        return Spot(start, end, place.timeline.id, place.period.number, counter, quota)

    def content_of(self, item: Incoming) -> int:
        """Return a fingerprint of what the caller gave, to tell a repeat from a conflict.

        Of names as they were given: a repeat is one, too, when a meter has got its name in between.
        """
        at = None if item.at is None else to_micros(item.at)
        text = f"{self._print} {plain(item.quantity)} {at} {item.attributes_text}"
        made: int = _signed(blake2b(text.encode(), digest_size=8).digest())[0]
        return made


def _meter_of(item: Incoming, names: Names) -> tuple[Meter | None, str | None]:
    if item.meter_ref is not None:
        meter = names.meters.get(item.meter_ref)
        return meter, None if meter else "meter_not_found"
    agent_id = names.agents.get(item.agent_ref or "")
    if agent_id is None:
        return None, "agent_not_found"
    fitting = [
        meter
        for action_type, meter in names.actions.get(agent_id, ())
        if item.action_type in (None, action_type)
    ]
    wanted = (item.attributes or {}).get("action")
    if any(meter.key == wanted for meter in fitting):
        fitting = [meter for meter in fitting if meter.key == wanted]
    return (fitting[0], None) if len(fitting) == 1 else (None, "meter_ambiguous")
