"""Signatures, in the forms of Standard Webhooks 1.0.0 and of `X-Webhook-Signature`."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tallybook.server.webhooks.models import Secret

PREFIX: Final = "whsec_"
KEY_BYTES: Final = 32
OVERLAP: Final = timedelta(hours=24)
LIVE_MAX: Final = 5  # secrets that sign at once, however often they are rotated


def format_secret(key: bytes) -> str:
    return PREFIX + b64encode(key).decode()


def sign(body: bytes, *, message_id: str, sent_at_s: int, secret: str) -> str:
    """Return one token of `webhook-signature`.

    Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com; docs/webhooks.md.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), sent_at_s, body)
    return "v1," + b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def sign_hex(body: bytes, *, sent_at_s: int, secret: str) -> str:
    """Return one `v1=` part of `X-Webhook-Signature`."""
    return "v1=" + hmac.digest(_key(secret), b"%d.%b" % (sent_at_s, body), "sha256").hex()


def headers(
    body: bytes, *, message_id: str, sent_at_s: int, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers of a POST, signed with every secret that is live."""
    tokens = [
        sign(body, message_id=message_id, sent_at_s=sent_at_s, secret=secret) for secret in secrets
    ]
    parts = [sign_hex(body, sent_at_s=sent_at_s, secret=secret) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": " ".join(tokens),
        "X-Webhook-Signature": ",".join([f"t={sent_at_s}", *parts]),
    }


def live(secrets: Sequence[Secret], now: datetime) -> tuple[Secret, ...]:
    return tuple(item for item in secrets if item.expires_at is None or item.expires_at > now)


def rotated(secrets: Sequence[Secret], new: str, now: datetime) -> tuple[Secret, ...]:
    """Return the secrets with a new one in front; what was live stays so for OVERLAP at most."""
    kept = (
        Secret(item.value, min(item.expires_at or now + OVERLAP, now + OVERLAP))
        for item in live(secrets, now)
    )
    return (Secret(new), *list(kept)[: LIVE_MAX - 1])


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))
