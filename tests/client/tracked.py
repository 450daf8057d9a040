"""A server that takes batches, for the tests of what is tracked."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2

from .stand_in import Asynchronous, Blocking

Judge = Callable[[int, dict[str, Any]], str]


class Taker:
    """Keeps the batches it is sent. `judge` says the status of an item; failures come first."""

    def __init__(
        self, *failures: httpx2.Response | Exception, judge: Judge = lambda n, item: "accepted"
    ) -> None:
        self.failures = list(failures)
        self.judge = judge
        self.requests: list[httpx2.Request] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.open.wait(10)
        self.requests.append(request)
        events = json.loads(request.content)["events"]
        self.batches.append(events)
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        return httpx2.Response(200, json=answer(events, self.judge))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [item for batch in self.batches for item in batch]

    @property
    def numbers(self) -> list[int]:
        return [item["attributes"]["n"] for item in self.events]


def answer(events: list[dict[str, Any]], judge: Judge) -> dict[str, Any]:
    results = [
        {
            "index": n,
            "status": judge(n, item),
            "code": "some_code",
            "detail": "Why.",
            "idempotency_key": item["idempotency_key"],
        }
        for n, item in enumerate(events)
    ]
    count = {
        name: sum(item["status"] == name for item in results)
        for name in ("accepted", "unmatched", "rejected", "retry", "duplicate")
    }
    count["duplicates"] = count.pop("duplicate")
    return {**count, "results": results}


def track(form: Blocking, client: Any, number: int, **event: Any) -> None:
    """Track an event with this number, where the form's programs do: in its loop, if it has one."""
    given = {"customer_id": "cus_1", "meter": "calls", "attributes": {"n": number}, **event}
    inside(form, lambda: client.track(**given))


def inside(form: Blocking, work: Callable[[], Any]) -> Any:
    if not isinstance(form, Asynchronous):
        return work()

    async def run() -> Any:
        return work()

    return form.runner.run(run())


def until(form: Blocking, true: Callable[[], bool], *, for_s: float = 20.0) -> None:
    """Let the form work until this is true."""
    end_s = time.monotonic() + for_s
    while not true():
        assert time.monotonic() < end_s, "it did not come true in time"
        pause(form, 0.01)


def pause(form: Blocking, for_s: float) -> None:
    if isinstance(form, Asynchronous):
        form.runner.run(asyncio.sleep(for_s))
    else:
        time.sleep(for_s)
