"""Agents and their actions over HTTP.

An agent is named by its id or external id; an external id may hold slashes, so the routes below
an agent stand first.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import (
    AgentActionNotFound,
    AgentExternalIdTaken,
    AgentNotFound,
    MeterDefinitionDiffers,
)
from tallybook.server.catalog.models import ActionType, AgentStatus
from tallybook.server.catalog.views import action_to_wire, agent_to_wire, agent_with_actions
from tallybook.server.metering.errors import MeterHasEvents, MeterNotFound
from tallybook.server.metering.models import Aggregation
from tallybook.server.storage import Tx
from tallybook.wire import agents as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import Read, Write
from .listing import page_of
from .meters import meter_fields
from .pages import Paging, page_request
from .problems import responses

router = APIRouter(prefix="/agents", tags=["agents"], route_class=StrictRoute)
SORTS = ("created_at", "name")


def _agent_fields(body: BaseModel) -> dict[str, Any]:
    """The fields that the caller gave, as the catalog's facts."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "status" in fields:
        fields["status"] = AgentStatus(fields["status"])
    if "tags" in fields:
        fields["tags"] = tuple(dict.fromkeys(fields["tags"]))
    return fields


def _action_fields(body: BaseModel) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "action_type" in fields:
        fields["action_type"] = ActionType(fields["action_type"])
    if "billable_meter" in fields:
        fields["billable_meter"] = meter_fields(fields["billable_meter"])
    if fields.get("value") is not None:
        value = fields["value"]
        fields["value"] = {name: getattr(value, name) for name in value.model_fields_set}
    return fields


def _definition_fields(body: wire.AgentActionCreate) -> dict[str, Any]:
    """The fields of a new action. What its meter measures is meant even where left to default,
    so that an existing meter is attached only if it measures the same."""
    fields = _action_fields(body)
    measured = {
        "aggregation": Aggregation(body.billable_meter.aggregation),
        "value_field": body.billable_meter.value_field,
    }
    return {**fields, "billable_meter": {**fields["billable_meter"], **measured}}


@router.post(
    "/with-actions",
    response_model=wire.AgentWithActions,
    status_code=201,
    responses=responses(AgentExternalIdTaken, MeterNotFound),
    operation_id="agents.create_with_actions",
)
def create_agent_with_actions(body: wire.AgentWithActionsCreate, write: Write) -> Response:
    """Create an agent with all its actions and their meters, or nothing."""

    def work(tx: Tx) -> wire.AgentWithActions:
        agent, actions = catalog.create_agent_with_actions(
            tx,
            write.space,
            _agent_fields(body.agent),
            [_definition_fields(action) for action in body.actions],
            at=write.now,
        )
        return agent_with_actions(agent, actions)

    return write(work, status=201)


@router.post(
    "",
    response_model=wire.Agent,
    status_code=201,
    responses=responses(AgentExternalIdTaken),
    operation_id="agents.create",
)
def create_agent(body: wire.AgentCreate, write: Write) -> Response:
    """Create an agent."""

    def work(tx: Tx) -> wire.Agent:
        return agent_to_wire(
            catalog.create_agent(tx, write.space, _agent_fields(body), at=write.now)
        )

    return write(work, status=201)


@router.get("", response_model=Page[wire.Agent], operation_id="agents.list")
def list_agents(
    read: Read,
    paging: Paging,
    status: wire.AgentStatus | None = None,
    search: Annotated[str | None, Query(max_length=255)] = None,
    has_external_id: bool | None = None,
) -> Response:
    """List agents; `search` looks in name and external id. Archived ones only when asked for."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Agent]:
        found = catalog.page_of_agents(
            tx,
            read.space,
            page,
            status=status,
            search=search,
            has_external_id=has_external_id,
        )
        return page_of(read, page, found, agent_to_wire)

    return read(work)


@router.post(
    "/{agent:path}/actions",
    response_model=wire.AgentAction,
    status_code=201,
    responses=responses(AgentNotFound, MeterNotFound, MeterDefinitionDiffers),
    operation_id="agents.actions.create",
)
def create_action(agent: str, body: wire.AgentActionCreate, write: Write) -> Response:
    """Add an action; its meter is made, or attached where one of that definition exists."""

    def work(tx: Tx) -> wire.AgentAction:
        owner = catalog.get_agent(tx, write.space, agent, lock=True)
        fields = _definition_fields(body)
        return action_to_wire(catalog.add_action(tx, write.space, owner, fields, at=write.now))

    return write(work, status=201)


@router.get(
    "/{agent:path}/actions",
    response_model=Page[wire.AgentAction],
    responses=responses(AgentNotFound),
    operation_id="agents.actions.list",
)
def list_actions(
    agent: str,
    read: Read,
    paging: Paging,
    action_type: wire.ActionType | None = None,
    search: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """List the actions of an agent; `search` looks in name and description."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.AgentAction]:
        owner = catalog.get_agent(tx, read.space, agent)
        found = catalog.page_of_actions(
            tx, read.space, owner, page, action_type=action_type, search=search
        )
        return page_of(read, page, found, action_to_wire)

    return read(work)


