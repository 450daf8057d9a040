"""Was this sent by who knows the secret, and just now? Hostile input has one answer: no."""

import hmac
import re
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tallybook.client.errors import WebhookSignatureError

PREFIX: Final = "whsec_"
TOLERANCE_S: Final = 300
_KEY_BYTES_MIN: Final = 16
_PARTS_MAX: Final = 50  # signatures looked at; a sender has as many as it has live secrets
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_HEADER_CHARS_MAX: Final = 20_000

Secrets = str | Sequence[str]


def verify_webhook_signature(
    payload: bytes | str,
    signature: str | None,
    secret: Secrets,
    tolerance: float = TOLERANCE_S,
) -> bool:
    """Tell whether `X-Webhook-Signature` (`t=…,v1=…`) fits the raw body. It never raises.

    `payload` is the body as it came, before any JSON is read; `secret` may be several, as in a
    rotation; `tolerance` is in seconds, of the sender's clock against ours.
    """
    try:
        body = _bytes(payload)
        if not isinstance(signature, str) or len(signature) > _HEADER_CHARS_MAX:
            return False
        parts = [part.strip().partition("=") for part in signature.split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        given = [value for name, _, value in parts if name == "v1"]
        if len(stamps) != 1 or not _is_recent(stamps[0], tolerance):
            return False
        signed = b"%b.%b" % (stamps[0].encode(), body)
        wanted = [hmac.digest(key, signed, "sha256").hex() for key in _keys(secret)]
        return _any_equal(given, wanted)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not a signature
        return False


def verify_standard(
    payload: bytes | str, headers: Mapping[str, str], secret: Secrets, tolerance: float
) -> bool:
    """Tell whether the headers of Standard Webhooks fit the raw body. It never raises."""
    try:
        body = _bytes(payload)
        stamp, given = headers["webhook-timestamp"], headers["webhook-signature"]
        if len(given) > _HEADER_CHARS_MAX or not _is_recent(stamp, tolerance):
            return False
        signed = b"%b.%b.%b" % (headers["webhook-id"].encode(), stamp.encode(), body)
        wanted = [_b64(hmac.digest(key, signed, "sha256")) for key in _keys(secret)]
        tokens = [token.partition(",") for token in given.split(" ")]
        return _any_equal([value for kind, _, value in tokens if kind == "v1"], wanted)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not a signature
        return False


def require_signature(
    payload: bytes | str, headers: Any, secret: Secrets | None, tolerance: float
) -> None:
    """Errors: WebhookSignatureError, unless the standard's headers, or else ours, are good."""
    if not secret:
        raise WebhookSignatureError("no secret: pass secret=, or webhook_secret= to the client")
    found = _lowered(headers)
    if "webhook-signature" in found:
        good = verify_standard(payload, found, secret, tolerance)
    elif "x-webhook-signature" in found:
        good = verify_webhook_signature(payload, found["x-webhook-signature"], secret, tolerance)
    else:
        raise WebhookSignatureError("the webhook has no signature")
    if not good:
        raise WebhookSignatureError("the webhook's signature is wrong, or too old")


def _lowered(headers: Any) -> dict[str, str]:
    """Return the headers of any framework: a mapping, or pairs; bytes or text."""
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers
        return {_text(name).lower(): _text(value) for name, value in pairs}
    except Exception:  # noqa: BLE001 - headers that cannot be read sign nothing
        return {}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(payload: bytes | str) -> bytes:
    return payload.encode() if isinstance(payload, str) else bytes(payload)


def _b64(digest: bytes) -> str:
    from base64 import b64encode

    return b64encode(digest).decode()


def _keys(secret: Secrets) -> list[bytes]:
    """Return the keys of the secrets that can be read, so that one bad one spoils no other."""
    found = []
    for text in [secret] if isinstance(secret, str) else secret:
        try:
            key = b64decode(text.strip().removeprefix(PREFIX), validate=True)
        except ValueError:
            continue
        if len(key) >= _KEY_BYTES_MIN:
            found.append(key)
    return found


def _is_recent(stamp: str, tolerance: float) -> bool:
    if not _TIMESTAMP.fullmatch(stamp):
        return False
    return abs(int(time.time()) - int(stamp)) <= tolerance


def _any_equal(given: Sequence[str], wanted: Sequence[str]) -> bool:
    found = False
    for text in given[-_PARTS_MAX:]:
        for want in wanted:
            found |= hmac.compare_digest(text.encode(), want.encode())
    return found
