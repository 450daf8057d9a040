"""Meters: what is measured, to be billed or as a cost."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints

from .absent import absent
from .base import Dec, Instant, Key, Metadata, Name, NonNegative, Request, Response, Text

MeterKind: TypeAlias = Literal["billable", "cost"]
Aggregation: TypeAlias = Literal["count", "sum", "max", "min", "average", "unique_count", "latest"]
MeterStatus: TypeAlias = Literal["active", "inactive", "archived"]
CostType: TypeAlias = Literal["fixed", "variable"]
CostCategory: TypeAlias = Literal["compute", "llm", "api", "storage", "bandwidth", "other"]
FieldName = Annotated[Text, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
"""The name of an attribute."""


class MeterCreate(Request):
    """A new meter. `cost_type`, `cost_per_unit` and `category` are for cost meters only."""

    name: Name
    key: Key
    """How events name the meter; fixed once it has counted."""
    kind: MeterKind = "billable"
    aggregation: Aggregation = "count"
    """`count` adds up quantities; the others read `attributes[value_field]`, or the quantity."""
    unit_label: Name | None = None
    value_field: FieldName | None = None
    """The attribute to read; none for the event's own quantity."""
    description: Text | None = None
    cost_type: CostType | None = None
    """`fixed`: per quantity; `variable`: per unit of `attributes[value_field]`."""
    cost_per_unit: NonNegative | None = None
    category: CostCategory | None = None
    metadata: Metadata = Field(default_factory=dict)


class MeterUpdate(Request):
    """The fields to change; null clears where null is allowed. `metadata` is merged."""

    name: Name = absent()
    key: Key = absent()
    kind: MeterKind = absent()
    aggregation: Aggregation = absent()
    unit_label: Name | None = absent()
    value_field: FieldName | None = absent()
    description: Text | None = absent()
    status: MeterStatus = absent()
    cost_type: CostType | None = absent()
    cost_per_unit: NonNegative | None = absent()
    category: CostCategory | None = absent()
    metadata: Metadata = absent()


class EarlierCost(Response):
    """What a cost meter said of events before `until`."""

    until: Instant
    cost_type: CostType | str | None = None
    cost_per_unit: Dec | None = None
    value_field: str | None = None


class Meter(Response):
    """What is measured."""

    id: str
    key: str
    name: str
    kind: MeterKind | str
    aggregation: Aggregation | str
    unit_label: str | None = None
    value_field: str | None = None
    description: str | None = None
    status: MeterStatus | str
    cost_type: CostType | str | None = None
    cost_per_unit: Dec | None = None
    category: CostCategory | str | None = None
    earlier_costs: list[EarlierCost] = Field(default_factory=list)
    """Of a cost meter that was changed, the oldest first: an event costs what its time said."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant
