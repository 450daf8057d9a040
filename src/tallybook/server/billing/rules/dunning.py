"""When an unpaid invoice is tried again.

Source: semantics, Invoices: retry days 1, 3, 5 and 7 by default, then uncollectible.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tallybook.server.invoicing.rules.due import due_after


def next_attempt(
    past_due_at: datetime, days: Sequence[int], *, after: datetime, zone: ZoneInfo
) -> tuple[int, datetime] | None:
    """Return the number (from 1) and the time of the next attempt after a time; None: no more.

    Days are local days from when it was found past due. Those that passed while nobody worked
    are left out: the customer gets one reminder for them, not all at once.
    """
    for number, day in enumerate(days, start=1):
        at = due_after(past_due_at, day, zone)
        if at > after:
            return number, at
    return None
