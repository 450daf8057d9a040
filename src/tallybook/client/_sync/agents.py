"""Agents and what they do."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import Json
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.agents import (
    ActionValueParams,
    Agent,
    AgentAction,
    AgentActionParams,
    AgentParams,
    AgentWithActions,
    BillableMeter,
    action_body,
    value_body,
)
from tallybook.wire import agents as wire

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class Agents(Resource):
    """`client.agents`. An agent is named by its id or external id."""

    @cached_property
    def with_raw_response(self) -> "AgentsRaw":
        return AgentsRaw(self)

    @cached_property
    def actions(self) -> "AgentActions":
        return AgentActions(self._client)

    def create(
        self,
        *,
        name: str,
        description: str | NotGiven | None = NOT_GIVEN,
        external_id: str | NotGiven | None = NOT_GIVEN,
        status: wire.AgentStatus | NotGiven = NOT_GIVEN,
        tags: Sequence[str] | NotGiven = NOT_GIVEN,
        config: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Agent:
        """Return the new agent. Errors: ConflictError `external_id_taken`."""
        body = given(
            name=name,
            description=description,
            external_id=external_id,
            status=status,
            tags=tags,
            config=config,
            metadata=metadata,
        )
        return self._write("POST", "/agents", Agent, options, body)

    def create_with_actions(
        self,
        *,
        agent: AgentParams,
        actions: Sequence[AgentActionParams],
        **options: Unpack[WriteOptions],
    ) -> AgentWithActions:
        """Return the new agent with its actions; all of it is made, or nothing."""
        body = {"agent": agent, "actions": [action_body(action) for action in actions]}
        return self._write("POST", "/agents/with-actions", AgentWithActions, options, body)

    def get(self, agent: str, **options: Unpack[CallOptions]) -> AgentWithActions:
        """Return the agent, with its actions."""
        return self._get(path("agents", agent), AgentWithActions, options)

    @listing
    def list(
        self,
        *,
        status: wire.AgentStatus | None = None,
        search: str | None = None,
        has_external_id: bool | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[Agent]:
        """Return agents, newest first; `search` looks in name and external id."""
        query = {"status": status, "search": search, "has_external_id": has_external_id}
        return self._list("/agents", Agent, options, query)

    def update(
        self,
        agent: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        external_id: str | NotGiven | None = NOT_GIVEN,
        status: wire.AgentStatus | NotGiven = NOT_GIVEN,
        tags: Sequence[str] | NotGiven = NOT_GIVEN,
        config: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Agent:
        """Return the agent with the given fields changed; None clears, metadata is merged."""
        body = given(
            name=name,
            description=description,
            external_id=external_id,
            status=status,
            tags=tags,
            config=config,
            metadata=metadata,
        )
        return self._write("PATCH", path("agents", agent), Agent, options, body)

    def delete(self, agent: str, **options: Unpack[WriteOptions]) -> None:
        """Archive the agent; its external id is free again."""
        self._delete(path("agents", agent), options)


class AgentActions(Resource):
    """`client.agents.actions`."""

    @cached_property
    def with_raw_response(self) -> "AgentActionsRaw":
        return AgentActionsRaw(self)

    def create(
        self,
        agent: str,
        *,
        name: str,
        action_type: wire.ActionType,
        billable_meter: BillableMeter,
        description: str | NotGiven | None = NOT_GIVEN,
        cost_meter_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        value: ActionValueParams | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AgentAction:
        """Return the new action; its meter is made, or attached if its definition is the same.

        Errors: ConflictError `meter_definition_differs`.
        """
        body = given(
            name=name,
            action_type=action_type,
            billable_meter=billable_meter,
            description=description,
            cost_meter_ids=cost_meter_ids,
            value=value_body(value),
        )
        address = path("agents", agent, "actions")
        return self._write("POST", address, AgentAction, options, body)

    def get(self, agent: str, action_id: str, **options: Unpack[CallOptions]) -> AgentAction:
        """Return the action."""
        return self._get(path("agents", agent, "actions", action_id), AgentAction, options)

    @listing
    def list(
        self,
        agent: str,
        *,
        action_type: wire.ActionType | None = None,
        search: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[AgentAction]:
        """Return the agent's actions, newest first."""
        query = {"action_type": action_type, "search": search}
        return self._list(path("agents", agent, "actions"), AgentAction, options, query)

    def update(
        self,
        agent: str,
        action_id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        action_type: wire.ActionType | NotGiven = NOT_GIVEN,
        description: str | NotGiven | None = NOT_GIVEN,
        billable_meter: BillableMeter | NotGiven = NOT_GIVEN,
        cost_meter_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        add_cost_meter_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        remove_cost_meter_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        value: ActionValueParams | NotGiven | None = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> AgentAction:
        """Return the action with the given fields changed; of the meter a part is enough.

        `cost_meter_ids` sets the whole list, the other two change it; not both in one call.
        """
        body = given(
            name=name,
            action_type=action_type,
            description=description,
            billable_meter=billable_meter,
            cost_meter_ids=cost_meter_ids,
            add_cost_meter_ids=add_cost_meter_ids,
            remove_cost_meter_ids=remove_cost_meter_ids,
            value=value_body(value),
        )
        address = path("agents", agent, "actions", action_id)
        return self._write("PATCH", address, AgentAction, options, body)

    def delete(self, agent: str, action_id: str, **options: Unpack[WriteOptions]) -> None:
        """Take the action off its agent; its meter stays."""
        self._delete(path("agents", agent, "actions", action_id), options)


class AgentsRaw:
    """The verbs of `client.agents`, each answering an APIResponse."""

    def __init__(self, agents: Agents) -> None:
        self.create = raw(agents.create)
        self.create_with_actions = raw(agents.create_with_actions)
        self.get = raw(agents.get)
        self.list = raw(agents.list)
        self.update = raw(agents.update)
        self.delete = raw(agents.delete)


class AgentActionsRaw:
    """The verbs of `client.agents.actions`, each answering an APIResponse."""

    def __init__(self, actions: AgentActions) -> None:
        self.create = raw(actions.create)
        self.get = raw(actions.get)
        self.list = raw(actions.list)
        self.update = raw(actions.update)
        self.delete = raw(actions.delete)
