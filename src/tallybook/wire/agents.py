"""Agents and what they do."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints

from .absent import absent
from .base import (
    Dec,
    ExternalId,
    Instant,
    Json,
    Key,
    Metadata,
    Name,
    NonNegative,
    Ref,
    Request,
    Response,
    Text,
)
from .meters import Aggregation, FieldName, Meter

AgentStatus: TypeAlias = Literal["draft", "active", "inactive", "archived"]
ActionType: TypeAlias = Literal["task", "workflow", "outcome"]
Tag = Annotated[Text, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Tags: TypeAlias = Annotated[list[Tag], Field(max_length=100)]
MeterRefs: TypeAlias = Annotated[list[Ref], Field(max_length=100)]


class AgentCreate(Request):
    """A new agent."""

    name: Name
    description: Text | None = None
    external_id: ExternalId | None = None
    """Your own name of it; events may use it."""
    status: AgentStatus = "draft"
    tags: Tags = Field(default_factory=list)
    config: Json = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)


class AgentUpdate(Request):
    """The fields to change; null clears where null is allowed. `metadata` is merged, `tags` and
    `config` are replaced."""

    name: Name = absent()
    description: Text | None = absent()
    external_id: ExternalId | None = absent()
    status: AgentStatus = absent()
    tags: Tags = absent()
    config: Json = absent()
    metadata: Metadata = absent()


class BillableMeterCreate(Request):
    """The meter of an action; one of that key and definition is attached, else it is made."""

    name: Name
    key: Key
    aggregation: Aggregation = "count"
    unit_label: Name | None = None
    value_field: FieldName | None = None
    description: Text | None = None


class BillableMeterUpdate(Request):
    """The fields of the action's meter to change."""

    name: Name = absent()
    key: Key = absent()
    aggregation: Aggregation = absent()
    unit_label: Name | None = absent()
    value_field: FieldName | None = absent()
    description: Text | None = absent()


class ActionValueInput(Request):
    """What a unit of the action is worth, for reports; null clears."""

    fte_equivalent: NonNegative | None = absent()
    """Full-time people whose work it replaces."""
    revenue_per_unit: NonNegative | None = absent()
    default_price: NonNegative | None = absent()


class AgentActionCreate(Request):
    """A new action of an agent."""

    name: Name
    action_type: ActionType
    description: Text | None = None
    billable_meter: BillableMeterCreate
    cost_meter_ids: MeterRefs = Field(default_factory=list)
    value: ActionValueInput | None = None


class AgentActionUpdate(Request):
    """The fields to change. `cost_meter_ids` sets the whole list; the other two a part of it."""

    name: Name = absent()
    action_type: ActionType = absent()
    description: Text | None = absent()
    billable_meter: BillableMeterUpdate = absent()
    cost_meter_ids: MeterRefs = absent()
    add_cost_meter_ids: MeterRefs = absent()
    remove_cost_meter_ids: MeterRefs = absent()
    value: ActionValueInput | None = absent()


class AgentWithActionsCreate(Request):
    """A new agent with its actions: all of it is made, or nothing."""

    agent: AgentCreate
    actions: Annotated[list[AgentActionCreate], Field(max_length=100)]


class ActionValue(Response):
    """What a unit of the action is worth."""

    fte_equivalent: Dec | None = None
    revenue_per_unit: Dec | None = None
    default_price: Dec | None = None


class AgentAction(Response):
    """One kind of work of an agent."""

    id: str
    agent_id: str
    name: str
    action_type: ActionType | str
    description: str | None = None
    billable_meter: Meter
    cost_meter_ids: list[str] = Field(default_factory=list)
    value: ActionValue
    created_at: Instant
    updated_at: Instant


class Agent(Response):
    """Software that does work for customers."""

    id: str
    name: str
    description: str | None = None
    external_id: str | None = None
    status: AgentStatus | str
    tags: list[str] = Field(default_factory=list)
    config: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class AgentWithActions(Agent):
    """An agent and all that it does."""

    actions: list[AgentAction] = Field(default_factory=list)
