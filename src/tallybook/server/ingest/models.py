"""What an event is on its way in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from tallybook.server.catalog.models import MeterTerms
from tallybook.server.metering.models import Aggregation, CounterKey, Event
from tallybook.server.subscriptions.models import TimelinePeriod

WINDOW_END: Final = "usage.window_end"
"""Due work, of a subscription and a meter: the window whose limit was reached is over."""
NO_END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a window for life is over: its due work waits for new terms."""


class Named(Struct, frozen=True, eq=False, gc=False):
    """What an event names. Events that name the same share one, so it is known by identity."""

    customer_id: str | None = None
    customer_external_id: str | None = None
    meter_ref: str | None = None
    subscription_id: str | None = None
    agent_ref: str | None = None
    action_type: str | None = None


class Incoming(Struct, frozen=True, gc=False):
    """One event as it was sent, each field checked by itself."""

    named: Named
    quantity: Decimal
    at: int | None  # in microseconds since 1970; None: when it is received
    idempotency_key: str
    attributes: Mapping[str, Any] | None = None
    attributes_text: str | None = None
    metadata_text: str | None = None
    digits: str | None = None  # the quantity as `plain` writes it, where that is known


class Refused(Struct, frozen=True, gc=False):
    """An item that is not taken, and why."""

    code: str
    detail: str
    pointer: str = ""
    idempotency_key: str | None = None


class Verdict(Struct, frozen=True, gc=False):
    """What became of one item."""

    status: str  # accepted, duplicate, unmatched, rejected
    idempotency_key: str | None
    id: str | None = None  # of the event as stored; of a duplicate the first
    event: Event | None = None  # the same, where the request was strict
    meter_key: str | None = None
    period: TimelinePeriod | None = None  # that the event counts in
    code: str | None = None
    detail: str | None = None
    over_limit: bool = False
    pointer: str = ""


class Counted(Struct, frozen=True, gc=False):
    """What one event adds to which counters, and the terms that limit it."""

    position: int
    customer_id: str
    aggregation: Aggregation
    value: Decimal | None
    member: str | None
    at: datetime
    counter: CounterKey
    quota: "Quota | None"


class Quota(Struct, frozen=True, gc=False):
    """The limit of a meter within one quota window."""

    counter: CounterKey  # of the part of the window that lies in the period
    limit: Decimal
    terms: MeterTerms
    reset_at: datetime | None
    since: datetime  # earlier parts of the window from here on count against the limit too


class CrossingKind(StrEnum):
    """What a limit's usage did. The values are the webhooks' names."""

    APPROACHING = "usage.limit_approaching"
    REACHED = "usage.limit_reached"
    RESET = "usage.limit_reset"  # below the limit again


class Crossing(Struct, frozen=True, gc=False):
    """A limit that a batch brought near, reached, or left."""

    kind: CrossingKind
    customer_id: str
    subscription_id: str
    quota: Quota
    used: Decimal
