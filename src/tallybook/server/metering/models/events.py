"""The facts of usage: event rows, and whom they belong to."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from msgspec import Struct

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.money import plain
from tallybook.server.metering.rules.event_ids import event_id
from tallybook.server.metering.rules.packed import pack, pack_owner, unpack

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


class Row(Struct, frozen=True, gc=False):
    """What the table keeps of one event, in the order of its columns.

    What all rows of a batch have in common is left out: space, time of receipt, over_limit.
    """

    position: int
    owner: bytes
    key: str
    content: int
    at: int
    status: int
    meter: bytes | None
    subscription: bytes | None
    period: int | None
    quantity: str
    value: str | None
    agent: bytes | None
    member: str | None
    action_type: str | None
    customer_external_id: str | None
    meter_ref: str | None
    subscription_ref: str | None
    agent_ref: str | None
    reason: str | None
    attributes: str | None
    metadata: str | None

    def as_event(self, received_at: datetime, *, over_limit: bool) -> Event:
        external_id = self.customer_external_id
        quantity = Decimal(self.quantity)
        return Event(
            position=self.position,
            owner=Owner(unpack("cus", self.owner) if external_id is None else None, external_id),
            meter_id=unpack("mtr", self.meter),
            meter_ref=self.meter_ref,
            quantity=quantity,
            value=None if self.value is None else Decimal(self.value),
            member=self.member,
            at=from_micros(self.at),
            received_at=received_at,
            idempotency_key=self.key,
            content=self.content,
            status=EventStatus(self.status),
            reason=self.reason,
            subscription_ref=self.subscription_ref,
            subscription_id=unpack("sub", self.subscription),
            period=self.period,
            agent_id=unpack("agt", self.agent),
            agent_ref=self.agent_ref,
            action_type=self.action_type,
            attributes=self.attributes,
            metadata=self.metadata,
            over_limit=over_limit,
        )


def row_of(event: Event) -> Row:
    """Return an event as the table has it."""
    return Row(
        event.position,
        pack_owner(event.owner),
        event.idempotency_key,
        event.content,
        to_micros(event.at),
        event.status.value,
        pack(event.meter_id),
        pack(event.subscription_id),
        event.period,
        plain(event.quantity),
        None if event.value is None else plain(event.value),
        pack(event.agent_id),
        event.member,
        event.action_type,
        event.owner.customer_external_id,
        event.meter_ref,
        event.subscription_ref,
        event.agent_ref,
        event.reason,
        event.attributes,
        event.metadata,
    )
