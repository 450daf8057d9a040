"""Good and bad events, as bytes: what callers send, and what they should not."""

import json
from dataclasses import dataclass
from typing import Any, Final

GOOD: Final = {"customer_external_id": "acme", "meter": "calls"}


@dataclass(frozen=True)
class Case:
    """One event; `pointer` names the field that is wrong, None for a good event."""

    name: str
    body: bytes
    pointer: str | None = None


def _case(name: str, pointer: str | None, **fields: Any) -> Case:
    merged = {**GOOD, **fields}
    present = {key: value for key, value in merged.items() if value is not ...}
    return Case(name, json.dumps(present).encode(), pointer)


def _raw(name: str, pointer: str | None, field: str, value: str) -> Case:
    body = f'{{"customer_external_id": "acme", "meter": "calls", "{field}": {value}}}'
    return Case(name, body.encode("utf-8", "surrogatepass"), pointer)


def nested(depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(depth - 1):
        made = {"a": made}
    return made


QUANTITIES: Final = [
    *(
        _raw(f"quantity {text[:24]}", None, "quantity", text)
        for text in (
            "1", "0", "-0", "-0.0", "1.5", "0.000000000001", "1e3", "1E-12", "999999999999999999",
            '"1"', '"0"', '"-0"', '"0.0001"', '"1200.50"', '"999999999999999999.999999999999"',
            "1.0000000000000000000000000000",
        )
    ),
    *(
        _raw(f"quantity {text[:24]}", "/quantity", "quantity", text)
        for text in (
            "-1", '"-0.0001"', "true", "false", "null", "[]", "{}", '""', '" 1"', '"1 "', '"+1"',
            '"1_000"', '"1,5"', '"1e3"', '"NaN"', '"Infinity"', '"-Infinity"', '"sNaN"', '"0x10"',
            '"١٢٣"', '"１２"', '"².5"', "1e400", "1e-400", "0.30000000000000004",
            "1000000000000000000", "9223372036854775808", "18446744073709551616", "1e18",
            '"1000000000000000000"', f'"{"9" * 400}"', f'"0.{"0" * 400}1"', "9" * 40, '".5"',
            '"1."', '"1\\n"', '"1\\u0000"',
        )
    ),
]  # fmt: skip
TIMES: Final = [
    *(
        _raw(f"time {text}", None, "timestamp", text)
        for text in (
            '"2026-03-01T12:00:00Z"', '"2026-03-01t12:00:00z"', '"2026-03-01 12:00:00Z"',
            '"2026-03-01T12:00:00.123456Z"', '"2026-03-01T12:00:00.123456789Z"',
            '"2026-03-01T12:00:00+05:30"', '"2024-02-29T00:00:00-12:00"', "null",
            '"2999-12-31T23:59:59Z"', '"1971-01-01T00:00:00Z"',
        )
    ),
    *(
        _raw(f"time {text[:40]}", "/timestamp", "timestamp", text)
        for text in (
            '"2026-03-01T12:00:00"', '"2026-03-01"', '"2026-03-01T24:00:00Z"', '""', '"now"',
            '"2026-03-01T12:00:60Z"', '"2026-06-30T23:59:60Z"', '"0000-01-01T00:00:00Z"',
            '"10000-01-01T00:00:00Z"', '"1970-01-01T00:00:00Z"', '"3000-01-01T00:00:00Z"',
            '"2026-02-29T00:00:00Z"', '"2026-13-01T00:00:00Z"', '"2026-03-01T12:00:00+25:00"',
            '"2026-03-01T12:00:00+99:99"', '"2026-03-01T12:00Z"', '"2026-W10-1T12:00:00Z"',
            '"٢٠٢٦-03-01T12:00:00Z"', "1772366400", "1772366400000", "1772366400.5", "true", "[]",
            "{}", f'"{"2" * 200}"', '"2026-03-01T12:00:00.Z"', '"2026-03-01T12:00:00.1234567890Z"',
            '"2026-03-01T12:00:00Z\\n"', '"20260301T120000Z"', '"9999-12-31T23:59:59-23:59"',
        )
    ),
]  # fmt: skip
NAMES: Final = [
    *(_case(f"{field} ok", None, **{field: "x" * 255}) for field in ("meter", "agent")),
    *(
        _case(f"{field} {value!r:.20}", f"/{field}", **{field: value})
        for field in ("customer_external_id", "meter", "agent", "subscription_id")
        for value in (
            "",
            " ",
            "\t\n",
            "\x1c",
            "\u00a0",
            "x" * 256,
            "a\x00b",
            1,
            True,
            [],
            {},
            ["x"],
        )
    ),
    _case("any script", None, customer_external_id="شركة/ACME 1"),
    _case("a customer by id", None, customer_external_id=..., customer_id="cus_1"),
    _case("nulls are absent", None, customer_id=None, agent=None, idempotency_key=None),
    _case("two names", "/customer_id", customer_id="cus_1"),
    _case("no name", "/customer_id", customer_external_id=...),
    _case("no meter and no agent", "/meter", meter=...),
    _case("an agent alone", None, meter=..., agent="bot", action_type="task"),
    *(
        _case(f"action type {value!r}", "/action_type", action_type=value)
        for value in ("tasks", "", "TASK", 1, [], {}, ["task"])
    ),
]
KEYS: Final = [
    *(
        _case(f"key {value!r:.20}", None, idempotency_key=value)
        for value in ("k", "a b", "~!{}", "x" * 255, None)
    ),
    *(
        _case(f"key {value!r:.20}", "/idempotency_key", idempotency_key=value)
        for value in ("", " k", "k ", "k\n", "a\tb", "é", "x" * 256, "a\x00b", "\x7f", 1, True, [])
    ),
]
OBJECTS: Final = [
    case
    for field in ("attributes", "metadata")
    for case in (
        _case(f"{field} of all kinds", None, **{field: {"a": [1, "x", None, True, {"b": {}}]}}),
        _case(f"{field} empty", None, **{field: {}}),
        _case(f"{field} null", None, **{field: None}),
        _case(f"{field} nested {32}", None, **{field: nested(32)}),
        _case(f"{field} nested {33}", f"/{field}", **{field: nested(33)}),
        _case(f"{field} nested {400}", f"/{field}", **{field: nested(400)}),
        _case(f"{field} large", f"/{field}", **{field: {"a": "x" * (64 << 10)}}),
        _case(f"{field} NUL", f"/{field}", **{field: {"a": ["b\x00"]}}),
        _case(f"{field} NUL in a name", f"/{field}", **{field: {"a\x00": 1}}),
        _case(f"{field} a list", f"/{field}", **{field: []}),
        _case(f"{field} a text", f"/{field}", **{field: "{}"}),
        _case(f"{field} a number", f"/{field}", **{field: 1}),
        _raw(f"{field} long digits", None, field, '{"a": 0.12345678901234567890123}'),
        _raw(f"{field} large integer", None, field, '{"a": 123456789012345678901234567890}'),
        _raw(f"{field} small number", None, field, '{"a": 1e-300}'),
        _raw(f"{field} too large a number", f"/{field}", field, '{"a": 1e400}'),
        _raw(f"{field} too small a number", f"/{field}", field, '{"a": 1e-400}'),
    )
]
ITEMS: Final = [
    _case("the least", None),
    *QUANTITIES,
    *TIMES,
    *NAMES,
    *KEYS,
    *OBJECTS,
]

EVENT: Final = json.dumps(GOOD).encode()
BODIES: Final = [
    Case("one", b'{"events": [' + EVENT + b"]}"),
    Case("none", b'{"events": []}'),
    Case("a backfill", b'{"events": [' + EVENT + b'], "backfill": true}'),
    Case("a thousand", b'{"events": [' + b",".join([EVENT] * 1000) + b"]}"),
    Case("1,001 items", b'{"events": [' + b",".join([EVENT] * 1001) + b"]}", "/events"),
    Case("no events", b"{}", "/events"),
    Case("events null", b'{"events": null}', "/events"),
    Case("events an object", b'{"events": {}}', "/events"),
    Case("an item that is none", b'{"events": [1]}', "/events/0"),
    Case("an unknown field", b'{"events": [], "typo": 1}', "/typo"),
    Case(
        "an unknown field of an item",
        b'{"events": [' + EVENT + b', {"meter": "m", "event_id": "e"}]}',
        "/events/1/event_id",
    ),
    Case("backfill no boolean", b'{"events": [], "backfill": "yes"}', "/backfill"),
    Case("backfill a number", b'{"events": [], "backfill": 1}', "/backfill"),
    Case("a list", b"[]", ""),
    Case("a text", b'"x"', ""),
    Case("null", b"null", ""),
]
BROKEN: Final = {
    "empty": b"",
    "cut off": b'{"events": [',
    "trailing": b'{"events": []} x',
    "NaN": b'{"events": [{"quantity": NaN}]}',
    "Infinity": b'{"events": [{"quantity": Infinity}]}',
    "-Infinity": b'{"events": [{"quantity": -Infinity}]}',
    "a single quote": b"{'events': []}",
    "underscores": b'{"events": [{"quantity": 1_000}]}',
    "leading zero": b'{"events": [{"quantity": 01}]}',
    "plus": b'{"events": [{"quantity": +1}]}',
    "no UTF-8": b'{"events": [{"meter": "\xff"}]}',
    "UTF-16": '{"events": []}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"events": []}',
    "deep": b'{"events": [{"attributes": ' + b'{"a":' * 100_000,
    "a raw surrogate": b'{"events": [{"meter": "\xed\xa0\x80"}]}',
}
REFUSED: Final = {
    "a lone surrogate": b'{"events": [{"meter": "\\ud800", "customer_id": "c"}]}',
    "an endless exponent": b'{"events": [{"quantity": 1e-4000000000000000000000}]}',
    "deep lists": b"[" * 100_000,
    "5,000 digits": b'{"events": [{"quantity": ' + b"9" * 5000 + b"}]}",
}
"""Refused whole by both, though not always with the same status."""
