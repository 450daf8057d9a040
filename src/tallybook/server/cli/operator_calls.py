"""An operator's calls: to the server that runs, or, where none does, to the application itself.

Both ways end in the same routes (`api/operator.py`), so a command does the same beside a running
server and without one.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from tallybook import APIConnectionError, AsyncTallybook
from tallybook.client.calls import prepare
from tallybook.server.storage.errors import AlreadyServed

from .errors import Failure
from .installation import RunningServer, find_server, held_lock, make_ready, opened
from .settings import Settings

_HERE: Final = "http://here"  # no network: the application is called in this process


def new_token() -> str:
    """Return a token for one run of a server."""
    from tallybook.server.api.calls import OPERATOR_PREFIX

    return OPERATOR_PREFIX + secrets.token_urlsafe(32)


def call(settings: Settings, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the JSON that an operator's call answers.

    Errors: APIStatusError; Failure (the database is held, and its server does not answer).
    """
    server = find_server(settings.home) if settings.sqlite_path else None
    if server is not None:
        try:
            return asyncio.run(_ask(server, None, method, path, body))
        except APIConnectionError:
            pass  # it is stopping, or its file is a leftover: the lock tells
    try:
        return _call_here(settings, method, path, body)
    except AlreadyServed as error:
        raise Failure(
            f"{settings.home} is in use by process {error.details['pid']}, which does not "
            "answer: try again in a moment, or stop that process"
        ) from None


def _call_here(settings: Settings, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
    from tallybook.server.api.app import build_app

    with held_lock(settings), opened(settings) as db:
        make_ready(db)
        here = RunningServer(_HERE, 0, new_token())
        app = build_app(db, operator_token=here.operator_token)
        return asyncio.run(
            _ask(here, httpx2.ASGITransport(app, raise_app_exceptions=False), method, path, body)
        )


async def _ask(
    server: RunningServer,
    transport: httpx2.ASGITransport | None,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
) -> Any:
    async with (
        httpx2.AsyncClient(transport=transport) as http,
        AsyncTallybook(server.operator_token, base_url=server.url, http_client=http) as client,
    ):
        # One try: making a project or a key twice is worse than asking again.
        options = {"max_retries": 0 if method != "GET" else 2}
        prepared = prepare(client.options, method, path, body=body, options=options)
        response = await client.transport.send(prepared, client.options)
        return response.json()
