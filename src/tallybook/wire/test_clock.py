"""The test space's clock."""

from typing import Literal

from .base import Instant, Request, Response


class TestClockAdvance(Request):
    """Where to move the clock."""

    __test__ = False  # not a test case

    to: Instant


class TestClock(Response):
    """`now` is the space's time; `frozen` says whether the clock was ever set."""

    __test__ = False

    now: Instant
    frozen: bool
    mode: Literal["test"] | str = "test"
