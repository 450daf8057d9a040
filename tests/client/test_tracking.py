"""What is tracked arrives, once, and what does not is told."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tallybook import (
    APIStatusError,
    AsyncTallybook,
    AuthenticationError,
    ConfigurationError,
    DeliveryError,
    Tallybook,
)

from .stand_in import Blocking, problem
from .tracked import Taker, inside, pause, track, until

USE: dict[str, Any] = {"customer_id": "cus_1", "meter": "calls"}


@pytest.fixture
def errors() -> list[DeliveryError]:
    return []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let backoff take no time."""
    monkeypatch.setattr("tallybook.client.tracking.queue.backoff_s", lambda *_: 0.0)


def test_an_event_is_written_when_it_is_tracked(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker)
    before = datetime.now(UTC)
    attributes = {"model": {"name": "large"}}
    inside(
        form,
        lambda: client.track(
            customer_external_id="acme",
            agent="writer",
            action_type="task",
            meter="tokens",
            quantity=Decimal("0.10"),
            subscription_id="sub_1",
            attributes=attributes,
            metadata={"a": [1]},
            timestamp=datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))),
            idempotency_key="job 7",
        ),
    )
    attributes["model"]["name"] = "small"
    inside(form, lambda: client.track(**USE))
    form.do(client.flush())
    first, second = taker.events
    assert first == {
        "customer_external_id": "acme",
        "agent": "writer",
        "action_type": "task",
        "meter": "tokens",
        "quantity": "0.10",
        "subscription_id": "sub_1",
        "attributes": {"model": {"name": "large"}},
        "metadata": {"a": [1]},
        "timestamp": "2026-03-01T10:00:00Z",
        "idempotency_key": "job 7",
    }
    assert second["quantity"] == "1"
    assert UUID(second["idempotency_key"]).version == 7
    assert before <= datetime.fromisoformat(second["timestamp"]) <= datetime.now(UTC)
    form.do(client.shutdown())


def test_enough_events_are_sent_by_themselves(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker, flush_at=2, flush_interval=0)
    track(form, client, 0)
    pause(form, 0.05)
    assert taker.batches == []
    track(form, client, 1)
    until(form, lambda: taker.numbers == [0, 1])
    form.do(client.shutdown())


def test_a_timer_sends_the_few(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker, flush_interval=0.02)
    track(form, client, 0)
    until(form, lambda: taker.numbers == [0])
    form.do(client.shutdown())


def test_flush_says_what_became_of_it(form: Blocking) -> None:
    statuses = ["accepted", "unmatched", "duplicate", "rejected"]
    taker = Taker(judge=lambda n, item: statuses[item["attributes"]["n"]])
    client = form.client(taker, max_batch_size=3, on_error=lambda error: None)
    assert form.do(client.flush()) is None
    for number in range(4):
        track(form, client, number)
    told = form.do(client.flush())
    counted = (told.accepted, told.unmatched, told.duplicates, told.rejected, told.retry)
    assert counted == (2, 1, 1, 1, 0)
    assert [(item.index, item.status) for item in told.results] == list(enumerate(statuses))
    assert [len(batch) for batch in taker.batches] == [3, 1]
    assert form.do(client.flush()) is None
    form.do(client.shutdown())


def test_flush_has_an_end(form: Blocking) -> None:
    taker = Taker(httpx2.ConnectError("down"))
    client = form.client(taker, max_retries=9)
    track(form, client, 0)
    started_s = time.monotonic()
    told = form.do(client.flush(timeout=0.1))
    assert time.monotonic() - started_s < 5.0
    assert (told.accepted, told.retry, told.results[0].status) == (0, 1, "retry")
    assert client.queue_stats().queued == 1
    assert form.do(client.flush()).accepted == 1
    form.do(client.shutdown())


@pytest.mark.usefixtures("quick")
def test_only_retry_items_are_sent_again_with_their_keys(
    form: Blocking, errors: list[DeliveryError]
) -> None:
    asked: list[int] = []

    def judge(n: int, item: dict[str, Any]) -> str:
        number = item["attributes"]["n"]
        asked.append(number)
        return "retry" if number == 1 and asked.count(1) < 3 else "accepted"

    taker = Taker(judge=judge)
    client = form.client(taker, on_error=errors.append)
    for number in range(3):
        track(form, client, number)
    assert form.do(client.flush()).accepted == 3
    assert asked == [0, 1, 2, 1, 1]
    assert len({json.dumps(item) for item in taker.events}) == 3
    assert errors == []
    form.do(client.shutdown())


