"""How Python values are written into a request. What the values may be, the server judges."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from tallybook.wire.base import format_instant
from tallybook.wire.decimals import plain, to_decimal

from .not_given import NOT_GIVEN, NotGiven

DecimalInput = Decimal | int | str | float
"""What may be given for a decimal; a float is taken as it prints."""
Json = Any
"""What JSON can hold: None, bool, int, float, str, and lists and dicts of these."""

FREE_FIELDS: Final = frozenset({"metadata", "attributes", "config"})  # the caller's own JSON
_DIGITS_MAX: Final = 100  # of a Decimal worth writing out; no server takes so many


def decimal(value: DecimalInput | NotGiven | None) -> Any:
    """Write a decimal as the string that crosses the network.

    Errors: ValueError, for what only this side can explain: a computed float with too many
    places, NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value  # a string goes as it stands
    if isinstance(value, float):
        return plain(to_decimal(value))
    if isinstance(value, int):
        value = Decimal(value)
    if not value.is_finite() or abs(value.adjusted()) > _DIGITS_MAX:
        raise ValueError(f"cannot send {value} as a decimal")
    return format(value, "f")


def decimals(
    items: Sequence[Mapping[str, Any]] | NotGiven | None, *names: str
) -> list[dict[str, Any]] | NotGiven | None:
    """Write the named fields of each item as decimals, where they are."""
    if items is None or isinstance(items, NotGiven):
        return items
    return [
        {name: decimal(value) if name in names else value for name, value in item.items()}
        for item in items
    ]


def instant(value: datetime) -> str:
    """Write an instant as RFC 3339 in UTC. Errors: ValueError (no time zone)."""
    if value.utcoffset() is None:
        raise ValueError(
            f"{value!r} has no time zone, so it names no instant: "
            "add one, such as tzinfo=datetime.UTC, or call .astimezone() for local time"
        )
    return format_instant(value)


def jsonable(value: Any) -> Any:
    """Return the value as JSON can hold it. Errors: ValueError, TypeError."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json", exclude_unset=True)
        case Mapping():
            return {
                str(name): free(item) if name in FREE_FIELDS else jsonable(item)
                for name, item in value.items()
                if item is not NOT_GIVEN
            }
        case list() | tuple() | set() | frozenset():
            return [jsonable(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    match value:
        case Enum():
            return _scalar(value.value)
        case None | bool() | int() | str():
            return value
        case Decimal() | float():
            return decimal(value)
        case datetime():
            return instant(value)
        case date() | UUID():
            return str(value)
    raise TypeError(f"cannot send a {type(value).__name__}: {value!r}")


def free(value: Any) -> Any:
    """Return the caller's own JSON: its floats stay numbers."""
    if isinstance(value, Mapping):
        return {str(name): free(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [free(item) for item in value]
    return value if isinstance(value, float) else jsonable(value)


def encode_body(fields: Mapping[str, Any]) -> bytes:
    """Write the body of a request. Errors: ValueError, TypeError."""
    return json.dumps(
        jsonable(fields), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def encode_query(fields: Mapping[str, Any]) -> dict[str, str]:
    """Write the query of a request; None and NOT_GIVEN leave a parameter out."""
    return {
        name: _query_text(value)
        for name, value in fields.items()
        if value is not None and value is not NOT_GIVEN
    }


def _query_text(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(_query_text(item) for item in value)
    written = jsonable(value)
    if isinstance(written, bool):
        return "true" if written else "false"
    return str(written)
