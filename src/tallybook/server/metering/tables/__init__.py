"""What metering keeps."""

from . import counters, events

__all__ = ["counters", "events"]
