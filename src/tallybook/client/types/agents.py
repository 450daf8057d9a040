"""The dicts of agents and their actions, and what comes back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Required, TypedDict

from tallybook.client.encoding import DecimalInput, Json, decimals
from tallybook.client.not_given import NotGiven
from tallybook.client.responses import Result
from tallybook.wire import agents as wire
from tallybook.wire.meters import Aggregation


class BillableMeter(TypedDict, total=False):
    """The meter of an action; one of that key and definition is attached, else it is made."""

    name: str
    key: str
    aggregation: Aggregation
    unit_label: str | None
    value_field: str | None
    description: str | None


class ActionValueParams(TypedDict, total=False):
    """What a unit of an action is worth, for reports."""

    fte_equivalent: DecimalInput | None
    revenue_per_unit: DecimalInput | None
    default_price: DecimalInput | None


class AgentParams(TypedDict, total=False):
    """A new agent."""

    name: Required[str]
    description: str | None
    external_id: str | None
    status: wire.AgentStatus
    tags: Sequence[str]
    config: Mapping[str, Json]
    metadata: Mapping[str, Json]


class AgentActionParams(TypedDict, total=False):
    """A new action of an agent."""

    name: Required[str]
    action_type: Required[wire.ActionType]
    description: str | None
    billable_meter: Required[BillableMeter]
    cost_meter_ids: Sequence[str]
    value: ActionValueParams | None


_VALUE_DECIMALS: Final = ("fte_equivalent", "revenue_per_unit", "default_price")


def action_body(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action's fields, the decimals of its value written out."""
    if action.get("value") is None:
        return dict(action)
    return {**action, "value": value_body(action["value"])}


def value_body(value: ActionValueParams | NotGiven | None) -> Any:
    if value is None or isinstance(value, NotGiven):
        return value
    return decimals([value], *_VALUE_DECIMALS)[0]  # type: ignore[index]


class Agent(Result, wire.Agent):
    """Software that does work for customers."""


class AgentWithActions(Result, wire.AgentWithActions):
    """An agent and all that it does."""


class AgentAction(Result, wire.AgentAction):
    """One kind of work of an agent."""
