"""Threads and loops may track at once, and come and go."""

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from tallybook import (
    AsyncTallybook,
    Tallybook,
)
from tallybook.client.tracking import engine

from .stand_in import Blocking
from .tracked import Taker, track

USE: dict[str, Any] = {"customer_id": "cus_1", "meter": "calls"}


def test_many_threads_track_and_nothing_is_lost_or_doubled() -> None:
    taker = Taker()
    client = Tallybook(
        "tb_test_x",
        http_client=httpx2.Client(transport=httpx2.MockTransport(taker)),
        max_queue_size=10_000,
    )

    def work(start: int) -> None:
        for number in range(start, start + 500):
            client.track(**USE, attributes={"n": number})

    threads = [threading.Thread(target=work, args=(n * 500,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.shutdown()
    assert sorted(taker.numbers) == list(range(4_000))
    assert client.queue_stats().delivered == 4_000


def test_events_of_one_loop_go_on_in_the_next() -> None:
    taker = Taker()
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(taker))
    client = AsyncTallybook("tb_test_x", http_client=http)

    async def first() -> None:
        client.track(**USE, attributes={"n": 0})
        await asyncio.sleep(0)

    async def second() -> None:
        client.track(**USE, attributes={"n": 1})
        await client.shutdown()

    asyncio.run(first())
    asyncio.run(second())
    assert taker.numbers == [0, 1]


def test_a_loop_that_ends_amid_a_request_loses_nothing() -> None:
    started: list[bytes] = []

    async def slow(request: httpx2.Request) -> httpx2.Response:
        started.append(request.content)
        await asyncio.sleep(30 if len(started) == 1 else 0)
        return httpx2.Response(200, json={"accepted": 1, "unmatched": 0, "duplicates": 0,
            "rejected": 0, "results": [{"index": 0, "status": "accepted"}]})  # fmt: skip

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(slow))
    client = AsyncTallybook("tb_test_x", http_client=http, flush_at=1)

    async def first() -> None:
        client.track(**USE)
        while not started:
            await asyncio.sleep(0)

    asyncio.run(first())
    asyncio.run(client.shutdown())
    assert len(started) == 2
    assert started[0] == started[1]
    assert client.queue_stats().delivered == 1


def test_another_thread_may_track_for_a_loop() -> None:
    taker = Taker()
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(taker))

    async def main() -> None:
        client = AsyncTallybook("tb_test_x", http_client=http, flush_at=3, flush_interval=0)
        client.track(**USE, attributes={"n": 0})
        await asyncio.sleep(0.01)
        for number in (1, 2):
            await asyncio.to_thread(client.track, **USE, attributes={"n": number})
        while len(taker.events) < 3:
            await asyncio.sleep(0.005)
        await client.shutdown()

    asyncio.run(asyncio.wait_for(main(), 5))
    assert taker.numbers == [0, 1, 2]


def test_a_derived_client_has_the_same_queue(form: Blocking) -> None:
    taker = Taker()
    client = form.client(taker)
    other = client.with_options(timeout=3)
    track(form, other, 0)
    form.do(other.close())
    assert client.queue_stats().queued == 1
    track(form, client.with_options(disabled=True), 1)
    form.do(client.close())
    assert taker.numbers == [0]


def test_a_thread_that_cannot_start_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    taker = Taker(httpx2.ConnectError("down"))
    http = httpx2.Client(transport=httpx2.MockTransport(taker))
    client = Tallybook("tb_test_x", http_client=http)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    client.track(**USE, attributes={"n": 0})
    client.shutdown(engine.EXIT_BUDGET_S)
    assert client.queue_stats().delivered == 1
