"""What was sent, kept as plain facts, and what the counters should say of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from dateutil.relativedelta import relativedelta

METERS: Final[dict[str, tuple[str, str | None]]] = {  # aggregation, window of the quota
    "count": ("count", None),
    "sum": ("sum", "billing_period"),
    "max": ("max", "billing_period"),
    "min": ("min", None),
    "average": ("average", "billing_period"),
    "unique_count": ("unique_count", "billing_period"),
    "people": ("unique_count", None),  # by an attribute
    "latest": ("latest", None),
    "hourly": ("sum", "hour"),
    "daily": ("count", "day"),
    "weekly": ("sum", "week"),
    "monthly": ("sum", "month"),
    "ever": ("sum", "lifetime"),
    "answers": ("count", "day"),  # what the agent does
    "free": ("sum", None),  # no plan has it
}
Place = tuple[str, str, str, datetime]
Figures = tuple[int, Decimal, Decimal | None, Decimal | None, Decimal | None, int]


@dataclass
class Sent:
    """An event as it was sent, and what has become of it."""

    customer: str
    key: str
    meter: str
    quantity: Decimal
    at: datetime
    agent: str | None = None
    user: str | None = None
    subscription: str | None = None
    status: str = "accepted"
    id: str = ""

    @property
    def member(self) -> object:
        return self.user if self.meter == "people" else self.quantity


@dataclass
class Line:
    """A subscription: monthly periods from its start to the end of the one that runs."""

    id: str
    meters: frozenset[str]
    start: datetime
    end: datetime

    def period_of(self, at: datetime) -> datetime | None:
        if not self.start <= at < self.end:
            return None
        months = 0
        while self.start + relativedelta(months=months + 1) <= at:
            months += 1
        return self.start + relativedelta(months=months)


@dataclass
class Truth:
    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)
    lines: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))

    def counted(self) -> Iterator[Sent]:
        return (event for event in self.sent.values() if event.status == "accepted")

    def counters(self) -> dict[Place, Figures]:
        """Every counter that should be there, by subscription, meter, window and start."""
        events: dict[Place, list[Sent]] = defaultdict(list)
        for event in self.counted():
            for place in self._places(event):
                events[place].append(event)
        return {place: _figures(members) for place, members in events.items()}

    def _places(self, event: Sent) -> Iterator[Place]:
        lines = sorted(self.lines[event.customer], key=lambda line: (line.start, line.id))
        for line in lines:
            period = line.period_of(event.at)
            is_meant = event.subscription in (None, line.id)
            if period is None or event.meter not in line.meters or not is_meant:
                continue
            yield line.id, event.meter, "period", period
            window = METERS[event.meter][1]
            if window in STARTS:
                yield line.id, event.meter, window, max(STARTS[window](event.at), period)
            elif window == "lifetime":
                yield line.id, event.meter, window, period
            return

    def by_agent(self, customer: str) -> dict[tuple[str, bool], tuple[int, Decimal]]:
        """How many events, and which quantity, of each meter, with an agent and without."""
        groups: dict[tuple[str, bool], list[Sent]] = defaultdict(list)
        for event in self.counted():
            if event.customer == customer:
                groups[event.meter, event.agent is not None].append(event)
        return {
            group: (len(members), _quantity(METERS[group[0]][0], members))
            for group, members in groups.items()
        }


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


STARTS: Final[dict[str | None, Callable[[datetime], datetime]]] = {
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "day": _midnight,
    "week": lambda at: _midnight(at) - timedelta(days=at.weekday()),
    "month": lambda at: _midnight(at).replace(day=1),
}


def _latest(events: list[Sent]) -> Decimal:
    return max((event.at, event.quantity) for event in events)[1]


def _figures(events: list[Sent]) -> Figures:
    if METERS[events[0].meter][0] == "unique_count":
        members = len({event.member for event in events})
        return len(events), Decimal(0), None, None, None, members
    values = [event.quantity for event in events]
    return len(events), sum(values, Decimal(0)), max(values), min(values), _latest(events), 0


def _quantity(aggregation: str, events: list[Sent]) -> Decimal:
    values = [event.quantity for event in events]
    match aggregation:
        case "count" | "sum":
            return sum(values, Decimal(0))
        case "max":
            return max(values)
        case "min":
            return min(values)
        case "latest":
            return _latest(events)
        case "unique_count":
            return Decimal(len({event.member for event in events}))
    exact = sum(map(Fraction, values)) / len(values)
    scaled = Decimal(exact.numerator) * 10**14 / Decimal(exact.denominator)
    return (scaled / 10**14).quantize(Decimal("1e-12"), ROUND_HALF_UP)
