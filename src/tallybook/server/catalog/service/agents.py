"""Create, find, change and archive agents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import AgentExternalIdTaken, AgentNotFound
from tallybook.server.catalog.models import AGENT_PREFIX, Agent, AgentAction, AgentStatus
from tallybook.server.catalog.rules import agents as rules
from tallybook.server.catalog.store import agents as store
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.metering.rules.keys import is_id
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .actions import add_action
from .found import Found


def create_agent(
    tx: Tx, space: SpaceId, fields: Mapping[str, Any], *, at: datetime, pointer: str = ""
) -> Agent:
    """Create an agent from `name` and what else is given.

    Errors: AgentExternalIdTaken (with `existing_id`); InvalidInput.
    """
    defaults: dict[str, Any] = {
        "external_id": None,
        "description": None,
        "status": AgentStatus.DRAFT,
        "tags": (),
        "config": {},
        "metadata": {},
    }
    fresh = {"id": new_id(AGENT_PREFIX), "created_at": at, "updated_at": at}
    agent = Agent(**{**defaults, **fields, **fresh})
    rules.check_external_id(agent.external_id, pointer=f"{pointer}/external_id")
    _require_free(tx, space, agent)
    if not store.add_agent(tx, space, agent):
        raise AgentExternalIdTaken(external_id=agent.external_id)
    return agent


def create_agent_with_actions(
    tx: Tx,
    space: SpaceId,
    fields: Mapping[str, Any],
    actions: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
) -> tuple[Agent, list[AgentAction]]:
    """Create an agent and all its actions, in one transaction: all or nothing.

    Errors: as create_agent and add_action, with pointers into `agent` and `actions`.
    """
    agent = create_agent(tx, space, fields, at=at, pointer="/agent")
    made = [
        add_action(tx, space, agent, action, at=at, pointer=f"/actions/{position}")
        for position, action in enumerate(actions)
    ]
    return agent, made


def get_agent(tx: Tx, space: SpaceId, ref: str, *, lock: bool = False) -> Agent:
    """Return the agent of an id or external id. Errors: AgentNotFound.

    An archived one is found by its id; its external id is free again.
    """
    agent = find_agent(tx, space, ref, lock=lock)
    if agent is None:
        raise AgentNotFound(agent=ref)
    return agent


def find_agent(tx: Tx, space: SpaceId, ref: str, *, lock: bool = False) -> Agent | None:
    """Return the agent of an id or external id, or None."""
    if is_id(ref, id_prefix=AGENT_PREFIX):
        return store.find_agent(tx, space, ref, lock=lock)
    return store.find_agent_by_external_id(tx, space, ref, lock=lock)


def list_agents(tx: Tx, space: SpaceId) -> list[Agent]:
    """Return all agents that are not archived, the oldest first."""
    return store.list_agents(tx, space)


def page_of_agents(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    search: str | None = None,
    has_external_id: bool | None = None,
) -> Found[Agent]:
    """Return a page of agents; archived ones only when `status` says so."""
    rows = store.page_of_agents(
        tx, space, page, status=status, search=search, has_external_id=has_external_id
    )
    return Found(rows, {row["id"]: store.agent_from_row(row) for row in rows.rows})


def update_agent(
    tx: Tx, space: SpaceId, ref: str, changes: Mapping[str, Any], *, at: datetime
) -> Agent:
    """Change the given fields. Errors: AgentNotFound; AgentExternalIdTaken; InvalidInput."""
    before = get_agent(tx, space, ref, lock=True)
    after = rules.changed(before, changes, at)
    if after is before:
        return before
    rules.check_external_id(after.external_id)
    _require_free(tx, space, after)
    store.save_agent(tx, space, after)
    return after


def archive_agent(tx: Tx, space: SpaceId, ref: str, *, at: datetime) -> Agent:
    """Hide the agent; its external id is free again. Errors: AgentNotFound."""
    before = get_agent(tx, space, ref, lock=True)
    if before.status is AgentStatus.ARCHIVED:
        return before
    after = replace(before, status=AgentStatus.ARCHIVED, updated_at=at)
    store.save_agent(tx, space, after)
    return after


def _require_free(tx: Tx, space: SpaceId, agent: Agent) -> None:
    if agent.external_id is None or agent.status is AgentStatus.ARCHIVED:
        return
    taken = store.find_agent_by_external_id(tx, space, agent.external_id)
    if taken is not None and taken.id != agent.id:
        raise AgentExternalIdTaken(external_id=agent.external_id, existing_id=taken.id)
