"""The way of an event, from its bytes to its counters."""
