"""Whose event it is, what it measures, and which subscription it counts for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from tallybook.server.ingest.models import Counted, Incoming, Refused
from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.metering.models import (
    PERIOD_WINDOW,
    Aggregation,
    CounterKey,
    Event,
    EventStatus,
    Meter,
    MeterKind,
)
from tallybook.wire.decimals import to_decimal

from .costs import brings_cost
from .lanes import NOWHERE, Lane, Names, Place
from .quota import quota_of

PAST_MAX: Final = timedelta(days=35)
FUTURE_MAX: Final = timedelta(minutes=5)


def check_time(at: datetime, now: datetime, *, backfill: bool) -> str | None:
    """Return what is wrong with an event's time, or None.

    Source: semantics, choice 13: 35 days back, 5 minutes ahead; a backfill may be older.
    """
    if at > now + FUTURE_MAX:
        return f"more than 5 minutes after {now.isoformat()}"
    if not backfill and at < now - PAST_MAX:
        return f"more than 35 days before {now.isoformat()}"
    return None


_ACCEPTED: Final = EventStatus.ACCEPTED
_UNMATCHED: Final = EventStatus.UNMATCHED
_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class Placed(Struct, frozen=True, gc=False):
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
    """Place one event by itself; `Enriching` places many."""
    enriching = Enriching(names, now=now, received_at=received_at, backfill=backfill, zone=zone)
    return enriching.place(item, position)


class Enriching:
    """Places the events of a batch. What they have in common is worked out once."""

    def __init__(
        self,
        names: Names,
        *,
        now: datetime,
        received_at: datetime,
        backfill: bool,
        zone: ZoneInfo,
    ) -> None:
        self._names = names
        self._now, self._received_at, self._zone = now, received_at, zone
        self._backfill = backfill
        self._earliest = _LONG_AGO if backfill else now - PAST_MAX
        self._latest = now + FUTURE_MAX
        self._lanes: dict[tuple[str | None, ...], Lane] = {}

    def place(self, item: Incoming, position: int) -> Placed | Refused:
        """Place one event. What cannot be placed yet is kept unmatched, never lost or priced."""
        at = item.at
        if at is None:
            at = self._now
        elif not self._earliest <= at <= self._latest:
            detail = check_time(at, self._now, backfill=self._backfill) or "out of range"
            return _refused(item, "timestamp_out_of_range", "timestamp", detail)
        lane = self._lane_of(item)
        if lane.wrong is not None:
            return _refused(item, *lane.wrong)
        meter, reason, value, member = lane.meter, lane.reason, None, None
        if meter is not None:
            value, member, missing = value_of(item.quantity, item.attributes, meter)
            if missing and meter.kind is MeterKind.COST and brings_cost(item):
                value, missing = ZERO, None  # what it cost is known, and nobody is billed by it
            reason = reason or missing
        spot = NOWHERE if reason is not None else lane.spot
        if not spot.start <= at < spot.end:
            spot = lane.spot = lane.spot_at(at, self._zone)
        event = Event(
            position,
            lane.owner,
            None if meter is None else meter.id,
            item.meter_ref if meter is None else None,
            item.quantity,
            value,
            member,
            at,
            self._received_at,
            item.idempotency_key,
            lane.content_of(item),
            _ACCEPTED if reason is None else _UNMATCHED,
            reason,
            item.subscription_id,
            spot.subscription_id,
            spot.period,
            lane.agent_id,
            lane.agent_ref,
            item.action_type,
            item.attributes_text,
            item.metadata_text,
            False,
        )
        if meter is None or spot.counter is None or lane.customer_id is None:
            return Placed(event, None)
        counted = Counted(
            position,
            lane.customer_id,
            meter.aggregation,
            value,
            member,
            at,
            spot.counter,
            spot.quota,
        )
        return Placed(event, counted)

    def _lane_of(self, item: Incoming) -> Lane:
        named = (
            item.customer_id,
            item.customer_external_id,
            item.meter_ref,
            item.subscription_id,
            item.agent_ref,
            item.action_type,
        )
        lane = self._lanes.get(named)
        if lane is None:
            lane = Lane(item, self._names)
            if item.meter_ref is not None:  # else the attributes, too, may tell which meter it is
                self._lanes[named] = lane
        return lane


def _refused(item: Incoming, code: str, field_name: str, detail: str) -> Refused:
    return Refused(code, f"{field_name}: {detail}", f"/{field_name}", item.idempotency_key)


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
