"""The facts of metering."""

from .counters import PERIOD_WINDOW, CounterKey, Tally, average
from .events import EVENT_PREFIX, Event, EventStatus, First, Owner, Row, row_of
from .meters import (
    METER_PREFIX,
    Aggregation,
    CostCategory,
    CostType,
    EarlierCost,
    Meter,
    MeterId,
    MeterKind,
    MeterStatus,
)

__all__ = [
    "EVENT_PREFIX",
    "METER_PREFIX",
    "PERIOD_WINDOW",
    "Aggregation",
    "CostCategory",
    "CostType",
    "CounterKey",
    "EarlierCost",
    "Event",
    "EventStatus",
    "First",
    "Meter",
    "MeterId",
    "MeterKind",
    "MeterStatus",
    "Owner",
    "Row",
    "Tally",
    "average",
    "row_of",
]
