"""Meters, as they come back."""

from tallybook.client.responses import Result
from tallybook.wire import meters as wire


class Meter(Result, wire.Meter):
    """What is measured, to be billed or as a cost."""
