"""Whose event it is, what it measures, and which subscription it counts for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo

from tallybook.server.costs.rules.derive import Work
from tallybook.server.ingest.models import Counted, Incoming, Refused
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.metering.models import (
    PERIOD_WINDOW,
    Aggregation,
    CounterKey,
    Event,
    EventStatus,
    Meter,
    Owner,
)
from tallybook.server.subscriptions.models import Timeline, TimelinePeriod
from tallybook.server.subscriptions.rules.resolve import Paying, find_paying
from tallybook.wire.decimals import to_decimal

from .quota import quota_of

PAST_MAX: Final = timedelta(days=35)
FUTURE_MAX: Final = timedelta(minutes=5)


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


def check_time(at: datetime, now: datetime, *, backfill: bool) -> str | None:
    """Return what is wrong with an event's time, or None.

    Source: semantics, choice 13: 35 days back, 5 minutes ahead; a backfill may be older.
    """
    if at > now + FUTURE_MAX:
        return f"more than 5 minutes after {now.isoformat()}"
    if not backfill and at < now - PAST_MAX:
        return f"more than 35 days before {now.isoformat()}"
    return None


@dataclass(frozen=True, slots=True)
class Placed:
    """An event row, and what it adds to counters; None where no subscription counts it."""

    event: Event
    counted: Counted | None


def enrich(
    item: Incoming,
    names: Names,
    *,
    position: int,
    now: datetime,
    received_at: datetime,
    backfill: bool,
    zone: ZoneInfo,
) -> Placed | Refused:
    """Place one event. What cannot be placed yet is kept unmatched, never lost, never priced."""
    at = item.at or now
    wrong_time = None if item.at is None else check_time(at, now, backfill=backfill)
    if wrong_time is not None:
        return _refused(item, "timestamp_out_of_range", "timestamp", wrong_time)
    customer_id = names.customer_of(item)
    if customer_id is None and item.customer_external_id is None:
        return _refused(item, "customer_not_found", "customer_id", "no such customer")
    meter, reason = _meter_of(item, names)
    value: Decimal | None = None
    member: str | None = None
    if meter is not None:
        value, member, reason = value_of(item.quantity, item.attributes, meter)
    if customer_id is None:
        reason = "customer_not_found"
    place: Place | None = None
    if reason is None and customer_id is not None and meter is not None:
        lines, named = names.timelines.get(customer_id, ()), item.subscription_id
        if named is not None and all(line.id != named for line in lines):
            detail = "the customer has no such subscription"
            return _refused(item, "subscription_not_found", "subscription_id", detail)
        place = place_of(lines, meter.id, at, subscription_id=named)
    event = Event(
        position=position,
        owner=Owner(customer_id, None if customer_id else item.customer_external_id),
        meter_id=None if meter is None else meter.id,
        meter_ref=item.meter_ref if meter is None else None,
        quantity=item.quantity,
        value=value,
        member=member,
        at=at,
        received_at=received_at,
        idempotency_key=item.idempotency_key,
        content=content_of(item),
        status=EventStatus.ACCEPTED if reason is None else EventStatus.UNMATCHED,
        reason=reason,
        subscription_ref=item.subscription_id,
        subscription_id=None if place is None else place.timeline.id,
        period=None if place is None else place.period.number,
        agent_id=names.agents.get(item.agent_ref) if item.agent_ref else None,
        agent_ref=item.agent_ref if item.agent_ref not in names.agents else None,
        action_type=item.action_type,
        attributes=item.attributes_text,
        metadata=item.metadata_text,
        over_limit=False,
    )
    if place is None or meter is None or customer_id is None:
        return Placed(event, None)
    return Placed(event, counted(event, customer_id, meter, place, zone))


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


def content_of(item: Incoming) -> int:
    """Return a fingerprint of what the caller gave, to tell a repeat from a conflict.

    Of names as they were given: a repeat is one, too, when a meter has got its name in between.
    """
    parts = (
        item.meter_ref,
        plain(item.quantity),
        None if item.at is None else to_micros(item.at),
        item.subscription_id,
        item.agent_ref,
        item.action_type,
        item.attributes_text,
    )
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big", signed=True)


def _refused(item: Incoming, code: str, field_name: str, detail: str) -> Refused:
    return Refused(code, f"{field_name}: {detail}", f"/{field_name}", item.idempotency_key)


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


def value_of(
    quantity: Decimal, attributes: Mapping[str, Any] | None, meter: Meter
) -> tuple[Decimal | None, str | None, str | None]:
    """Return (value, member, reason): what the meter aggregates of an event.

    A reason says why there is none: a missing or non-numeric attribute is never 0.
    Source: semantics, choice 18.
    """
    is_set = meter.aggregation is Aggregation.UNIQUE_COUNT
    if meter.aggregation is Aggregation.COUNT or meter.value_field is None:
        return quantity, plain(quantity) if is_set else None, None
    given = (attributes or {}).get(meter.value_field)
    if is_set:
        member = _member(given)
        return (None, None, "value_missing") if member is None else (quantity, member, None)
    try:
        value = to_decimal(given)
    except ValueError:
        return None, None, "value_missing"
    return (None, None, "value_missing") if value < 0 else (value or ZERO, None, None)


def _member(given: object) -> str | None:
    """Return what is counted once: a text, or a number as its digits."""
    if isinstance(given, str) and given:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return plain(given) if isinstance(given, Decimal) else None


def counted(event: Event, customer_id: str, meter: Meter, place: Place, zone: ZoneInfo) -> Counted:
    """Return what an event adds to which counters."""
    counter = CounterKey(place.timeline.id, meter.id, PERIOD_WINDOW, place.period.start)
    paying = place.paying
    return Counted(
        position=event.position,
        customer_id=customer_id,
        aggregation=meter.aggregation,
        value=event.value,
        member=event.member,
        at=event.at,
        counter=counter,
        quota=None if paying is None else quota_of(paying, counter, event.at, zone),
    )
