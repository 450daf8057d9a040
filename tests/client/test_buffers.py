"""Usage buffers: a queue apart, under keys that name the instance."""

import os
import re
from typing import Any

import httpx2
import pytest

from tallybook import (
    AsyncTallybook,
    AsyncUsageBuffer,
    ConfigurationError,
    DeliveryError,
    Tallybook,
    UsageBuffer,
)
from tallybook.client.tracking.boot_keys import boot_keys

from .stand_in import Blocking, problem
from .tracked import Taker, inside, track, until


def buffer_of(form: Blocking, client: Any, **options: Any) -> Any:
    kind = UsageBuffer if form.name == "sync" else AsyncUsageBuffer
    return kind(client, **options)


def test_a_buffer_sends_when_there_is_enough(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker)
    buffer = buffer_of(form, client, max_buffer_size=2, flush_interval=0, instance_id="pod-1")
    track(form, buffer, 0)
    track(form, buffer, 1)
    until(form, lambda: taker.numbers == [0, 1])
    keys = [item["idempotency_key"] for item in taker.events]
    boot = keys[0].split(":")[1]
    assert keys == [f"pod-1:{boot}:0", f"pod-1:{boot}:1"]
    assert client.queue_stats().tracked == 0
    form.do(buffer.shutdown())


def test_a_buffer_sends_when_it_is_time(form: Blocking) -> None:
    taker = Taker()
    buffer = buffer_of(form, form.client(taker), flush_interval=0.02)
    track(form, buffer, 0)
    until(form, lambda: taker.numbers == [0])
    form.do(buffer.shutdown())


def test_shutdown_sends_the_rest_and_leaves_the_client_open(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker)
    buffer = buffer_of(form, client)
    track(form, buffer, 0, idempotency_key="mine")
    form.do(buffer.shutdown())
    form.do(buffer.shutdown())
    assert [item["idempotency_key"] for item in taker.events] == ["mine"]
    assert form.do(client.track_immediate(customer_id="c", meter="m")).accepted == 1


def test_flush_sends_and_tells(form: Blocking) -> None:
    taker = Taker()
    buffer = buffer_of(form, form.client(taker))
    assert form.do(buffer.flush()) is None
    track(form, buffer, 0)
    assert form.do(buffer.flush()).accepted == 1
    form.do(buffer.shutdown())


def test_what_cannot_be_sent_is_handed_over_with_its_error(form: Blocking) -> None:
    told: list[tuple[Exception, list[Any]]] = []
    client = form.client(Taker(*[problem(503)] * 9))
    buffer = buffer_of(
        form, client, max_retries=0, on_flush_error=lambda *given: told.append(given)
    )
    track(form, buffer, 3)
    form.do(buffer.flush())
    ((error, events),) = told
    assert isinstance(error, DeliveryError)
    assert [item["attributes"] for item in events] == [{"n": 3}]
    form.do(buffer.shutdown())


def test_an_invalid_event_is_handed_over_too(form: Blocking) -> None:
    told: list[Any] = []
    buffer = buffer_of(form, form.client(Taker()), on_flush_error=lambda *given: told.append(given))
    inside(form, lambda: buffer.track(meter="m"))
    assert len(told) == 1
    form.do(buffer.shutdown())


def test_keys_never_come_twice_not_after_a_restart_and_not_in_a_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, restarted = boot_keys("pod-1"), boot_keys("pod-1")
    keys = [first(), first(), restarted(), restarted()]
    real = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    keys += [first(), first()]
    assert len(set(keys)) == 6
    assert all(re.fullmatch(r"pod-1:[0-9a-f-]{36}:[01]", key) for key in keys)


def test_the_other_form_of_the_client_is_refused() -> None:
    with Tallybook("tb_test_x") as client, pytest.raises(TypeError, match="own form"):
        AsyncUsageBuffer(client)  # type: ignore[arg-type]
    client_of_loop = AsyncTallybook("tb_test_x", http_client=httpx2.AsyncClient())
    with pytest.raises(TypeError, match="own form"):
        UsageBuffer(client_of_loop)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"max_buffer_size": 0}, {"flush_interval": -1}, {"max_retries": -1}]
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with Tallybook("tb_test_x") as client, pytest.raises(ConfigurationError):
        UsageBuffer(client, **options)
