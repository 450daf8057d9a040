"""How Python values are written, and what is refused before it is sent."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest

from tallybook import NOT_GIVEN
from tallybook.client.encoding import decimal, decimals, encode_body, encode_query
from tallybook.client.not_given import given
from tallybook.client.paths import customer_fields, customer_filter, customer_path, path
from tallybook.wire.base import CustomerChoice

NAIVE = datetime(2026, 1, 31)  # noqa: DTZ001  # what is to be refused


class Colour(StrEnum):
    RED = "red"


class Old(str, Enum):  # noqa: UP042  # users have these
    RED = "red"


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-12"), "0.000000000001"),
        (5, "5"),
        (-5, "-5"),
        (0.01, "0.01"),
        (1e-07, "0.0000001"),
        (1e16, "10000000000000000"),
        ("7.1", "7.1"),
        ("abc", "abc"),
        (True, True),
        (None, None),
        (NOT_GIVEN, NOT_GIVEN),
    ],
)
def test_a_decimal_is_written_as_it_prints(value: Any, written: Any) -> None:
    assert decimal(value) == written


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, float("nan"), float("inf"), Decimal("NaN"), Decimal("1E+999999")]
)
def test_a_number_that_cannot_be_meant_is_refused_here(value: Any) -> None:
    with pytest.raises(ValueError, match=r"decimal|number|digits"):
        decimal(value)


def test_a_computed_float_is_told_to_be_a_decimal() -> None:
    with pytest.raises(ValueError, match="pass a Decimal"):
        decimal(0.1 + 0.2)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 5, UTC), "2026-01-31T12:00:00.000005Z"),
        (datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=3))), "2026-01-30T22:00:00Z"),
        (date(2026, 1, 31), "2026-01-31"),
        (Colour.RED, "red"),
        (Old.RED, "red"),
        (Number.ONE, 1),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, (2,), {"x": 0.5}], [1, [2], {"x": "0.5"}]),
        ({"a": NOT_GIVEN, "b": None}, {"b": None}),
        (CustomerChoice(customer_id="cus_1"), {"customer_id": "cus_1"}),
    ],
)
def test_values_are_written_as_the_wire_wants_them(value: Any, written: Any) -> None:
    assert json.loads(encode_body({"v": value})) == {"v": written}


def test_the_callers_own_json_keeps_its_numbers() -> None:
    own = {"a": 0.1 + 0.2, "b": {"c": [1.5, Decimal("2.5"), Colour.RED]}}
    for name in ("metadata", "attributes", "config"):
        body = json.loads(encode_body({"outer": [{name: own, "price": 0.5}]}))
        inner = {"a": 0.1 + 0.2, "b": {"c": [1.5, "2.5", "red"]}}
        assert body == {"outer": [{name: inner, "price": "0.5"}]}


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"at": NAIVE}, ValueError, r"no time zone.*tzinfo="),
        ({"metadata": {"x": float("nan")}}, ValueError, "JSON"),
        ({"x": object()}, TypeError, "cannot send a object"),
        ({"x": b"bytes"}, TypeError, "cannot send a bytes"),
    ],
)
def test_what_cannot_be_written_is_refused(
    fields: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        encode_body(fields)


def test_a_query_leaves_out_what_is_not_set() -> None:
    assert encode_query(
        {
            "a": None,
            "b": NOT_GIVEN,
            "c": True,
            "d": 3,
            "e": Old.RED,
            "f": datetime(2026, 1, 31, tzinfo=UTC),
            "g": ["x", Colour.RED],
            "h": "",
        }
    ) == {
        "c": "true",
        "d": "3",
        "e": "red",
        "f": "2026-01-31T00:00:00Z",
        "g": "x,red",
        "h": "",
    }


def test_decimals_inside_of_lists_are_written_by_name() -> None:
    tiers = [{"unit_price": 1, "up_to": None, "order": 1}]
    assert decimals(tiers, "unit_price", "up_to") == [
        {"unit_price": "1", "up_to": None, "order": 1}
    ]
    assert decimals(NOT_GIVEN, "x") is NOT_GIVEN
    assert decimals(None, "x") is None


def test_given_keeps_none_and_drops_not_given() -> None:
    assert given(a=None, b=NOT_GIVEN, c=0) == {"a": None, "c": 0}
    assert not NOT_GIVEN
    assert repr(NOT_GIVEN) == "NOT_GIVEN"


def test_segments_cannot_leave_their_place() -> None:
    assert path("customers", "a/../b", "wallets") == "/customers/a%2F..%2Fb/wallets"
    assert path("customers", ".") == "/customers/%2E"
    with pytest.raises(TypeError, match="must be a str, not int"):
        path("customers", 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("choose", [customer_fields, customer_path])
@pytest.mark.parametrize("names", [(None, None), ("cus_1", "acme")])
def test_a_customer_has_exactly_one_name(
    choose: Callable[..., Any], names: tuple[str | None, str | None]
) -> None:
    with pytest.raises(TypeError, match="one of customer_id and customer_external_id"):
        choose(*names)


def test_the_name_given_is_the_one_sent() -> None:
    assert customer_fields("cus_1", None) == {"customer_id": "cus_1"}
    assert customer_fields(None, "acme") == {"customer_external_id": "acme"}
    assert customer_filter(None, None) == {}
    assert customer_filter(None, "acme") == {"customer_external_id": "acme"}
    assert customer_path("cus_1", None, "state") == "/customers/cus_1/state"
    assert customer_path(None, "a b", "state") == "/customers/external/a%20b/state"
    with pytest.raises(TypeError, match="exactly one"):
        customer_filter("cus_1", "acme")
