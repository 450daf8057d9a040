"""What an event means for a copy of who may do what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tallybook.wire.webhooks import WEBHOOK_EVENTS as E
from tallybook.wire.webhooks import WebhookEvent

from .payloads import validate_webhook_payload

Action = Literal["block_access", "allow_access", "refresh_entitlements", "none"]


@dataclass(frozen=True, slots=True)
class WebhookUpdate:
    """What to do locally; `feature` of None means all features of the customer."""

    action: Action
    customer_id: str | None
    customer_external_id: str | None
    feature: str | None
    reason: str | None
    event_type: str


_ACTIONS: Final[Mapping[str, Action]] = {
    E.USAGE_LIMIT_RESET: "allow_access",
    E.SUBSCRIPTION_RECOVERED: "allow_access",
    E.SUBSCRIPTION_RESUMED: "allow_access",
    E.SUBSCRIPTION_SUSPENDED: "block_access",
    E.SUBSCRIPTION_CANCELED: "block_access",  # it is sent when it takes effect
    E.SUBSCRIPTION_ENDED: "block_access",
    E.CUSTOMER_ACCESS_CHANGED: "refresh_entitlements",
    E.SUBSCRIPTION_PLAN_CHANGED: "refresh_entitlements",
    E.SUBSCRIPTION_CREATED: "refresh_entitlements",
    E.SUBSCRIPTION_ACTIVATED: "refresh_entitlements",
}
_REASONS: Final[Mapping[str, str]] = {
    E.USAGE_LIMIT_REACHED: "limit_reached",
    E.SUBSCRIPTION_PAST_DUE: "subscription_past_due",
    E.SUBSCRIPTION_SUSPENDED: "subscription_suspended",
    E.SUBSCRIPTION_CANCELED: "subscription_canceled",
    E.SUBSCRIPTION_ENDED: "subscription_canceled",
}


def to_webhook_update(event: WebhookEvent | Mapping[str, Any]) -> WebhookUpdate:
    """Return what an event asks a local copy of entitlements to do.

    Errors: WebhookPayloadError (a payload that is no event).
    """
    read = event if isinstance(event, WebhookEvent) else validate_webhook_payload(event)
    data, name = read.data, str(read.event)
    return WebhookUpdate(
        action=_action(name, data),
        customer_id=_field(data, "customer_id"),
        customer_external_id=_field(data, "customer_external_id"),
        feature=_field(data, "feature") if name.startswith("usage.") else None,
        reason=_REASONS.get(name) or _field(data, "reason"),
        event_type=name,
    )


def _action(name: str, data: Any) -> Action:
    if name == E.USAGE_LIMIT_REACHED:
        return "refresh_entitlements" if _field(data, "overage_allowed") else "block_access"
    if name == E.SUBSCRIPTION_PAST_DUE:
        return "block_access" if _field(data, "access_blocked") else "refresh_entitlements"
    return _ACTIONS.get(name, "none")


def _field(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else getattr(data, name, None)
