"""The facts of usage: event rows, and whom they belong to."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from msgspec import Struct

from tallybook.server.metering.rules.event_ids import event_id

EVENT_PREFIX: Final = "evt"


class EventStatus(IntEnum):
    ACCEPTED = 0
    UNMATCHED = 1  # kept, not counted: its customer, meter or value is not known yet
    VOIDED = 2

    @property
    def label(self) -> str:
        return self.name.lower()


class Owner(Struct, frozen=True, gc=False):
    """Whom an idempotency key is unique for: a customer, or a name that is not one yet."""

    customer_id: str | None
    customer_external_id: str | None  # only while no customer has it


class First(Struct, frozen=True, gc=False):
    """What a repeat is told of the event that came first."""

    id: str
    content: int
    over_limit: bool


class Event(Struct, frozen=True, gc=False):
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
    subscription_ref: str | None  # the one that the caller named
    subscription_id: str | None  # the one that it counts for
    period: int | None  # number of the subscription's period it falls in
    agent_id: str | None
    agent_ref: str | None
    action_type: str | None
    attributes: str | None  # JSON text
    metadata: str | None  # JSON text
    over_limit: bool

    @property
    def id(self) -> str:
        return event_id(self.position, self.received_at)
