"""The two directions of a model, and the types that all resources share."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from . import limits
from .decimals import DECIMAL_PATTERN, plain, to_decimal


class Request(BaseModel):
    """What a caller sends: unknown fields are refused, enums are closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Response(BaseModel):
    """What the server answers: unknown fields are kept, so an older SDK reads a newer server."""

    model_config = ConfigDict(extra="allow")


def _decimal(value: object) -> Decimal:
    return to_decimal(value)


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be greater than zero")
    return value


Dec = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{DECIMAL_PATTERN}$", "examples": ["12.5"]}),
]
"""A decimal; on the wire a string in plain notation."""
NonNegative = Annotated[Dec, AfterValidator(_not_negative)]
Positive = Annotated[Dec, AfterValidator(_positive)]


def _amount(value: object) -> Decimal:
    checked = to_decimal(value)
    if isinstance(value, Decimal):
        return value  # with its places: they say how the currency is written
    return Decimal(value) if isinstance(value, str) else checked


def _money_text(value: Decimal) -> str:
    return format(value, "f")  # keeps the currency's minor units: "8.40"


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    PlainSerializer(_money_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{DECIMAL_PATTERN}$", "examples": ["8.46"]}),
]
"""Posted money in major units, written with the currency's minor units: `8.40`, JPY `8`."""

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_instant(value: object) -> datetime:
    """Read an RFC 3339 text or an aware datetime; return it in UTC, to the microsecond.

    Errors: ValueError (no zone, epoch numbers, years outside `limits`, impossible dates).
    """
    if isinstance(value, str):
        match = _RFC3339.fullmatch(value)
        if match is None:
            raise ValueError("must be an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z")
        fraction = match.group(1)
        if fraction and len(fraction) > 7:  # digits past the microsecond are cut, not rounded up
            value = value.replace(fraction, fraction[:7], 1)
        value = datetime.fromisoformat(value.upper())
    if not isinstance(value, datetime):
        raise ValueError("must be an RFC 3339 time in a string, or an aware datetime")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError("must have a time zone")
    if not limits.YEAR_MIN < value.year <= limits.YEAR_MAX:
        raise ValueError(f"must be in the years {limits.YEAR_MIN + 1} to {limits.YEAR_MAX}")
    return value.astimezone(UTC)


@lru_cache(maxsize=1_024)  # the lines of an invoice have their period in common
def format_instant(value: datetime) -> str:
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat()[:-6]}Z"


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant; on the wire RFC 3339 in UTC with `Z`."""


def parse_date(value: object) -> date:
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            raise ValueError("must be a date such as 2026-01-31")
        value = date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date")
    if not limits.YEAR_MIN < value.year <= limits.YEAR_MAX:
        raise ValueError(f"must be in the years {limits.YEAR_MIN + 1} to {limits.YEAR_MAX}")
    return value


Day = Annotated[
    date, BeforeValidator(parse_date), WithJsonSchema({"type": "string", "format": "date"})
]


def _parse_day_or_instant(value: object) -> date:
    if isinstance(value, datetime):
        return parse_instant(value)
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return parse_date(value)
    return parse_instant(value)


def _format_day_or_instant(value: date) -> str:
    return format_instant(value) if isinstance(value, datetime) else value.isoformat()


DayOrInstant = Annotated[
    date,  # a datetime is a date too, and stays one: pydantic's own date would cut it
    PlainValidator(_parse_day_or_instant),
    PlainSerializer(_format_day_or_instant, return_type=str, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    ),
]
"""An instant, or a local day: its start, and as the end of a span its end (inclusive)."""


def start_of(value: date, midnight: Any) -> datetime:
    """Return the instant meant as a start; `midnight(day)` gives the local day's start."""
    return value if isinstance(value, datetime) else midnight(value)


def end_of(value: date, midnight: Any) -> datetime:
    """Return the exclusive end meant: a day is inclusive, so its end is the next day's start."""
    return value if isinstance(value, datetime) else midnight(value + timedelta(days=1))


KEY_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_ASCII_KEY: Final = r"^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$"


def _clean_text(value: str) -> str:
    """Refuse what no store keeps the same: NUL and lone surrogates."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def _json_number(value: Decimal) -> Any:
    """Keep a number whose digits JSON numbers of every language hold; else keep its digits."""
    text = plain(value)
    number = json.loads(text)
    return number if str(number) == text else text


def _clean_json(value: Any, depth: int = 0) -> Any:
    if depth > limits.JSON_DEPTH_MAX:
        raise ValueError(f"must not be nested deeper than {limits.JSON_DEPTH_MAX}")
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean_text(str(k)): _clean_json(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(item, depth + 1) for item in value]
    if isinstance(value, float) and value - value != 0:
        raise ValueError("must not contain NaN or infinities")
    if isinstance(value, Decimal):
        return _json_number(to_decimal(value))
    return value


Text = Annotated[str, AfterValidator(_clean_text), StringConstraints(max_length=10_000)]
Name = Annotated[
    str,
    AfterValidator(_clean_text),
    StringConstraints(min_length=1, max_length=limits.NAME_CHARS_MAX, pattern=r"\S"),
]
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
Ref = Annotated[str, AfterValidator(_clean_text), StringConstraints(min_length=1, max_length=255)]
"""Our id, or the object's stable key."""
ExternalId = Annotated[
    str,
    AfterValidator(_clean_text),
    StringConstraints(min_length=1, max_length=limits.EXTERNAL_ID_CHARS_MAX, pattern=r"\S"),
]
IdempotencyKey = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=limits.IDEMPOTENCY_KEY_CHARS_MAX, pattern=_ASCII_KEY
    ),
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Address = Annotated[Text, StringConstraints(max_length=1000)]
"""A postal address, a line each, without the name."""
TaxId = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
LocaleTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$")]
"""A language, with a region where that matters: `en`, `en-GB`, `ar-KW`."""
Json = Annotated[dict[str, Any], AfterValidator(_clean_json)]
Metadata = Json


class CustomerChoice(Request):
    """Exactly one of the two names a customer has."""

    customer_id: Ref | None = None
    customer_external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "CustomerChoice":
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise ValueError("give exactly one of customer_id and customer_external_id")
        return self


T = TypeVar("T")


class Page(Response, Generic[T]):
    """One page of a list, newest first unless asked otherwise."""

    data: list[T]
    has_more: bool
    next_cursor: str | None = None
    limit: int
    page: int | None = None
    total_count: int | None = None


class Problem(Response):
    """A refusal in the form of RFC 9457, `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str
    errors: list["ProblemField"] = []


class ProblemField(Response):
    pointer: str
    code: str
    detail: str
