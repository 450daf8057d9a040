"""Which column means what: from a record of a file to an event of the API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from tallybook.wire.base import format_instant, parse_instant
from tallybook.wire.decimals import plain, to_decimal

_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r" ?([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?"
)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DIGEST_CHARS: Final = 32


class BadLine(Exception):
    """A line that no event can be made of."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ZoneNeeded(Exception):
    """A time without a zone, and nobody said which is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where an event's fields stand. Of `customer` and `customer_column` one is given."""

    meter: str
    timestamp_column: str
    customer: str | None = None
    customer_column: str | None = None
    quantity_column: str | None = None  # None: each line counts one
    key_column: str | None = None
    attribute_columns: tuple[str, ...] = ()
    zone: tzinfo | None = None

    @property
    def names(self) -> list[str]:
        chosen = (
            self.timestamp_column,
            self.customer_column,
            self.quantity_column,
            self.key_column,
            *self.attribute_columns,
        )
        return [name for name in chosen if name is not None]


def to_event(fields: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Return the event, without a key where no column has one.

    Errors: BadLine; ZoneNeeded.
    """
    customer = columns.customer
    if columns.customer_column is not None:
        customer = _text(fields, columns.customer_column)
    event: dict[str, Any] = {
        "customer_external_id": customer,
        "meter": columns.meter,
        "timestamp": read_time(_given(fields, columns.timestamp_column), columns.zone),
    }
    if columns.quantity_column is not None:
        event["quantity"] = read_quantity(_given(fields, columns.quantity_column))
    if columns.key_column is not None:
        event["idempotency_key"] = _text(fields, columns.key_column)
    attributes = {
        name: fields[name]
        for name in columns.attribute_columns
        if fields.get(name) not in (None, "")
    }
    if attributes:
        event["attributes"] = attributes
    return event


def digest_of(raw: bytes) -> bytes:
    """Return what equal lines have in common."""
    return sha256(raw).digest()


def key_of(meter: str, digest: bytes, count: int) -> str:
    """Return the idempotency key of the `count`-th equal line: the same on every run."""
    return f"{meter}:{digest.hex()[:_DIGEST_CHARS]}:{count}"


def read_time(value: Any, zone: tzinfo | None) -> str:
    """Return an RFC 3339 time in UTC; digits past the microsecond are cut.

    A time that clocks show twice is the first of the two. A day alone is its start.
    Errors: BadLine; ZoneNeeded.
    """
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise BadLine("invalid_timestamp", f"{_shown(value)} is no time like 2026-01-31T12:00:00Z")
    *numbers, fraction, offset = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    where = _offset(offset) if offset else zone
    if where is None:
        raise ZoneNeeded(value)
    try:
        at = datetime(year, month, day, hour, minute, second, micros, tzinfo=where)
        return format_instant(parse_instant(at.astimezone(UTC)))
    except (ValueError, OverflowError) as error:
        raise BadLine("invalid_timestamp", f"{_shown(value)}: {error}") from None


def read_quantity(value: Any) -> str:
    """Return a decimal in plain notation; `1e-05` is one too. Errors: BadLine."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            raise BadLine("invalid_quantity", f"{_shown(value)} is no number")
        value = Decimal(text)
    try:
        return plain(to_decimal(value))
    except ValueError as error:
        raise BadLine("invalid_quantity", f"{_shown(value)} {error}") from None


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise BadLine("invalid_timestamp", f"{text} is no offset from UTC")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if text[0] == "-" else delta)


def _given(fields: Mapping[str, Any], name: str) -> Any:
    value = fields.get(name)
    if value is None or value == "":
        raise BadLine("missing", f"{name} is empty")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = _given(fields, name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadLine("invalid", f"{name} must be a text, not {_shown(value)}")
    return str(value).strip()


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
