"""Rehearsals: what a price would have billed."""

import asyncio
import time
from functools import cached_property
from typing import Final, Unpack

from tallybook.client.errors import APITimeoutError
from tallybook.client.options import CallOptions
from tallybook.client.paths import path
from tallybook.wire import rehearsals as wire

from .resources import AsyncObject, AsyncResource
from .verbs import raw

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0


class AsyncRehearsal(AsyncObject, wire.Rehearsal):
    """A job that rehearses a price."""

    @property
    def is_done(self) -> bool:
        """Whether it is completed or failed."""
        return self.status in ("completed", "failed")

    async def refresh(self, **options: Unpack[CallOptions]) -> "AsyncRehearsal":
        """Return the rehearsal as it is now."""
        return await self._client.rehearsals.get(self.id, **options)

    async def wait(self, timeout: float = 300.0) -> "AsyncRehearsal":
        """Return the rehearsal once it is completed or failed; `timeout` is in seconds.

        Errors: APITimeoutError.
        """
        deadline_s, pause_s = time.monotonic() + timeout, _FIRST_S
        found = self
        while not found.is_done:
            if time.monotonic() > deadline_s:
                said = f"the rehearsal {self.id} is {found.status} after {timeout:g} s"
                raise APITimeoutError(f"{said}: is a worker running?")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_S)
            found = await self.refresh()
        return found


class AsyncRehearsals(AsyncResource):
    """`client.rehearsals`."""

    @cached_property
    def with_raw_response(self) -> "AsyncRehearsalsRaw":
        return AsyncRehearsalsRaw(self)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> AsyncRehearsal:
        """Return a rehearsal: how far it is, and its result once it is completed."""
        return await self._get(path("rehearsals", id), AsyncRehearsal, options)


class AsyncRehearsalsRaw:
    """The verbs of `client.rehearsals`, each answering an APIResponse."""

    def __init__(self, rehearsals: AsyncRehearsals) -> None:
        self.get = raw(rehearsals.get)
