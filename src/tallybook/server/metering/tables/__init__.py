"""What metering keeps."""

from . import counters, events, meters

__all__ = ["counters", "events", "meters"]
