"""Webhooks, as they are received: `from tallybook import webhooks`, then `webhooks.unwrap(…)`."""

from tallybook.client.errors import WebhookPayloadError, WebhookSignatureError
from tallybook.client.webhooks.bound import unwrap
from tallybook.client.webhooks.payloads import (
    UnknownWebhookEvent,
    WebhookPayload,
    parse_and_validate_webhook_payload,
    validate_webhook_payload,
    webhook_payload_schemas,
)
from tallybook.client.webhooks.signatures import verify_webhook_signature
from tallybook.client.webhooks.updates import WebhookUpdate, to_webhook_update
from tallybook.wire.webhooks import (
    WEBHOOK_EVENTS,
    UsageLimitReachedWebhookData,
    WebhookEvent,
)

__all__ = [
    "WEBHOOK_EVENTS",
    "UnknownWebhookEvent",
    "UsageLimitReachedWebhookData",
    "WebhookEvent",
    "WebhookPayload",
    "WebhookPayloadError",
    "WebhookSignatureError",
    "WebhookUpdate",
    "parse_and_validate_webhook_payload",
    "to_webhook_update",
    "unwrap",
    "validate_webhook_payload",
    "verify_webhook_signature",
    "webhook_payload_schemas",
]
