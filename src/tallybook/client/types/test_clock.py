"""What `client.test_clock` answers."""

from tallybook.client.responses import Result
from tallybook.wire import test_clock as wire


class TestClock(Result, wire.TestClock):
    """The test space's time."""