@router.get(
    "/{agent:path}/actions/{action_id}",
    response_model=wire.AgentAction,
    responses=responses(AgentNotFound, AgentActionNotFound),
    operation_id="agents.actions.get",
)
def get_action(agent: str, action_id: str, read: Read) -> Response:
    """Return an action of an agent."""

    def work(tx: Tx) -> wire.AgentAction:
        owner = catalog.get_agent(tx, read.space, agent)
        return action_to_wire(catalog.get_action(tx, read.space, owner, action_id))

    return read(work)


@router.patch(
    "/{agent:path}/actions/{action_id}",
    response_model=wire.AgentAction,
    responses=responses(AgentActionNotFound, MeterNotFound, MeterHasEvents),
    operation_id="agents.actions.update",
)
def update_action(
    agent: str, action_id: str, body: wire.AgentActionUpdate, write: Write
) -> Response:
    """Change the given fields, parts of the billable meter among them."""

    def work(tx: Tx) -> wire.AgentAction:
        owner = catalog.get_agent(tx, write.space, agent, lock=True)
        fields = _action_fields(body)
        after = catalog.update_action(tx, write.space, owner, action_id, fields, at=write.now)
        return action_to_wire(after)

    return write(work)


@router.delete(
    "/{agent:path}/actions/{action_id}",
    status_code=204,
    response_model=None,
    responses=responses(AgentActionNotFound),
    operation_id="agents.actions.delete",
)
def delete_action(agent: str, action_id: str, write: Write) -> Response:
    """Take an action off its agent; its meter stays."""

    def work(tx: Tx) -> None:
        owner = catalog.get_agent(tx, write.space, agent, lock=True)
        catalog.remove_action(tx, write.space, owner, action_id, at=write.now)

    return write(work)


@router.get(
    "/{agent:path}",
    response_model=wire.AgentWithActions,
    responses=responses(AgentNotFound),
    operation_id="agents.get",
)
def get_agent(agent: str, read: Read) -> Response:
    """Return the agent of an id or external id, with its actions."""

    def work(tx: Tx) -> wire.AgentWithActions:
        found = catalog.get_agent(tx, read.space, agent)
        return agent_with_actions(found, catalog.list_actions(tx, read.space, agent_ids=[found.id]))

    return read(work)


@router.patch(
    "/{agent:path}",
    response_model=wire.Agent,
    responses=responses(AgentNotFound, AgentExternalIdTaken),
    operation_id="agents.update",
)
def update_agent(agent: str, body: wire.AgentUpdate, write: Write) -> Response:
    """Change the given fields; `tags` and `config` are replaced, `metadata` is merged."""

    def work(tx: Tx) -> wire.Agent:
        after = catalog.update_agent(tx, write.space, agent, _agent_fields(body), at=write.now)
        return agent_to_wire(after)

    return write(work)


@router.delete(
    "/{agent:path}",
    status_code=204,
    response_model=None,
    responses=responses(AgentNotFound),
    operation_id="agents.delete",
)
def delete_agent(agent: str, write: Write) -> Response:
    """Archive an agent; its external id is free again."""

    def work(tx: Tx) -> None:
        catalog.archive_agent(tx, write.space, agent, at=write.now)

    return write(work)
