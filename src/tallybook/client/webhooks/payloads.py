"""From bytes to a typed event; unknown fields are kept, and unknown events are no error."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import ValidationError

from tallybook.client.errors import WebhookPayloadError
from tallybook.wire.webhooks import (
    SCHEMAS,
    WEBHOOK_EVENTS,
    BudgetEvent,
    CreditNoteEvent,
    CustomerAccessEvent,
    CustomerEvent,
    EndpointDisabledEvent,
    EndpointTestEvent,
    InvoiceEvent,
    PaymentEvent,
    SubscriptionEvent,
    UsageLimitEvent,
    UsageLimitReachedEvent,
    WalletEvent,
    WebhookEvent,
)

E = TypeVar("E", bound=WebhookEvent)
_ERRORS_SHOWN_MAX: Final = 3


class UnknownWebhookEvent(WebhookEvent):
    """An event that this version of the SDK does not know yet; `data` is as it came."""


WebhookPayload: TypeAlias = (
    UsageLimitEvent
    | UsageLimitReachedEvent
    | SubscriptionEvent
    | CustomerEvent
    | CustomerAccessEvent
    | InvoiceEvent
    | CreditNoteEvent
    | PaymentEvent
    | WalletEvent
    | BudgetEvent
    | EndpointDisabledEvent
    | EndpointTestEvent
    | UnknownWebhookEvent
)
"""Any event, typed: compare `event.event`, and the checker knows `event.data`."""

webhook_payload_schemas: Final[Mapping[str, type[WebhookEvent]]] = MappingProxyType(
    {WEBHOOK_EVENTS(name): model for name, model in SCHEMAS.items()}
)
"""The pydantic model of each event's payload, by name."""


def validate_webhook_payload(obj: Any) -> Any:
    """Return the typed event of a decoded payload. Errors: WebhookPayloadError."""
    if isinstance(obj, WebhookEvent):
        obj = obj.model_dump(mode="json")
    if not isinstance(obj, Mapping):
        raise WebhookPayloadError("the payload is not an object")
    name = obj.get("event")
    model = SCHEMAS.get(name) if isinstance(name, str) else None
    return _read(model or UnknownWebhookEvent, obj)


def parse_and_validate_webhook_payload(payload: bytes | str) -> Any:
    """Return the typed event of a raw body. Errors: WebhookPayloadError."""
    try:
        decoded = json.loads(payload)
    except (ValueError, RecursionError, TypeError) as error:
        raise WebhookPayloadError(f"the payload is not JSON: {error}"[:200]) from None
    return validate_webhook_payload(decoded)


def _read(model: type[E], obj: Any) -> E:
    try:
        return model.model_validate(obj)
    except (ValidationError, RecursionError) as error:
        found = error.errors() if isinstance(error, ValidationError) else []
        shown = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found[:_ERRORS_SHOWN_MAX])
        raise WebhookPayloadError("; ".join(shown) or "the payload is too deep") from None
