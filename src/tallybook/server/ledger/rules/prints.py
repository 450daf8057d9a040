"""Whether two requests under one key are the same request."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from json import dumps

from tallybook.server.kernel.money import plain


def print_of(fields: Mapping[str, object]) -> bytes:
    """Return the fingerprint of a request: equal for equal fields, however they were written."""
    text = dumps(dict(fields), sort_keys=True, separators=(",", ":"), default=_text)
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
