"""An operator's calls: to the server that runs, or, where none does, to the application itself.

Both ways end in the same routes (`api/operator.py`), so a command does the same beside a running
server and without one.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from httpx2 import ASGITransport, AsyncClient

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


class Operator:
    """A way to the operator's routes."""

    def __init__(self, client: AsyncTallybook) -> None:
        self._client = client

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that a call answers. Errors: APIStatusError; APIConnectionError."""
        # One try: making a project or a key twice is worse than asking again.
        options = {"max_retries": 0 if method != "GET" else 2}
        client = self._client
        prepared = prepare(client.options, method, path, body=body, options=options)
        response = await client.transport.send(prepared, client.options)
        return response.json()

    async def project_id(self, given: str | None) -> str:
        """Return the id of the project of an id or name; of the only one, if none is given.

        Errors: Failure (none or several fit).
        """
        projects = (await self.call("GET", "/projects"))["data"]
        fitting = [it for it in projects if given is None or given in (it["id"], it["name"])]
        by_id = [it for it in fitting if it["id"] == given]
        if len(by_id or fitting) == 1:
            return str((by_id or fitting)[0]["id"])
        if not projects:
            raise Failure("there is no project: create one with `tallybook projects create NAME`")
        what = f"{len(fitting)} projects fit" if fitting else f"there is no project {given!r}"
        raise Failure(f"{what}: name one with --project; `tallybook projects list` lists them")


Work = Callable[[Operator], Awaitable[Any]]


def call(settings: Settings, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the JSON that one call answers. Errors: as of `run`."""
    return run(settings, lambda operator: operator.call(method, path, body))


def run(settings: Settings, work: Work) -> Any:
    """Return what `work` returns, beside a running server or without one.

    Errors: APIStatusError; Failure (the database is held, and its server does not answer).
    """
    server = find_server(settings.home) if settings.sqlite_path else None
    if server is not None:
        with suppress(APIConnectionError):  # it stops, or its file is a leftover: the lock tells
            return asyncio.run(_with(server, None, work))
    try:
        return _run_here(settings, work)
    except AlreadyServed as error:
        raise Failure(
            f"{settings.home} is in use by process {error.details['pid']}, which does not "
            "answer: try again in a moment, or stop that process"
        ) from None


def _run_here(settings: Settings, work: Work) -> Any:
    from tallybook.server.api.app import build_app

    with held_lock(settings), opened(settings) as db:
        make_ready(db)
        here = RunningServer(_HERE, 0, new_token())
        app = build_app(db, operator_token=here.operator_token)
        return asyncio.run(_with(here, ASGITransport(app, raise_app_exceptions=False), work))


async def _with(server: RunningServer, transport: ASGITransport | None, work: Work) -> Any:
    async with (
        AsyncClient(transport=transport) as http,
        AsyncTallybook(server.operator_token, base_url=server.url, http_client=http) as client,
    ):
        return await work(Operator(client))
