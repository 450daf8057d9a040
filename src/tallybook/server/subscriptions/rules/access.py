"""Which events of a subscription change what its customer may use."""

from collections.abc import Mapping
from typing import Final

from tallybook.server.subscriptions.models import Status

TERMS_CHANGED: Final = "terms_changed"
_GIVES: Final = "ok"
_REASONS: Final[Mapping[str, str]] = {
    "activated": _GIVES,
    "recovered": _GIVES,
    "plan_changed": TERMS_CHANGED,
    "suspended": "subscription_suspended",
    "canceled": "subscription_canceled",
    "ended": "subscription_canceled",
}


def access_reason(event: str, status: Status, *, is_blocked: bool | None) -> str | None:
    """Return why access changed with an event, in the words of access; None: it did not.

    `is_blocked`, of `past_due`, says whether the grace is over. Source: docs/webhooks.md.
    """
    if event == "past_due":
        return "subscription_past_due" if is_blocked else None
    if event == "resumed":
        return "subscription_past_due" if status is Status.PAST_DUE else _GIVES
    return _REASONS.get(event)
