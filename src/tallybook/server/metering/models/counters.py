"""The facts of counting: counters, and what a counter has counted."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tallybook.server.kernel.money import EXACT, ZERO

from .meters import Aggregation

PERIOD_WINDOW: Final = "period"


class CounterKey(Struct, frozen=True, gc=False):
    """What a counter counts: a meter of a subscription within a window.

    `window` is `period` (then `start` is the period's) or a quota window's name.
    """

    subscription_id: str
    meter_id: str
    window: str
    start: datetime


class Tally(Struct, frozen=True, gc=False):
    """What has been counted so far. Enough for every aggregation but unique_count's set."""

    events: int = 0
    total: Decimal = ZERO
    highest: Decimal | None = None
    lowest: Decimal | None = None
    latest: Decimal | None = None
    latest_at: datetime | None = None
    members: int = 0  # distinct members, for unique_count
    version: int = 0  # rises with every change, so that an invoice line knows what it was rated on

    def figure(self, aggregation: Aggregation) -> Decimal:
        """Return the quantity that this usage amounts to; no events are 0 units.

        Units: metered units; an average is rounded to 12 places, half up.
        """
        match aggregation:
            case Aggregation.COUNT | Aggregation.SUM:
                return self.total
            case Aggregation.MAX:
                return self.highest or ZERO
            case Aggregation.MIN:
                return self.lowest or ZERO
            case Aggregation.LATEST:
                return self.latest or ZERO
            case Aggregation.UNIQUE_COUNT:
                return Decimal(self.members)
            case Aggregation.AVERAGE:
                return average(self.total, self.events)


def average(total: Decimal, count: int) -> Decimal:
    """Return total / count, rounded half up to 12 places; 0 where nothing was counted."""
    if count == 0:
        return ZERO
    scaled = EXACT.scaleb(total, 12)
    whole, rest = divmod(int(scaled), count)  # totals are never negative
    return EXACT.scaleb(Decimal(whole + (2 * rest >= count)), -12)
