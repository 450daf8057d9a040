"""Column types that keep facts exact on both databases, and the metadata all tables share."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Dialect, MetaData, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.money import plain

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON value. Decimals inside it are strings."""


def to_json(value: Any) -> str:
    """Write a document for the database: each invoice line has one, and each event."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a character, which JSON can escape
        return json.dumps(value)


def from_json(text: str | bytes) -> Any:
    """Read a document of the database."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:  # what only `json` takes, such as a number that is too large
        return json.loads(text)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, stored as integer microseconds since 1970 (docs/adr/0001)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def bind_processor(self, _dialect: Dialect) -> Callable[[Any], Any]:
        return _to_micros  # at once, where the base class would call us through two of its own

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Callable[[Any], Any]:
        return _from_micros


def _to_micros(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


def _from_micros(value: int | None) -> datetime | None:
    return None if value is None else from_micros(value)


class Exact(TypeDecorator[Decimal]):
    """A decimal of 18 + 12 digits: TEXT on SQLite, NUMERIC on PostgreSQL (docs/adr/0002).

    Not for arithmetic, order or comparison in SQL: on SQLite it is text.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(36, 12))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return plain(value)

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any]:
        return _from_numeric if dialect.name == "postgresql" else _from_text


def _from_text(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _from_numeric(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(plain(value))
