"""Usage events: what is sent, and what is said of it.

The server reads events with a faster definition of the same fields
(`server/ingest/formats/items.py`); a test feeds one corpus to both.
"""

import json
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StrictBool, model_validator

from .base import (
    Amount,
    CustomerChoice,
    Dec,
    ExternalId,
    IdempotencyKey,
    Instant,
    NonNegative,
    Ref,
    Request,
    Response,
)
from .decimals import plain
from .limits import BATCH_EVENTS_MAX, EVENT_BYTES_MAX, JSON_DEPTH_MAX

ActionType = Literal["task", "workflow", "outcome"]
ItemStatus = Literal["accepted", "duplicate", "unmatched", "rejected", "retry"]

_ADJUSTED_MAX: Final = 308  # a number beyond 10^±308 has no place in most languages
_INTEGER_MAX: Final = 2**64


def check_name(value: str) -> str:
    """Return a reference as it was given. Errors: ValueError, for a blank one."""
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def keep_json(value: Any, depth: int = 0) -> Any:
    """Return the caller's own JSON as it is stored: digits are kept, whatever they are.

    A number that would lose digits as a double is kept as a string.
    Errors: ValueError (NUL, text that is not Unicode, nested too deep, numbers out of range).
    """
    kind = value.__class__
    if kind is str:
        return _keep_text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -_INTEGER_MAX < value < _INTEGER_MAX else str(value)
    if depth >= JSON_DEPTH_MAX:
        raise ValueError(f"must not be nested deeper than {JSON_DEPTH_MAX}")
    if kind is dict:
        return {_keep_text(name): keep_json(inner, depth + 1) for name, inner in value.items()}
    if kind is list:
        return [keep_json(inner, depth + 1) for inner in value]
    if kind is Decimal:
        return _keep_number(value)
    raise ValueError(f"must not hold a {kind.__name__}")


def _keep_text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("must be valid Unicode") from None
    return value


def _keep_number(value: Decimal) -> Any:
    if not value.is_finite() or (value and abs(value.adjusted()) > _ADJUSTED_MAX):
        raise ValueError("must not hold a number beyond 10^308")
    text = plain(value)
    number = json.loads(text)
    return number if Decimal(str(number)) == value else text


def _keep_object(value: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = keep_json(value)
    size = len(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode())
    if size > EVENT_BYTES_MAX:
        raise ValueError(f"must not have more than {EVENT_BYTES_MAX} bytes")
    return kept


EventRef = Annotated[ExternalId, AfterValidator(check_name)]
EventJson = Annotated[dict[str, Any], AfterValidator(_keep_object)]


class EventCreate(CustomerChoice):
    """One use of something. A meter, or an agent with an action type, says what was used."""

    customer_id: EventRef | None = None
    customer_external_id: EventRef | None = None
    meter: EventRef | None = None
    quantity: NonNegative = Field(default="1", validate_default=True)
    timestamp: Instant | None = None
    idempotency_key: IdempotencyKey | None = None
    subscription_id: EventRef | None = None
    agent: EventRef | None = None
    action_type: ActionType | None = None
    attributes: EventJson | None = None
    metadata: EventJson | None = None

    @model_validator(mode="after")
    def _names_a_meter(self) -> "EventCreate":
        if self.meter is None and self.agent is None:
            raise ValueError("give a meter, or an agent")
        return self


class EventBatch(Request):
    """Up to 1,000 events. `backfill` takes times older than 35 days; it needs a full key."""

    events: Annotated[list[EventCreate], Field(max_length=BATCH_EVENTS_MAX)]
    backfill: StrictBool = False


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
    """The billing period an event counts in: [start, end) of a subscription."""

    number: int
    start: Instant
    end: Instant
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


class EventReplay(Request):
    """Which unmatched events to match anew: these, or all of them, a part at a time."""

    event_ids: Annotated[list[Ref], Field(min_length=1, max_length=1000)] | None = None
    after: Ref | None = None
    """The `last_id` of the part before."""


class ReplayResult(Response):
    """What became of unmatched events."""

    matched: int
    unmatched: int
    """How many wait still."""
    duplicates: int
    """How many were voided: their key had been used since."""
    last_id: str | None = None
    """Where to go on; null when there are no more."""


class UsageItem(Response):
    """The usage of one meter (and group) in a span.

    `billable_quantity`, `included_units` (what the terms grant), `amount` (the usage charge,
    rounded as an invoice line is) and `currency` are there when the span is exactly one billing
    period of the one subscription that the meter's usage counts for, and usage is not grouped
    further. `cost` is what the usage cost us, in `currency`.
    """

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
