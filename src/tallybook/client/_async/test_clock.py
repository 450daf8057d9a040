"""The test space's clock."""

from datetime import datetime
from functools import cached_property
from typing import Unpack

from tallybook.client.not_given import given
from tallybook.client.options import CallOptions, WriteOptions
from tallybook.client.types.test_clock import TestClock

from .resources import AsyncResource
from .verbs import raw


class AsyncTestClockResource(AsyncResource):
    """`client.test_clock`; it needs a test key."""

    __test__ = False

    @cached_property
    def with_raw_response(self) -> "AsyncTestClockRaw":
        return AsyncTestClockRaw(self)

    async def get(self, **options: Unpack[CallOptions]) -> TestClock:
        """Return the test space's time."""
        return await self._get("/test-clock", TestClock, options)

    async def advance(self, to: datetime | str, **options: Unpack[WriteOptions]) -> TestClock:
        """Move the clock; all that falls due on the way is done when this returns.

        The first call may set any instant while the space has no customers; then only forward.
        Errors: ConflictError (backwards); PermissionDeniedError (a live key).
        """
        return await self._write("POST", "/test-clock/advance", TestClock, options, given(to=to))


class AsyncTestClockRaw:
    def __init__(self, clock: AsyncTestClockResource) -> None:
        self.get = raw(clock.get)
        self.advance = raw(clock.advance)
