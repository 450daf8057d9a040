"""`client.webhooks`: the functions of `tallybook.webhooks`, with the client's secret."""

from collections.abc import Mapping
from typing import Any, Final

from tallybook.wire.webhooks import WEBHOOK_EVENTS, WebhookEvent

from . import payloads, signatures, updates
from .signatures import TOLERANCE_S, Secrets


def unwrap(
    payload: bytes | str, headers: Any, secret: Secrets, tolerance: float = TOLERANCE_S
) -> Any:
    """Return the typed event of a webhook, its signature verified first.

    `payload` is the raw body, `headers` those of any framework. Standard Webhooks' headers are
    looked at first, then `X-Webhook-Signature`.
    Errors: WebhookSignatureError; WebhookPayloadError.
    """
    signatures.require_signature(payload, headers, secret, tolerance)
    return payloads.parse_and_validate_webhook_payload(payload)


class Webhooks:
    """`client.webhooks`; nothing here makes a call."""

    WEBHOOK_EVENTS: Final = WEBHOOK_EVENTS
    webhook_payload_schemas: Final = payloads.webhook_payload_schemas

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def verify_webhook_signature(
        self,
        payload: bytes | str,
        signature: str | None,
        secret: Secrets | None = None,
        tolerance: float = TOLERANCE_S,
    ) -> bool:
        """Tell whether `X-Webhook-Signature` fits the raw body; it never raises."""
        return signatures.verify_webhook_signature(
            payload, signature, secret or self._secret or "", tolerance
        )

    def unwrap(
        self,
        payload: bytes | str,
        headers: Any,
        secret: Secrets | None = None,
        tolerance: float = TOLERANCE_S,
    ) -> Any:
        """Return the typed event of a webhook, its signature verified first.

        Errors: WebhookSignatureError; WebhookPayloadError.
        """
        return unwrap(payload, headers, secret or self._secret or "", tolerance)

    def validate_webhook_payload(self, obj: Any) -> Any:
        """Return the typed event of a decoded payload. Errors: WebhookPayloadError."""
        return payloads.validate_webhook_payload(obj)

    def parse_and_validate_webhook_payload(self, payload: bytes | str) -> Any:
        """Return the typed event of a raw body. Errors: WebhookPayloadError."""
        return payloads.parse_and_validate_webhook_payload(payload)

    def to_webhook_update(self, event: WebhookEvent | Mapping[str, Any]) -> updates.WebhookUpdate:
        """Return what an event asks a local copy of entitlements to do."""
        return updates.to_webhook_update(event)