@pytest.mark.usefixtures("quick")
def test_a_server_that_was_down_gets_the_same_events(form: Blocking) -> None:
    taker = Taker(httpx2.ConnectError("down"), problem(503), problem(500))
    client = form.client(taker)
    track(form, client, 0)
    track(form, client, 1)
    assert form.do(client.flush()).accepted == 2
    assert taker.batches[0] == taker.batches[3]
    form.do(client.shutdown())


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_delivered_is_handed_back(
    form: Blocking, errors: list[DeliveryError]
) -> None:
    taker = Taker(*[httpx2.ConnectError("down")] * 4)
    client = form.client(taker, on_error=errors.append)
    track(form, client, 7, idempotency_key="k7")
    told = form.do(client.flush())
    assert (told.accepted, told.rejected, told.results[0].code) == (0, 1, "undelivered")
    assert len(taker.batches) == 4
    (error,) = errors
    assert error.reason == "undelivered"
    assert [item["idempotency_key"] for item in error.events] == ["k7"]
    assert type(error.__cause__).__name__ == "APIConnectionError"
    assert client.queue_stats().dropped_by_reason == {"undelivered": 1}
    form.do(client.shutdown())


def test_a_refused_key_is_not_tried_again(form: Blocking, errors: list[DeliveryError]) -> None:
    taker = Taker(problem(401, "api_key_revoked"))
    client = form.client(taker, on_error=errors.append)
    track(form, client, 0)
    form.do(client.flush())
    assert (len(taker.batches), errors[0].reason) == (1, "refused")
    assert isinstance(errors[0].__cause__, AuthenticationError)
    form.do(client.shutdown())


def test_the_server_is_left_alone_while_it_says_so(form: Blocking) -> None:
    taker = Taker(problem(429, headers={"Retry-After": "2"}))
    client = form.client(taker, flush_at=1)
    track(form, client, 0)
    until(form, lambda: len(taker.batches) == 1)
    track(form, client, 1)
    pause(form, 0.3)
    assert len(taker.batches) == 1
    assert form.do(client.flush()).accepted == 2
    form.do(client.shutdown())


def test_a_large_event_is_told_and_stops_no_other(
    form: Blocking, errors: list[DeliveryError]
) -> None:
    taker = Taker()
    client = form.client(taker, on_error=errors.append)
    track(form, client, 0, metadata={"pad": "x" * (64 << 10)})
    track(form, client, 1)
    assert form.do(client.flush()).accepted == 1
    assert (taker.numbers, errors[0].reason) == ([1], "oversize")
    assert errors[0].events[0]["attributes"] == {"n": 0}
    form.do(client.shutdown())


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"customer_id": "a", "customer_external_id": "b", "meter": "m"},
        {**USE, "quantity": 0.1 + 0.2},
        {**USE, "quantity": Decimal("NaN")},
        {**USE, "timestamp": datetime(2026, 1, 1)},  # noqa: DTZ001
        {**USE, "attributes": {"x": object()}},
        {**USE, "attributes": [1]},
        {**USE, "attributes": {"x": float("nan")}},
        {**USE, "event_id": "e1"},
    ],
)
def test_what_cannot_be_written_is_told_and_never_raised(
    form: Blocking, errors: list[DeliveryError], event: dict[str, Any]
) -> None:
    client = form.client(Taker(), on_error=errors.append)
    inside(form, lambda: client.track(**event))
    assert [error.reason for error in errors] == ["invalid"]
    assert client.queue_stats().dropped == 1
    with pytest.raises((TypeError, ValueError)):
        form.do(client.track_immediate(**event))
    form.do(client.shutdown())


def test_registered_attributes_are_added_and_an_events_own_win(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker)
    client.register({"region": "eu"}, model="large", n=-1)
    track(form, client, 1)
    client.unregister("region")
    client.unregister("no such thing")
    form.do(client.track_immediate(**USE))
    form.do(client.flush())
    by_number = {item["attributes"]["n"]: item["attributes"] for item in taker.events}
    assert by_number == {
        1: {"region": "eu", "model": "large", "n": 1},
        -1: {"model": "large", "n": -1},
    }
    form.do(client.shutdown())


@pytest.mark.parametrize("kind", ["task", "workflow", "outcome"])
def test_typed_forms_set_the_action(form: Blocking, kind: str) -> None:
    taker = Taker()
    client = form.client(taker)
    inside(form, lambda: getattr(client, f"track_{kind}")(customer_id="c", agent="a"))
    form.do(getattr(client, f"track_{kind}_immediate")(customer_id="c", agent="a"))
    form.do(client.flush())
    assert [item["action_type"] for item in taker.events] == [kind, kind]
    form.do(client.shutdown())


def test_immediate_raises_what_failed_and_retries_the_same(form: Blocking) -> None:
    taker = Taker(problem(500), problem(500))
    client = form.client(taker, max_retries=1)
    with pytest.raises(APIStatusError):
        form.do(client.track_immediate(**USE))
    assert taker.events[0] == taker.events[1]
    assert "timestamp" not in taker.events[0], "the server says when it was, on a test clock too"
    told = form.do(client.track_immediate(**USE, max_retries=0, timeout=3.0))
    assert (told.accepted, told.results[0].status) == (1, "accepted")


def test_a_disabled_client_sends_nothing(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker, disabled=True)
    track(form, client, 0)
    assert form.do(client.track_immediate(**USE)).accepted == 0
    assert form.do(client.track_task_immediate(**USE)).accepted == 0
    assert form.do(client.flush()) is None
    assert client.queue_stats().dropped_by_reason == {"disabled": 1}
    form.do(client.shutdown())
    assert taker.batches == []


