"""Usage events: what is sent, and what is said of it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import (
    Amount,
    CustomerChoice,
    Dec,
    ExternalId,
    IdempotencyKey,
    Instant,
    Json,
    NonNegative,
    Ref,
    Request,
    Response,
)
from .limits import BATCH_EVENTS_MAX

ActionType = Literal["task", "workflow", "outcome"]
ItemStatus = Literal["accepted", "duplicate", "unmatched", "rejected", "retry"]


class EventCreate(CustomerChoice):
    """One use of something. A meter, or an agent with an action type, says what was used."""

    meter: Ref | None = None
    quantity: NonNegative = Field(default="1", validate_default=True)  # type: ignore[assignment]
    timestamp: Instant | None = None
    idempotency_key: IdempotencyKey | None = None
    subscription_id: Ref | None = None
    agent: Ref | None = None
    action_type: ActionType | None = None
    attributes: Json | None = None
    metadata: Json | None = None


class EventBatch(Request):
    """Up to 1,000 events. `backfill` takes times older than 35 days; it needs a full key."""

    events: Annotated[list[EventCreate], Field(max_length=BATCH_EVENTS_MAX)]
    backfill: bool = False


class EventResult(Response):
    """What became of one item. `retry`: not now, send the same item again."""

    index: int
    id: str | None = None
    idempotency_key: str | None = None
    status: ItemStatus | str
    code: str | None = None
    detail: str | None = None
    over_limit: bool = False


class BatchResult(Response):
    """What became of a batch. `accepted` counts what is stored, the unmatched among them."""

    accepted: int
    unmatched: int
    duplicates: int
    rejected: int
    retry: int = 0
    results: list[EventResult]


class EventPeriod(Response):
    """The billing period an event counts in."""

    number: int
    subscription_id: str


class UsageEvent(Response):
    """A stored event."""

    id: str
    customer_id: str | None = None
    customer_external_id: ExternalId | None = None
    meter_id: str | None = None
    meter: str | None = None
    quantity: Dec
    timestamp: Instant
    received_at: Instant
    period: EventPeriod | None = None
    subscription_id: str | None = None
    agent_id: str | None = None
    action_type: str | None = None
    attributes: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str
    over_limit: bool
    status: Literal["accepted", "unmatched", "voided"] | str
    reason: str | None = None


class UsageItem(Response):
    """The usage of one meter (and group) in a span."""

    meter: str
    meter_id: str
    aggregation: str
    group: dict[str, Any] = Field(default_factory=dict)
    events: int
    quantity: Dec
    billable_quantity: Dec | None = None
    included_units: Dec | None = None
    amount: Amount | None = None
    cost: Dec | None = None
    currency: str | None = None


class AggregatedUsage(Response):
    """Usage added up over [start, end)."""

    start: Instant
    end: Instant
    items: list[UsageItem]
