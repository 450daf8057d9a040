"""Where a test clock may go."""

from datetime import datetime

from tallybook.server.identity.errors import ClockGoesForward


def check_move(*, current: datetime | None, to: datetime, now: datetime, is_empty: bool) -> None:
    """Raise ClockGoesForward unless the clock may go to `to`.

    Holds: the first setting of an empty space is free, past or future; every other move is
    forward, or none. `current` is None while the clock follows real time (`now`).
    """
    if current is None and is_empty:
        return
    stands_at = now if current is None else current
    if to < stands_at:
        raise ClockGoesForward(clock_at=stands_at.isoformat())
