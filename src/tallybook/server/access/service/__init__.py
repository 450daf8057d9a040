"""The door of access."""

from .check import check
from .holds import create_hold, get_hold, release_hold, settle_hold
from .record import check_and_record
from .reset import end_window, tell_limits
from .state import customer_state

__all__ = [
    "check",
    "check_and_record",
    "create_hold",
    "customer_state",
    "end_window",
    "get_hold",
    "release_hold",
    "settle_hold",
    "tell_limits",
]
