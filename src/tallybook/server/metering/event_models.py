"""The facts of usage: event rows, counters, and what a counter has counted."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final

from tallybook.server.kernel.money import EXACT, ZERO

from .models import Aggregation

EVENT_PREFIX: Final = "evt"


class EventStatus(IntEnum):
    ACCEPTED = 0
    UNMATCHED = 1  # kept, not counted: its customer, meter or value is not known yet
    VOIDED = 2

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom an idempotency key is unique for: a customer, or a name that is not one yet."""

    customer_id: str | None
    customer_external_id: str | None  # only while no customer has it


@dataclass(frozen=True, slots=True)
class Event:
    """One stored event. `value` is what its meter aggregates, None while unmatched."""

    position: int
    owner: Owner
    meter_id: str | None
    meter_ref: str | None  # as it was given; kept while no meter has that name
    quantity: Decimal
    value: Decimal | None
    member: str | None  # of a unique_count meter: what is counted once
    at: datetime
    received_at: datetime
    idempotency_key: str
    content: int  # fingerprint of what the caller gave, to tell a repeat from a conflict
    status: EventStatus
    reason: str | None  # why it is unmatched
    subscription_id: str | None
    period: int | None  # number of the subscription's period it falls in
    agent_id: str | None
    agent_ref: str | None
    action_type: str | None
    attributes: str | None  # JSON text
    metadata: str | None  # JSON text
    over_limit: bool

    @property
    def id(self) -> str:
        from .rules.event_ids import event_id

        return event_id(self.position, self.received_at)


@dataclass(frozen=True, slots=True)
class CounterKey:
    """What a counter counts: a meter of a subscription within a window.

    `window` is `period` (then `start` is the period's) or a quota window's name.
    """

    subscription_id: str
    meter_id: str
    window: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """What has been counted so far. Enough for every aggregation but unique_count's set."""

    events: int = 0
    total: Decimal = ZERO
    highest: Decimal | None = None
    lowest: Decimal | None = None
    latest: Decimal | None = None
    latest_at: datetime | None = None
    members: int = 0  # distinct members, for unique_count
    version: int = 0  # rises with every change, so that an invoice line knows what it was rated on

    def figure(self, aggregation: Aggregation) -> Decimal:
        """Return the quantity that this usage amounts to; no events are 0 units.

        Units: metered units; an average is rounded to 12 places, half up.
        """
        match aggregation:
            case Aggregation.COUNT | Aggregation.SUM:
                return self.total
            case Aggregation.MAX:
                return self.highest or ZERO
            case Aggregation.MIN:
                return self.lowest or ZERO
            case Aggregation.LATEST:
                return self.latest or ZERO
            case Aggregation.UNIQUE_COUNT:
                return Decimal(self.members)
            case Aggregation.AVERAGE:
                return average(self.total, self.events)


def average(total: Decimal, count: int) -> Decimal:
    """Return total / count, rounded half up to 12 places; 0 where nothing was counted."""
    if count == 0:
        return ZERO
    scaled = EXACT.scaleb(total, 12)
    whole, rest = divmod(int(scaled), count)  # totals are never negative
    return EXACT.scaleb(Decimal(whole + (2 * rest >= count)), -12)


@dataclass(frozen=True, slots=True)
class Usage:
    """One row of aggregated usage."""

    meter_id: str
    group: dict[str, Any]
    tally: Tally
