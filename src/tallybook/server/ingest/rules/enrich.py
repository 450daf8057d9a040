"""Whose event it is, what it measures, and which subscription it counts for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from tallybook.server.ingest.models import Counted, Incoming, Named, Refused
from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.metering.models import (
    PERIOD_WINDOW,
    Aggregation,
    CounterKey,
    Event,
    EventStatus,
    Meter,
    MeterKind,
    Row,
)
from tallybook.wire.decimals import to_decimal

from .costs import brings_cost
from .lanes import NOWHERE, Lane, Names, Place, Spot
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


_ACCEPTED: Final = EventStatus.ACCEPTED.value
_UNMATCHED: Final = EventStatus.UNMATCHED.value
_UNIQUE: Final = Aggregation.UNIQUE_COUNT
_LONG_AGO: Final = -(2**63)


class Placed(Struct, frozen=True, gc=False):
    """An event row, and where it counts: its spot has no counter where nothing counts it."""

    row: Row
    lane: Lane
    spot: Spot
    value: Decimal | None

    @property
    def counted(self) -> Counted | None:
        """What it adds to counters, by itself."""
        spot, lane, row = self.spot, self.lane, self.row
        if spot.counter is None:
            return None
        assert lane.meter is not None
        assert lane.customer_id is not None
        return Counted(
            row.position,
            lane.customer_id,
            lane.meter.aggregation,
            self.value,
            row.member,
            from_micros(row.at),
            spot.counter,
            spot.quota,
        )


def enrich(
    item: Incoming, names: Names, *, position: int, now: datetime, backfill: bool, zone: ZoneInfo
) -> Placed | Refused:
    """Place one event by itself; `Enriching` places many."""
    return Enriching(names, now=now, backfill=backfill, zone=zone).place(item, position)


class Enriching:
    """Places the events of a batch. What they have in common is worked out once."""

    def __init__(self, names: Names, *, now: datetime, backfill: bool, zone: ZoneInfo) -> None:
        self._names = names
        self._now, self._now_micros, self._zone = now, to_micros(now), zone
        self._backfill = backfill
        self._earliest = _LONG_AGO if backfill else to_micros(now - PAST_MAX)
        self._latest = to_micros(now + FUTURE_MAX)
        self._lanes: dict[Named, Lane] = {}

    def place(self, item: Incoming, position: int) -> Placed | Refused:
        """Place one event. What cannot be placed yet is kept unmatched, never lost or priced."""
        at = item.at
        if at is None:
            at = self._now_micros
        elif not self._earliest <= at <= self._latest:
            detail = check_time(from_micros(at), self._now, backfill=self._backfill)
            return _refused(item, "timestamp_out_of_range", "timestamp", detail or "out of range")
        lane = self._lanes.get(item.named) or self._lane_of(item)
        if lane.wrong is not None:
            return _refused(item, *lane.wrong)
        meter, reason, quantity = lane.meter, lane.reason, item.quantity
        digits = item.digits or plain(quantity)
        value: Decimal | None = quantity
        value_digits: str | None = digits
        member: str | None = None
        if meter is None:
            value = value_digits = None
        elif meter.value_field is not None or meter.aggregation is _UNIQUE:
            value, member, missing = value_of(quantity, item.attributes, meter)
            if missing and meter.kind is MeterKind.COST and brings_cost(item):
                value, missing = ZERO, None  # what it cost is known, and nobody is billed by it
            reason = reason or missing
            value_digits = None if value is None else plain(value)
        spot = NOWHERE if reason is not None else lane.spot
        if not spot.start <= at < spot.end:
            spot = lane.spot = lane.spot_at(at, self._zone)
        named = lane.named
        row = Row(
            position,
            lane.owner,
            item.idempotency_key,
            lane.content_of(item, digits),
            at,
            _ACCEPTED if reason is None else _UNMATCHED,
            lane.meter_packed,
            spot.packed_id,
            spot.period,
            digits,
            value_digits,
            lane.agent,
            member,
            named.action_type,
            lane.external_id,
            named.meter_ref if meter is None else None,
            named.subscription_id,
            lane.agent_ref,
            reason,
            item.attributes_text,
            item.metadata_text,
        )
        return Placed(row, lane, spot, value)

    def _lane_of(self, item: Incoming) -> Lane:
        lane = Lane(item, self._names)
        if item.named.meter_ref is not None:  # else the attributes, too, tell which meter it is
            self._lanes[item.named] = lane
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
