"""A tracked event: written out when it is tracked, and the same bytes on every try."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, cast

from tallybook.client.encoding import DecimalInput, Json, decimal, encode_body
from tallybook.client.keys import new_key
from tallybook.client.options import CallOptions, Redact
from tallybook.client.paths import customer_fields
from tallybook.client.types.costs import CostInput
from tallybook.wire.events import ActionType
from tallybook.wire.limits import EVENT_BYTES_MAX


class TrackTypedInput(TypedDict, total=False):
    """One use of something by one customer, the kind of action apart."""

    customer_id: str | None
    customer_external_id: str | None
    subscription_id: str | None
    agent: str | None
    meter: str | None
    quantity: DecimalInput
    attributes: Mapping[str, Json] | None
    metadata: Mapping[str, Json] | None
    idempotency_key: str | None
    timestamp: datetime | str | None


class TrackInput(TrackTypedInput, total=False):
    """One use of something by one customer."""

    action_type: ActionType | None


class ImmediateTypedInput(TrackTypedInput, CallOptions, total=False):
    """What is tracked at once, the kind of action apart, and the options of the call."""


class ImmediateInput(TrackInput, CallOptions, total=False):
    """What is tracked at once, and the options of the call."""


FIELDS: Final = frozenset(TrackInput.__annotations__)
COST_FIELDS: Final = frozenset(CostInput.__annotations__)
CALL_FIELDS: Final = frozenset(CallOptions.__annotations__)


class OversizeEvent(ValueError):
    """The event is larger than the server takes."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event on its way. `sequence` counts what one queue was given."""

    sequence: int
    key: str
    body: bytes
    enqueued_at_s: float
    tries: int = 0

    @property
    def fields(self) -> dict[str, Any]:
        """The event as it is sent."""
        return cast("dict[str, Any]", json.loads(self.body))


def write_event(
    given: Mapping[str, Any],
    *,
    registered: Mapping[str, Any] = {},
    redact: Redact | None = None,
    make_key: Callable[[], str] = new_key,
    now: Callable[[], datetime] | None = lambda: datetime.now(UTC),
) -> tuple[str, bytes] | None:
    """Return the key and the JSON of an event; None where `redact` takes it out.

    What is stamped here (key, time, registered attributes) stays, however often it is sent.
    Without `now` the server says when it was.
    Errors: TypeError, ValueError (OversizeEvent among them).
    """
    if unknown := sorted(given.keys() - FIELDS):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    rest = {name: value for name, value in given.items() if value is not None}
    fields: dict[str, Any] = customer_fields(
        rest.pop("customer_id", None), rest.pop("customer_external_id", None)
    )
    key = rest.pop("idempotency_key", None) or make_key()
    fields |= {"quantity": decimal(rest.pop("quantity", 1)), **rest}
    if now is not None and "timestamp" not in rest:
        fields["timestamp"] = now()
    if attributes := {**registered, **rest.get("attributes", {})}:
        fields["attributes"] = attributes
    body = encode_body({**fields, "idempotency_key": key})
    if redact is not None:
        kept = redact(json.loads(body))
        if kept is None:
            return None
        body = encode_body({**kept, "idempotency_key": key})
    if len(body) > EVENT_BYTES_MAX:
        raise OversizeEvent(f"the event has {len(body)} bytes; {EVENT_BYTES_MAX} are allowed")
    return key, body


def write_cost(
    given: Mapping[str, Any],
    *,
    make_key: Callable[[], str] = new_key,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[str, bytes]:
    """Return the key and the JSON of a cost. Errors: TypeError, ValueError."""
    if unknown := sorted(given.keys() - COST_FIELDS):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    fields: dict[str, Any] = {"timestamp": now(), **given}
    if "amount" in fields:
        fields["amount"] = decimal(fields["amount"])
    key = fields.get("idempotency_key") or make_key()
    body = encode_body({**fields, "idempotency_key": key})
    if len(body) > EVENT_BYTES_MAX:
        raise OversizeEvent(f"the cost has {len(body)} bytes; {EVENT_BYTES_MAX} are allowed")
    return key, body


def batch_body(bodies: list[bytes], room: str = "events") -> bytes:
    """Return the body of the request that sends them."""
    return b'{"%b":[%b]}' % (room.encode(), b",".join(bodies))
