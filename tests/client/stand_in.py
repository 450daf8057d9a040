"""A stand-in for the server, and the two forms of the client as one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from tallybook import AsyncTallybook, Tallybook

KEY = "tb_test_0123456789"
CUSTOMER = {
    "id": "cus_1",
    "external_id": "acme",
    "name": "Acme",
    "type": "company",
    "status": "active",
    "email": None,
    "phone": None,
    "currency": "USD",
    "taxes": None,
    "metadata": {},
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}

Answer = httpx2.Response | Exception


def customer(**fields: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**CUSTOMER, **fields}, headers={"X-Request-Id": "req_1"})


def problem(status: int, code: str = "some_code", **more: Any) -> httpx2.Response:
    headers = {"X-Request-Id": "req_1", **more.pop("headers", {})}
    body = {
        "type": f"https://docs.example/errors/{code}",
        "title": "A title",
        "status": status,
        "detail": "What went wrong.",
        "code": code,
        "instance": "/api/v1/customers",
        "request_id": "req_1",
        "errors": [],
        **more,
    }
    return httpx2.Response(status, json=body, headers=headers)


class StandIn:
    """Plays the answers in order, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Answer | Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.answers = list(answers) or [customer()]
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return httpx2.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(request)

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    @property
    def line(self) -> str:
        """The last request's method and target, below the API's root."""
        target = self.last.url.raw_path.decode().removeprefix("/api/v1")
        return f"{self.last.method} {target}"

    @property
    def body(self) -> Any:
        return json.loads(self.last.content)


class Blocking:
    """Tests speak to this: what a call gives is what `do` gives."""

    name = "sync"

    def __init__(self) -> None:
        self.slept: list[float] = []

    def client(self, server: StandIn, **options: Any) -> Any:
        http = httpx2.Client(transport=httpx2.MockTransport(server))
        client = Tallybook(options.pop("api_key", KEY), http_client=http, **options)
        client.transport.sleep = self.slept.append
        client.transport.chance = lambda: 0.0
        return client

    def do(self, result: Any) -> Any:
        return result

    def collect(self, items: Any) -> list[Any]:
        return list(items)

    def close(self) -> None:
        pass


class Asynchronous(Blocking):
    name = "async"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()

    def client(self, server: StandIn, **options: Any) -> Any:
        async def sleep(delay_s: float) -> None:
            self.slept.append(delay_s)

        http = httpx2.AsyncClient(transport=httpx2.MockTransport(server))
        client = AsyncTallybook(options.pop("api_key", KEY), http_client=http, **options)
        client.transport.sleep = sleep
        client.transport.chance = lambda: 0.0
        return client

    def do(self, result: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await result

        return self.runner.run(wait())

    def collect(self, items: Any) -> list[Any]:
        async def gather() -> list[Any]:
            return [item async for item in items]

        return self.runner.run(gather())

    def close(self) -> None:
        self.runner.close()
