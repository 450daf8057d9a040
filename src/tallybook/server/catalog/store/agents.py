"""Agents and their actions."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from tallybook.server.catalog.models import (
    ActionType,
    ActionValue,
    Agent,
    AgentAction,
    AgentStatus,
)
from tallybook.server.catalog.tables import agent_action_costs, agent_actions, agents
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering.models import Meter
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, contains, fetch

_SORTS = {"created_at": agents.c.created_at, "name": agents.c.name}
_ACTION_SORTS = {"created_at": agent_actions.c.created_at, "name": agent_actions.c.name}


def add_agent(tx: Tx, space: SpaceId, agent: Agent) -> bool:
    """Store a new agent; tell whether its external id was free."""
    row = {"space_id": space, **_agent_row(agent)}
    statement = tx.insert(agents).values(row).on_conflict_do_nothing()
    return tx.execute(statement.returning(agents.c.id)).first() is not None


def save_agent(tx: Tx, space: SpaceId, agent: Agent) -> None:
    t = agents.c
    mine = (t.space_id == space, t.id == agent.id)
    tx.execute(update(agents).where(*mine).values(_agent_row(agent)))


def find_agent(tx: Tx, space: SpaceId, agent_id: str, *, lock: bool = False) -> Agent | None:
    return _one(tx, space, [agents.c.id == agent_id], lock=lock)


def find_agent_by_external_id(
    tx: Tx, space: SpaceId, external_id: str, *, lock: bool = False
) -> Agent | None:
    """Return the agent of an external id; an archived one has given it up."""
    t = agents.c
    chosen = [t.external_id == external_id, t.status != AgentStatus.ARCHIVED.value]
    return _one(tx, space, chosen, lock=lock)


def list_agents(tx: Tx, space: SpaceId) -> list[Agent]:
    """All agents that are not archived, the oldest first."""
    t = agents.c
    live = (t.space_id == space, t.status != AgentStatus.ARCHIVED.value)
    query = select(agents).where(*live).order_by(t.created_at, t.id)
    return [agent_from_row(row) for row in tx.execute(query).mappings()]


def page_of_agents(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    search: str | None,
    has_external_id: bool | None,
) -> Rows:
    t = agents.c
    query = select(agents).where(t.space_id == space)
    if status is None:
        query = query.where(t.status != AgentStatus.ARCHIVED.value)
    else:
        query = query.where(t.status == status)
    if has_external_id is not None:
        named = t.external_id.is_not(None) if has_external_id else t.external_id.is_(None)
        query = query.where(named)
    if search:
        query = query.where(or_(contains(t.name, search), contains(t.external_id, search)))
    return fetch(tx, query, page, key=t.id, sorts=_SORTS)


def _one(tx: Tx, space: SpaceId, chosen: list[ColumnElement[bool]], *, lock: bool) -> Agent | None:
    query = select(agents).where(agents.c.space_id == space, *chosen)
    if lock and not tx.is_sqlite:
        query = query.with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else agent_from_row(row)


def _agent_row(agent: Agent) -> dict[str, Any]:
    return {**asdict(agent), "tags": list(agent.tags)}


def agent_from_row(row: Mapping[Any, Any]) -> Agent:
    return Agent(
        id=row["id"],
        external_id=row["external_id"],
        name=row["name"],
        description=row["description"],
        status=AgentStatus(row["status"]),
        tags=tuple(row["tags"]),
        config=row["config"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def add_action(tx: Tx, space: SpaceId, action: AgentAction) -> None:
    row = {"space_id": space, "archived_at": None, "created_at": action.created_at}
    tx.execute(insert(agent_actions).values({**row, **_action_values(action)}))
    _set_costs(tx, space, action)


def save_action(tx: Tx, space: SpaceId, action: AgentAction) -> None:
    t = agent_actions.c
    mine = (t.space_id == space, t.id == action.id)
    tx.execute(update(agent_actions).where(*mine).values(_action_values(action)))
    c = agent_action_costs.c
    tx.execute(delete(agent_action_costs).where(c.space_id == space, c.action_id == action.id))
    _set_costs(tx, space, action)


def archive_action(tx: Tx, space: SpaceId, action_id: str, *, at: datetime) -> None:
    t = agent_actions.c
    mine = (t.space_id == space, t.id == action_id)
    tx.execute(update(agent_actions).where(*mine).values(archived_at=at))


def find_action(tx: Tx, space: SpaceId, action_id: str) -> Mapping[Any, Any] | None:
    """Return the row of an action that is not archived, or None."""
    t = agent_actions.c
    live = (t.space_id == space, t.id == action_id, t.archived_at.is_(None))
    return tx.execute(select(agent_actions).where(*live)).mappings().one_or_none()


def list_actions(
    tx: Tx, space: SpaceId, agent_ids: Collection[str] | None = None
) -> list[Mapping[Any, Any]]:
    """The rows of all actions, or of those of some agents, the oldest first."""
    t = agent_actions.c
    query = select(agent_actions).where(t.space_id == space, t.archived_at.is_(None))
    if agent_ids is not None:
        query = query.where(t.agent_id.in_(agent_ids))
    return list(tx.execute(query.order_by(t.created_at, t.id)).mappings())


def page_of_actions(
    tx: Tx,
    space: SpaceId,
    agent_id: str,
    page: PageRequest,
    *,
    action_type: str | None,
    search: str | None,
) -> Rows:
    t = agent_actions.c
    live = (t.space_id == space, t.agent_id == agent_id, t.archived_at.is_(None))
    query = select(agent_actions).where(*live)
    if action_type is not None:
        query = query.where(t.action_type == action_type)
    if search:
        query = query.where(or_(contains(t.name, search), contains(t.description, search)))
    return fetch(tx, query, page, key=t.id, sorts=_ACTION_SORTS)


def list_cost_meter_ids(
    tx: Tx, space: SpaceId, action_ids: Collection[str]
) -> dict[str, list[str]]:
    """The ids of the cost meters of each action, in their order."""
    found: dict[str, list[str]] = {action_id: [] for action_id in action_ids}
    c = agent_action_costs.c
    query = select(c.action_id, c.meter_id).where(
        c.space_id == space, c.action_id.in_(sorted(found))
    )
    for row in tx.execute(query.order_by(c.action_id, c.position)):
        found[row.action_id].append(row.meter_id)
    return found


def find_action_using(tx: Tx, space: SpaceId, meter_id: str) -> str | None:
    """Return the id of an action that the meter measures or prices, or None."""
    t, c = agent_actions.c, agent_action_costs.c
    costs = select(c.action_id).where(c.space_id == space, c.meter_id == meter_id)
    uses = or_(t.billable_meter_id == meter_id, t.id.in_(costs))
    live = (t.space_id == space, t.archived_at.is_(None), uses)
    found = tx.execute(select(t.id).where(*live).limit(1)).scalar()
    return None if found is None else str(found)


def _set_costs(tx: Tx, space: SpaceId, action: AgentAction) -> None:
    rows = [
        {"space_id": space, "action_id": action.id, "meter_id": meter.id, "position": position}
        for position, meter in enumerate(action.cost_meters)
    ]
    if rows:
        tx.execute(insert(agent_action_costs), rows)


def _action_values(action: AgentAction) -> dict[str, Any]:
    return {
        "id": action.id,
        "agent_id": action.agent_id,
        "name": action.name,
        "action_type": action.action_type,
        "description": action.description,
        "billable_meter_id": action.billable_meter.id,
        **asdict(action.value),
        "updated_at": action.updated_at,
    }


def action_from_row(
    row: Mapping[Any, Any], *, billable_meter: Meter, cost_meters: tuple[Meter, ...]
) -> AgentAction:
    return AgentAction(
        id=row["id"],
        agent_id=row["agent_id"],
        name=row["name"],
        action_type=ActionType(row["action_type"]),
        description=row["description"],
        billable_meter=billable_meter,
        cost_meters=cost_meters,
        value=ActionValue(row["fte_equivalent"], row["revenue_per_unit"], row["default_price"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
