"""What is tried again, when, and what stays the same from try to try."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from tallybook import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    ConflictError,
    RateLimitError,
)
from tallybook.client import retries
from tallybook.client.errors import error_from_response
from tallybook.client.retry_after import parse_retry_after

from .stand_in import Blocking, StandIn, customer, problem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failure", "retried"),
    [
        (httpx2.ConnectError("refused"), True),
        (httpx2.ReadTimeout("slow"), True),
        (httpx2.RemoteProtocolError("cut off"), True),
        (problem(302), False),
        (problem(400), False),
        (problem(401), False),
        (problem(402), False),
        (problem(403), False),
        (problem(404), False),
        (problem(408), True),
        (problem(409, "invalid_state_transition"), False),
        (problem(409, "idempotency_in_progress"), True),
        (problem(413), False),
        (problem(418), False),
        (problem(422), False),
        (problem(429), True),
        (problem(500), True),
        (problem(502), True),
        (problem(503), True),
        (problem(599), True),
    ],
    ids=lambda value: getattr(value, "status_code", None) or type(value).__name__,
)
def test_what_may_pass_is_tried_again_and_what_cannot_is_not(
    form: Blocking, failure: Any, retried: bool
) -> None:
    server = StandIn(failure, customer())
    client = form.client(server)
    if retried:
        assert form.do(client.customers.create(name="A")).id == "cus_1"
        assert len(server.requests) == 2
        assert form.slept == [0.5]
    else:
        with pytest.raises(APIError):
            form.do(client.customers.create(name="A"))
        assert len(server.requests) == 1
        assert form.slept == []


def test_every_try_carries_the_same_key_and_its_number(form: Blocking) -> None:
    server = StandIn(problem(500), httpx2.ConnectError("x"), problem(429), customer())
    form.do(form.client(server).customers.create(name="A"))
    assert [r.headers["x-retry-count"] for r in server.requests] == ["0", "1", "2", "3"]
    assert len({r.headers["idempotency-key"] for r in server.requests}) == 1
    assert len({r.content for r in server.requests}) == 1
    assert form.slept == [0.5, 1.0, 2.0]


def test_two_calls_have_two_keys_unless_the_caller_names_one(form: Blocking) -> None:
    server = StandIn()
    client = form.client(server)
    for verb in (client.customers.update, client.customers.update):
        form.do(verb("cus_1", name="A"))
    assert len({r.headers["idempotency-key"] for r in server.requests}) == 2
    form.do(client.customers.update("cus_1", name="A", idempotency_key="mine"))
    assert server.last.headers["idempotency-key"] == "mine"


@pytest.mark.parametrize("key", ["", " a", "a\n", "ключ"])
def test_a_key_that_no_header_can_hold_is_refused(form: Blocking, key: str) -> None:
    client = form.client(StandIn())
    with pytest.raises(ValueError, match="idempotency key"):
        form.do(client.customers.create(name="A", idempotency_key=key))


def test_it_gives_up_with_the_last_failure(form: Blocking) -> None:
    server = StandIn(problem(500, "internal_error"))
    with pytest.raises(APIError) as caught:
        form.do(form.client(server).customers.get("cus_1"))
    assert caught.value.code == "internal_error"  # type: ignore[attr-defined]
    assert len(server.requests) == 4


@pytest.mark.parametrize("retries_wanted", [0, 1])
def test_the_number_of_retries_is_the_clients_or_the_calls(
    form: Blocking, retries_wanted: int
) -> None:
    server = StandIn(problem(500))
    client = form.client(server)
    wanted = retries_wanted + 1
    with pytest.raises(APIError):
        form.do(client.customers.get("cus_1", max_retries=retries_wanted))
    assert len(server.requests) == wanted
    with pytest.raises(APIError):
        form.do(client.with_options(max_retries=retries_wanted).customers.get("cus_1"))
    assert len(server.requests) == 2 * wanted
    with pytest.raises(ConfigurationError):
        form.do(client.customers.get("cus_1", max_retries=-1))


def test_a_broken_connection_and_a_timeout_have_their_own_errors(form: Blocking) -> None:
    client = form.client(StandIn(httpx2.ConnectTimeout("too slow")), max_retries=0)
    with pytest.raises(APITimeoutError, match="too slow") as timeout:
        form.do(client.customers.get("cus_1"))
    assert isinstance(timeout.value.__cause__, httpx2.ConnectTimeout)
    client = form.client(StandIn(httpx2.ConnectError("")), max_retries=0)
    with pytest.raises(APIConnectionError, match=r"http://127\.0\.0\.1:8787: ConnectError"):
        form.do(client.customers.get("cus_1"))


@pytest.mark.parametrize(
    ("header", "slept"),
    [
        ("0", [0.0]),
        ("2", [2.0]),
        ("1.5", [1.5]),
        ("120", [120.0]),
        ("nonsense", [0.5]),
        ("-3", [0.5]),
        ("inf", [0.5]),
    ],
)
@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_the_server_asks_for_wins(
    form: Blocking, status: int, header: str, slept: list[float]
) -> None:
    server = StandIn(problem(status, headers={"Retry-After": header}), customer())
    form.do(form.client(server).customers.get("cus_1"))
    assert form.slept == slept


def test_a_key_in_progress_is_waited_for(form: Blocking) -> None:
    busy = problem(409, "idempotency_in_progress", headers={"Retry-After": "1"})
    server = StandIn(busy, customer())
    form.do(form.client(server).customers.create(name="A"))
    assert form.slept == [1.0]


@pytest.mark.parametrize("header", ["121", "99999", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_server_that_asks_for_more_than_two_minutes_is_not_waited_for(
    form: Blocking, header: str
) -> None:
    server = StandIn(problem(429, headers={"Retry-After": header}), customer())
    with pytest.raises(RateLimitError) as caught:
        form.do(form.client(server).customers.get("cus_1"))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 120
    assert len(server.requests) == 1


@pytest.mark.parametrize("delta_s", [-60, 0, 1, 90])
def test_a_date_is_read_as_the_seconds_until_then(delta_s: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=delta_s), usegmt=True)
    assert parse_retry_after(httpx2.Headers({"Retry-After": date}), NOW) == max(0.0, delta_s)


@pytest.mark.parametrize(
    ("done", "chance", "delay_s"),
    [
        (0, 0.0, 0.5),
        (0, 1.0, 0.375),
        (1, 0.0, 1.0),
        (2, 0.5, 1.75),
        (3, 0.0, 4.0),
        (4, 0.0, 8.0),
        (5, 0.0, 8.0),
        (5000, 1.0, 6.0),
    ],
)
def test_delays_double_up_to_eight_seconds_less_a_quarter(
    done: int, chance: float, delay_s: float
) -> None:
    assert retries.backoff_s(done, chance) == delay_s


def test_a_conflict_is_no_reason_to_wait_even_if_the_server_names_a_time() -> None:
    failure = error_from_response(problem(409, headers={"Retry-After": "1"}))
    assert type(failure) is ConflictError
    delay = retries.next_delay_s(failure, retries_done=0, max_retries=3, chance=0.0, now=NOW)
    assert delay is None
