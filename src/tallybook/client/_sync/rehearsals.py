"""Rehearsals: what a price would have billed."""

import time
from functools import cached_property
from typing import Final, Unpack

from tallybook.client.errors import APITimeoutError
from tallybook.client.options import CallOptions
from tallybook.client.paths import path
from tallybook.wire import rehearsals as wire

from .resources import Object, Resource
from .verbs import raw

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0


class Rehearsal(Object, wire.Rehearsal):
    """A job that rehearses a price."""

    @property
    def is_done(self) -> bool:
        """Whether it is completed or failed."""
        return self.status in ("completed", "failed")

    def refresh(self, **options: Unpack[CallOptions]) -> "Rehearsal":
        """Return the rehearsal as it is now."""
        return self._client.rehearsals.get(self.id, **options)

    def wait(self, timeout: float = 300.0) -> "Rehearsal":
        """Return the rehearsal once it is completed or failed; `timeout` is in seconds.

        Errors: APITimeoutError.
        """
        deadline_s, pause_s = time.monotonic() + timeout, _FIRST_S
        found = self
        while not found.is_done:
            if time.monotonic() > deadline_s:
                said = f"the rehearsal {self.id} is {found.status} after {timeout:g} s"
                raise APITimeoutError(f"{said}: is a worker running?")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_S)
            found = self.refresh()
        return found


class Rehearsals(Resource):
    """`client.rehearsals`."""

    @cached_property
    def with_raw_response(self) -> "RehearsalsRaw":
        return RehearsalsRaw(self)

    def get(self, id: str, **options: Unpack[CallOptions]) -> Rehearsal:
        """Return a rehearsal: how far it is, and its result once it is completed."""
        return self._get(path("rehearsals", id), Rehearsal, options)


class RehearsalsRaw:
    """The verbs of `client.rehearsals`, each answering an APIResponse."""

    def __init__(self, rehearsals: Rehearsals) -> None:
        self.get = raw(rehearsals.get)
