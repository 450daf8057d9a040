"""What a column's text means."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tallybook.server.cli.import_columns import (
    BadLine,
    Columns,
    ZoneNeeded,
    digest_of,
    key_of,
    read_quantity,
    read_time,
    to_event,
)

RIYADH = ZoneInfo("Asia/Riyadh")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01t12:00:00z", "2026-03-01T12:00:00Z"),
        ("2026-03-01 12:00:00 UTC", "2026-03-01T12:00:00Z"),
        ("2026-03-01 12:00:00+00", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00+03:00", "2026-03-01T09:00:00Z"),
        ("2026-03-01T12:00:00-0330", "2026-03-01T15:30:00Z"),
        ("2026-03-01 12:00:00.5Z", "2026-03-01T12:00:00.500000Z"),
        ("2026-03-01 12:00:00.123456789Z", "2026-03-01T12:00:00.123456Z"),
        ("2026-03-01 12:00:00.999999999Z", "2026-03-01T12:00:00.999999Z"),
        ("2026-03-01 12:00", "2026-03-01T09:00:00Z"),
        (" 2026-03-01 12:00:00 ", "2026-03-01T09:00:00Z"),
        ("2026-03-01", "2026-02-28T21:00:00Z"),
    ],
)
def test_times_are_read(text: str, utc: str) -> None:
    assert read_time(text, RIYADH) == utc


def test_the_zone_of_the_day_counts() -> None:
    assert read_time("2026-03-08 01:59:59", NEW_YORK) == "2026-03-08T06:59:59Z"
    assert read_time("2026-03-08 03:00:00", NEW_YORK) == "2026-03-08T07:00:00Z"
    assert read_time("2026-11-01 01:30:00", NEW_YORK) == "2026-11-01T05:30:00Z", "the first"


@pytest.mark.parametrize("text", ["2026-03-01 12:00:00", "2026-03-01"])
def test_a_time_without_zone_needs_one(text: str) -> None:
    with pytest.raises(ZoneNeeded):
        read_time(text, None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "1772366400",
        "01/03/2026",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T12:00:00.1234567890Z",
        "2026-03-01T12:00:00+99:00",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00+03:00",
        1772366400,
        None,
    ],
)
def test_what_is_no_time_is_a_bad_line(value: Any) -> None:
    with pytest.raises(BadLine):
        read_time(value, RIYADH)


@pytest.mark.parametrize(
    ("value", "quantity"),
    [
        ("12", "12"),
        (" 12.50 ", "12.5"),
        ("+3", "3"),
        (".5", "0.5"),
        ("1e-05", "0.00001"),
        ("2.5E3", "2500"),
        ("-1", "-1"),
        (7, "7"),
    ],
)
def test_quantities_are_read_exactly(value: Any, quantity: str) -> None:
    assert read_quantity(value) == quantity


@pytest.mark.parametrize(
    "value", ["", "1,5", "1_000", "NaN", "inf", "0x10", "1e-13", "1e99", "1" * 19, True, [1]]
)
def test_what_is_no_quantity_is_a_bad_line(value: Any) -> None:
    with pytest.raises(BadLine):
        read_quantity(value)


def test_a_line_becomes_an_event() -> None:
    columns = Columns(
        meter="tokens",
        timestamp_column="at",
        customer_column="who",
        quantity_column="n",
        key_column="id",
        attribute_columns=("model", "region"),
    )
    fields = {"at": "2026-03-01T12:00:00Z", "who": 17, "n": "3", "id": "k1", "model": "m"}
    assert to_event({**fields, "region": "", "more": "x"}, columns) == {
        "customer_external_id": "17",
        "meter": "tokens",
        "timestamp": "2026-03-01T12:00:00Z",
        "quantity": "3",
        "idempotency_key": "k1",
        "attributes": {"model": "m"},
    }
    for missing in ("at", "who", "n", "id"):
        with pytest.raises(BadLine, match=missing):
            to_event({**fields, missing: ""}, columns)


def test_equal_lines_have_keys_of_their_own() -> None:
    digest = digest_of(b"a,1")
    keys = {key_of("tokens", digest, 1), key_of("tokens", digest, 2), key_of("calls", digest, 1)}
    assert len(keys) == 3
    assert key_of("tokens", digest_of(b"a,1"), 1) in keys
