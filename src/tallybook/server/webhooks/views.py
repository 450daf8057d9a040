"""Endpoints, deliveries and events, as answers and webhooks show them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tallybook.server.storage.outbox import Message
from tallybook.wire import webhooks as wire
from tallybook.wire.base import format_instant

from .models import Attempt, Delivery, Endpoint


def endpoint_fields(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": "all" if endpoint.events is None else list(endpoint.events),
        "description": endpoint.description,
        "status": endpoint.status.value,
        "disabled_reason": endpoint.disabled_reason and endpoint.disabled_reason.value,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def to_wire(endpoint: Endpoint) -> wire.WebhookEndpoint:
    return wire.WebhookEndpoint(**endpoint_fields(endpoint))


def with_secret(endpoint: Endpoint) -> wire.WebhookEndpointWithSecret:
    """Show an endpoint with its newest secret: once, when that is made."""
    until = max((s.expires_at for s in endpoint.secrets if s.expires_at is not None), default=None)
    return wire.WebhookEndpointWithSecret(
        **endpoint_fields(endpoint),
        secret=endpoint.secrets[0].value,
        previous_secret_expires_at=until,
    )


def delivery_to_wire(delivery: Delivery) -> wire.WebhookDelivery:
    return wire.WebhookDelivery(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        message_id=delivery.message_id,
        event=delivery.event,
        status=delivery.status.value,
        next_attempt_at=delivery.next_attempt_at,
        attempts=[attempt_to_wire(attempt) for attempt in delivery.attempts],
        created_at=delivery.created_at,
        completed_at=delivery.completed_at,
    )


def attempt_to_wire(attempt: Attempt) -> wire.WebhookAttempt:
    return wire.WebhookAttempt(
        id=attempt.id,
        number=attempt.number,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
        status_code=attempt.status_code,
        error=attempt.error,
        response_text=attempt.response_text,
    )


def envelope(message: Message, project_id: str) -> dict[str, Any]:
    """What is sent, and what the feed shows, of one event."""
    return {
        "id": message.id,
        "event": message.event,
        "created_at": format_instant(message.created_at),
        "data": dict(message.data),
        "api_version": wire.API_VERSION,
        "project_id": project_id,
        "sequence": message.sequence,
    }


def body(shown: Mapping[str, Any]) -> bytes:
    """Write an envelope: the same bytes each time, and ASCII, whatever a receiver decodes."""
    return json.dumps(shown, separators=(",", ":"), allow_nan=False).encode("ascii")


def announced_disabled(endpoint: Endpoint) -> dict[str, Any]:
    """The data of `webhook_endpoint.disabled`."""
    assert endpoint.disabled_reason is not None
    return {
        "endpoint_id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "reason": endpoint.disabled_reason.value,
        "disabled_at": _text(endpoint.disabled_at),
        "failing_since": _text(endpoint.failing_since),
    }


def announced_test(endpoint: Endpoint) -> dict[str, Any]:
    """The data of `webhook_endpoint.test`."""
    return {"endpoint_id": endpoint.id, "url": endpoint.url, "description": endpoint.description}


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)
