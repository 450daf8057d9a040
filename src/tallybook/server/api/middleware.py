"""What surrounds every request: an id, headers that keep browsers honest."""

import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tallybook.server.kernel.ids import new_id

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


def identify(scope: Scope) -> str:
    """Return the id of a request, the caller's if it sent a decent one, and note it."""
    given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
    request_id = given.decode() if _REQUEST_ID.fullmatch(given) else new_id("req")
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def with_headers(send: Send, request_id: str) -> Send:
    """Return a `send` that adds the headers of every answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = message.setdefault("headers", [])
            present = {key for key, _ in headers}
            headers.append((b"x-request-id", request_id.encode()))
            headers.extend(pair for pair in HEADERS if pair[0] not in present)
        await send(message)

    return send_with_headers


class Envelope:
    """Give each request an id and each answer headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, with_headers(send, identify(scope)))
