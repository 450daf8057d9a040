"""PostgreSQL arrays in its binary form, a few times cheaper than the text that its driver writes.

Import it where PostgreSQL is spoken to: its driver need not be there otherwise.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NUMBERS: Final = {"smallint": (">ih", 2), "int": (">ii", 4), "bigint": (">iq", 8)}
_OIDS: Final = {  # of a value, and of an array of them
    "smallint": (21, 1005),
    "int": (23, 1007),
    "bigint": (20, 1016),
    "bytea": (17, 1001),
    "text": (25, 1009),
}
_NULL: Final = b"\xff\xff\xff\xff"
_head: Final = Struct(">5i").pack
_size: Final = Struct(">i").pack


class Array(bytes):
    """A column of values in PostgreSQL's binary form."""


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj


_DUMPERS: Final[dict[str, tuple[type[Array], type[Dumper]]]] = {
    kind: (
        type(f"{kind}_array", (Array,), {}),
        type(f"{kind}_dumper", (_ArrayDumper,), {"oid": array_oid}),
    )
    for kind, (_, array_oid) in _OIDS.items()
}


def teach(cursor: AdaptContext) -> None:
    """Let a cursor take arrays of ours as parameters."""
    for array, dumper in _DUMPERS.values():
        cursor.adapters.register_dumper(array, dumper)


def to_array(kind: str, values: Sequence[Any]) -> Array:
    """Return values as an array of `kind`: smallint, int, bigint, bytea or text. None is NULL."""
    if kind in _NUMBERS:
        layout, size = _NUMBERS[kind]
        number = Struct(layout).pack
        parts = [_NULL if value is None else number(size, value) for value in values]
    else:
        if kind == "text":
            values = [None if value is None else value.encode() for value in values]
        parts = [_NULL if value is None else _size(len(value)) + value for value in values]
    oid, _ = _OIDS[kind]
    head = _head(1, int(None in values), oid, len(values), 1)  # one dimension, from 1 on
    array, _ = _DUMPERS[kind]
    return array(b"".join((head, *parts)))
