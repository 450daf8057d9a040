"""The test space's clock."""

from datetime import datetime
from functools import cached_property
from typing import Unpack

from tallybook.client.not_given import given
from tallybook.client.options import CallOptions, WriteOptions
from tallybook.client.types.test_clock import TestClock

from .resources import Resource
from .verbs import raw


class TestClockResource(Resource):
    """`client.test_clock`; it needs a test key."""

    __test__ = False

    @cached_property
    def with_raw_response(self) -> "TestClockRaw":
        return TestClockRaw(self)

    def get(self, **options: Unpack[CallOptions]) -> TestClock:
        """Return the test space's time."""
        return self._get("/test-clock", TestClock, options)

    def advance(self, to: datetime | str, **options: Unpack[WriteOptions]) -> TestClock:
        """Move the clock; all that falls due on the way is done when this returns.

        The first call may set any instant while the space has no customers; then only forward.
        Errors: ConflictError (backwards); PermissionDeniedError (a live key).
        """
        return self._write("POST", "/test-clock/advance", TestClock, options, given(to=to))


class TestClockRaw:
    def __init__(self, clock: TestClockResource) -> None:
        self.get = raw(clock.get)
        self.advance = raw(clock.advance)
