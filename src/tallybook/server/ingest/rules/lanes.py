"""What the events of a batch that name the same things have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from tallybook.server.costs.rules.derive import Work
from tallybook.server.ingest.models import Incoming, Named, Quota
from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Meter, Owner
from tallybook.server.metering.rules.packed import pack, pack_owner
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

    def customer_of(self, named: Named) -> str | None:
        if named.customer_external_id is not None:
            return self.external_ids.get(named.customer_external_id)
        return named.customer_id if named.customer_id in self.customer_ids else None


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


class Spot(Struct, frozen=True, eq=False, gc=False):
    """Where usage of a lane counts in [start, end), in microseconds. Known by identity."""

    start: int
    end: int
    subscription_id: str | None = None
    packed_id: bytes | None = None  # of the subscription
    period: int | None = None
    counter: CounterKey | None = None
    quota: Quota | None = None


_EVER: Final = (-(2**63), 2**63)
NOWHERE: Final = Spot(*_EVER)
_UNKNOWN: Final = Spot(0, 0)
_ODD: Final = 0x9E3779B97F4A7C15  # so that no two times come to the same
_NO_TIME: Final = 0x2545F4914F6CDD1D
_HALF: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


def fingerprint(text: str) -> int:
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


mark_of: Final = lru_cache(maxsize=8192)(fingerprint)  # the same few come again and again


class Lane:
    """What events that name the same things have in common."""

    __slots__ = (
        "_lines",
        "_mark",
        "agent",
        "agent_id",
        "agent_ref",
        "customer_id",
        "external_id",
        "meter",
        "meter_packed",
        "named",
        "owner",
        "reason",
        "spot",
        "wrong",
    )

    def __init__(self, item: Incoming, names: Names) -> None:
        named = self.named = item.named
        customer_id = names.customer_of(named)
        self.customer_id = customer_id
        self.external_id = None if customer_id else named.customer_external_id
        self.owner = b""
        self.agent_id = None if named.agent_ref is None else names.agents.get(named.agent_ref)
        self.agent = pack(self.agent_id)
        self.agent_ref = named.agent_ref if self.agent_id is None else None
        self.meter, self.reason = _meter_of(item, names)
        self.meter_packed = None if self.meter is None else pack(self.meter.id)
        self.wrong: tuple[str, str, str] | None = None
        self.spot = _UNKNOWN  # of the event before
        self._lines = () if customer_id is None else names.timelines.get(customer_id, ())
        self._mark = mark_of(
            repr((named.meter_ref, named.subscription_id, named.agent_ref, named.action_type))
        )
        if customer_id is None:
            self.reason = "customer_not_found"
            if named.customer_external_id is None:
                self.wrong = ("customer_not_found", "customer_id", "no such customer")
                return
        self.owner = pack_owner(Owner(customer_id, self.external_id))
        wanted = named.subscription_id
        unknown = wanted is not None and all(line.id != wanted for line in self._lines)
        if unknown and self.meter is not None and customer_id is not None:
            detail = "the customer has no such subscription"
            self.wrong = ("subscription_not_found", "subscription_id", detail)

    def spot_at(self, micros: int, zone: ZoneInfo) -> Spot:
        """Return where usage counts at a time, and how long that is so."""
        assert self.meter is not None
        at = from_micros(micros)
        place = place_of(self._lines, self.meter.id, at, subscription_id=self.named.subscription_id)
        bounds = {p.start for line in self._lines for p in line.periods}
        bounds |= {p.end for line in self._lines for p in line.periods}
        start = max((bound for bound in bounds if bound <= at), default=None)
        end = min((bound for bound in bounds if bound > at), default=None)
        if place is None:
            return Spot(*_span(start, end))
        sub_id = place.timeline.id
        counter = CounterKey(sub_id, self.meter.id, PERIOD_WINDOW, place.period.start)
        quota = None
        if place.paying is not None:
            quota = quota_of(place.paying, counter, at, zone)
        if quota is not None:
            window = quota.counter.start
            start = window if start is None else max(start, window)
            if quota.reset_at is not None:
                end = quota.reset_at if end is None else min(end, quota.reset_at)
        return Spot(*_span(start, end), sub_id, pack(sub_id), place.period.number, counter, quota)

    def content_of(self, item: Incoming, digits: str) -> int:
        """Return a fingerprint of what the caller gave, to tell a repeat from a conflict.

        Of names as they were given: a repeat is one, too, when a meter has got its name in between.
        """
        made = self._mark + mark_of(digits)
        made += _NO_TIME if item.at is None else item.at * _ODD
        if item.attributes_text is not None:
            made += fingerprint(item.attributes_text)
        return (made + _HALF & _ALL) - _HALF


def _span(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    first, last = _EVER
    return (
        first if start is None else to_micros(start),
        last if end is None else to_micros(end),
    )


def _meter_of(item: Incoming, names: Names) -> tuple[Meter | None, str | None]:
    named = item.named
    if named.meter_ref is not None:
        meter = names.meters.get(named.meter_ref)
        return meter, None if meter else "meter_not_found"
    agent_id = names.agents.get(named.agent_ref or "")
    if agent_id is None:
        return None, "agent_not_found"
    fitting = [
        meter
        for action_type, meter in names.actions.get(agent_id, ())
        if named.action_type in (None, action_type)
    ]
    wanted = (item.attributes or {}).get("action")
    if any(meter.key == wanted for meter in fitting):
        fitting = [meter for meter in fitting if meter.key == wanted]
    return (fitting[0], None) if len(fitting) == 1 else (None, "meter_ambiguous")