def test_shutdown_sends_closes_and_may_be_called_again(
    form: Blocking, errors: list[DeliveryError]
) -> None:
    taker = Taker()
    client = form.client(taker, on_error=errors.append)
    track(form, client, 0)
    form.do(client.shutdown())
    form.do(client.shutdown())
    assert taker.numbers == [0]
    track(form, client, 1)
    assert [error.reason for error in errors] == ["closed"]
    assert form.do(client.flush()) is None
    assert taker.numbers == [0]


def test_shutdown_tells_what_it_could_not_send(form: Blocking, errors: list[DeliveryError]) -> None:
    client = form.client(Taker(*[problem(503)] * 99), on_error=errors.append)
    track(form, client, 0)
    started_s = time.monotonic()
    form.do(client.shutdown(timeout=0.1))
    assert time.monotonic() - started_s < 5.0
    assert [(error.reason, len(error.events)) for error in errors] == [("shutdown", 1)]


def test_an_on_error_that_fails_harms_nothing(
    form: Blocking, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(error: DeliveryError) -> None:
        raise ZeroDivisionError

    taker = Taker(problem(401))
    client = form.client(taker, on_error=fail)
    inside(form, client.track)
    track(form, client, 0)
    form.do(client.flush())
    track(form, client, 1)
    assert form.do(client.flush()).accepted == 1
    assert sum("on_error failed" in record.message for record in caplog.records) == 2
    form.do(client.shutdown())


def test_the_log_says_why_and_holds_nothing_of_the_events(
    form: Blocking, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tallybook")
    client = form.client(Taker(problem(422, detail="secret-4711")), debug=True)
    track(form, client, 0, metadata={"note": "secret-4711"}, idempotency_key="secret-4711")
    inside(form, lambda: client.track(customer_id="c", meter="m", quantity="secret-4711", x=1))
    form.do(client.flush())
    assert "rejected" in caplog.text
    assert "invalid" in caplog.text
    assert "secret-4711" not in caplog.text
    form.do(client.shutdown())


def test_redact_says_what_may_leave(form: Blocking, errors: list[DeliveryError]) -> None:
    def redact(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["attributes"]["n"] == 1:
            return None
        if event["attributes"]["n"] == 2:
            raise ZeroDivisionError
        return {**event, "metadata": {}, "idempotency_key": "other"}

    taker = Taker()
    client = form.client(taker, redact=redact, on_error=errors.append)
    for number in range(3):
        track(form, client, number, metadata={"a": 1}, idempotency_key=f"k{number}")
    form.do(client.flush())
    (sent,) = taker.events
    assert (sent["metadata"], sent["idempotency_key"]) == ({}, "k0")
    assert client.queue_stats().dropped_by_reason == {"redacted": 1, "invalid": 1}
    assert len(errors) == 1
    form.do(client.shutdown())


def test_overflow_is_counted_and_told(form: Blocking, errors: list[DeliveryError]) -> None:
    taker = Taker()
    client = form.client(taker, max_queue_size=2, on_error=errors.append)
    for number in range(5):
        track(form, client, number)
    assert [error.events[0]["attributes"]["n"] for error in errors] == [0, 1, 2]
    stats = client.queue_stats()
    assert (stats.tracked, stats.queued, stats.dropped) == (5, 2, 3)
    assert stats.dropped_by_reason == {"queue_overflow": 3}
    form.do(client.flush())
    assert taker.numbers == [3, 4]
    form.do(client.shutdown())


def test_overflow_can_raise(form: Blocking) -> None:
    client = form.client(Taker(), max_queue_size=1, on_overflow="raise")
    track(form, client, 0)
    with pytest.raises(DeliveryError) as full:
        track(form, client, 1)
    assert full.value.events[0]["attributes"] == {"n": 1}
    form.do(client.shutdown())


def test_overflow_can_wait_for_room() -> None:
    taker = Taker()
    with Tallybook(
        "tb_test_x",
        http_client=httpx2.Client(transport=httpx2.MockTransport(taker)),
        max_queue_size=1,
        on_overflow="block",
        flush_interval=0,
    ) as client:
        for number in range(20):
            client.track(**USE, attributes={"n": number})
        client.flush()
        assert taker.numbers == list(range(20))
        assert client.queue_stats().dropped == 0


def test_a_loop_cannot_wait_for_room() -> None:
    with pytest.raises(ConfigurationError, match="block"):
        AsyncTallybook("tb_test_x", on_overflow="block")


@pytest.mark.parametrize(
    "options",
    [
        {"flush_at": 0},
        {"flush_interval": -1},
        {"max_batch_size": 1001},
        {"max_queue_size": True},
        {"on_overflow": "explode"},
        {"shutdown_timeout": float("inf")},
        {"request_timeout": 0},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Tallybook("tb_test_x", **options)
