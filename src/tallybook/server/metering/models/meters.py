"""The facts of meters: what is measured, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NewType

MeterId = NewType("MeterId", str)
METER_PREFIX: Final = "mtr"


class MeterKind(StrEnum):
    BILLABLE = "billable"
    COST = "cost"  # what the work cost us; never on an invoice


class Aggregation(StrEnum):
    COUNT = "count"  # the sum of the events' quantities
    SUM = "sum"
    MAX = "max"
    MIN = "min"
    AVERAGE = "average"
    UNIQUE_COUNT = "unique_count"
    LATEST = "latest"  # by event time

    @property
    def is_additive(self) -> bool:
        """Whether the figures of parts add up to the figure of the whole."""
        return self in (Aggregation.COUNT, Aggregation.SUM)

    @property
    def is_level(self) -> bool:
        """Whether the figure is a level held at a time, as a number of seats is."""
        return self in (Aggregation.MAX, Aggregation.LATEST)


class MeterStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


class CostType(StrEnum):
    FIXED = "fixed"  # cost_per_unit × quantity
    VARIABLE = "variable"  # cost_per_unit × attributes[value_field]


class CostCategory(StrEnum):
    COMPUTE = "compute"
    LLM = "llm"
    API = "api"
    STORAGE = "storage"
    BANDWIDTH = "bandwidth"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class EarlierCost:
    """What a cost meter said before it was changed, of events before `until`."""

    until: datetime
    cost_type: CostType | None
    cost_per_unit: Decimal | None
    value_field: str | None


@dataclass(frozen=True, slots=True)
class Meter:
    """What is measured. `value_field` of None means an event's own quantity."""

    id: MeterId
    key: str
    name: str
    kind: MeterKind
    aggregation: Aggregation
    unit_label: str | None
    value_field: str | None
    description: str | None
    status: MeterStatus
    cost_type: CostType | None  # these three on cost meters only
    cost_per_unit: Decimal | None  # major currency units per metered unit
    category: CostCategory | None
    metadata: Mapping[str, Any]
    events_seen: bool  # from the first stored event on, kind, aggregation and key are frozen
    created_at: datetime
    updated_at: datetime
    earlier_costs: tuple[EarlierCost, ...] = ()  # of cost meters, the oldest first
