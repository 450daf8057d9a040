"""The actions of agents, each with the meter made for it, and what they cost us."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.catalog.errors import (
    AgentActionNotFound,
    MeterDefinitionDiffers,
)
from tallybook.server.catalog.models import (
    ACTION_PREFIX,
    Agent,
    AgentAction,
)
from tallybook.server.catalog.rules import agents as rules
from tallybook.server.catalog.store import agents as store
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.metering.models import Meter, MeterKind, MeterStatus
from tallybook.server.metering.rules.meters import is_same_definition
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest

from .found import Found


def add_action(
    tx: Tx,
    space: SpaceId,
    agent: Agent,
    fields: Mapping[str, Any],
    *,
    at: datetime,
    pointer: str = "",
) -> AgentAction:
    """Add an action; its `billable_meter` is made, or attached if its key has that definition.

    Errors: MeterDefinitionDiffers; MeterDoesNotFit; MeterNotFound (a cost meter).
    """
    definition = fields["billable_meter"]
    billable = _make_or_attach(tx, space, definition, at=at, pointer=f"{pointer}/billable_meter")
    costs = _cost_meters(tx, space, fields.get("cost_meter_ids") or (), pointer)
    rules.check_action_meters(billable, costs, pointer=pointer)
    action = AgentAction(
        id=new_id(ACTION_PREFIX),
        agent_id=agent.id,
        name=fields["name"],
        action_type=fields["action_type"],
        description=fields.get("description"),
        billable_meter=billable,
        cost_meters=costs,
        value=rules.changed_value(rules.NO_VALUE, fields.get("value")),
        created_at=at,
        updated_at=at,
    )
    store.add_action(tx, space, action)
    return action


def get_action(tx: Tx, space: SpaceId, agent: Agent, action_id: str) -> AgentAction:
    """Errors: AgentActionNotFound."""
    row = store.find_action(tx, space, action_id)
    if row is None or row["agent_id"] != agent.id:
        raise AgentActionNotFound(agent_action_id=action_id)
    return _with_meters(tx, space, [row])[0]


def find_action(tx: Tx, space: SpaceId, action_id: str) -> AgentAction | None:
    """Return an action of whatever agent, or None."""
    row = store.find_action(tx, space, action_id)
    return None if row is None else _with_meters(tx, space, [row])[0]


def list_actions(
    tx: Tx, space: SpaceId, *, agent_ids: Collection[str] | None = None
) -> list[AgentAction]:
    """Return all actions, or those of some agents, the oldest first."""
    return _with_meters(tx, space, store.list_actions(tx, space, agent_ids))


def page_of_actions(
    tx: Tx,
    space: SpaceId,
    agent: Agent,
    page: PageRequest,
    *,
    action_type: str | None = None,
    search: str | None = None,
) -> Found[AgentAction]:
    rows = store.page_of_actions(tx, space, agent.id, page, action_type=action_type, search=search)
    return Found(rows, {action.id: action for action in _with_meters(tx, space, rows.rows)})


def update_action(
    tx: Tx,
    space: SpaceId,
    agent: Agent,
    action_id: str,
    changes: Mapping[str, Any],
    *,
    at: datetime,
) -> AgentAction:
    """Change the given fields: parts of the billable meter, cost meters whole or in parts.

    Errors: AgentActionNotFound; what metering says to a change of the meter; MeterNotFound,
        MeterDoesNotFit (a cost meter); InvalidInput.
    """
    before = get_action(tx, space, agent, action_id)
    own = {k: v for k, v in changes.items() if k in ("name", "action_type", "description")}
    billable = before.billable_meter
    if changes.get("billable_meter"):
        part = changes["billable_meter"]
        billable = meters.update_meter(tx, space, billable.id, part, at=at)
    cost_ids = rules.change_cost_ids(
        [meter.id for meter in before.cost_meters],
        whole=changes.get("cost_meter_ids"),
        add=_ids(tx, space, changes.get("add_cost_meter_ids"), "/add_cost_meter_ids"),
        remove=_ids(tx, space, changes.get("remove_cost_meter_ids"), "/remove_cost_meter_ids"),
    )
    costs = _cost_meters(tx, space, cost_ids, "")
    value = before.value
    if "value" in changes:
        value = rules.changed_value(value, changes["value"])
    after = replace(before, **own, billable_meter=billable, cost_meters=costs, value=value)
    if after == before:
        return before
    rules.check_action_meters(billable, [m for m in costs if m not in before.cost_meters])
    after = replace(after, updated_at=at)
    store.save_action(tx, space, after)
    return after


def remove_action(tx: Tx, space: SpaceId, agent: Agent, action_id: str, *, at: datetime) -> None:
    """Take an action off its agent; its meter stays. Errors: AgentActionNotFound."""
    action = get_action(tx, space, agent, action_id)
    store.archive_action(tx, space, action.id, at=at)


def _make_or_attach(
    tx: Tx, space: SpaceId, definition: Mapping[str, Any], *, at: datetime, pointer: str
) -> Meter:
    existing = meters.find_meter(tx, space, definition["key"], lock=True)
    if existing is None:
        billable = {"kind": MeterKind.BILLABLE, **definition}
        return meters.create_meter(tx, space, billable, at=at, pointer=pointer)
    whole = {"kind": MeterKind.BILLABLE, "status": MeterStatus.ACTIVE, **definition}
    if not is_same_definition(existing, whole):
        raise MeterDefinitionDiffers(
            key=existing.key,
            existing_id=existing.id,
            errors=[FieldError(pointer, "differs", "the meter of that key is another one")],
        )
    return existing


def _cost_meters(tx: Tx, space: SpaceId, refs: Sequence[str], pointer: str) -> tuple[Meter, ...]:
    found = meters.find_meters(tx, space, refs)
    for ref in refs:
        if ref not in found:
            wrong = FieldError(f"{pointer}/cost_meter_ids", "not_found", f"no meter {ref}")
            raise MeterNotFound(meter=ref, errors=[wrong])
    return tuple({found[ref].id: found[ref] for ref in refs}.values())


def _ids(tx: Tx, space: SpaceId, refs: Sequence[str] | None, pointer: str) -> list[str]:
    """Return the ids of cost meters given by id or key."""
    found = meters.find_meters(tx, space, refs or ())
    for ref in refs or ():
        if ref not in found:
            raise MeterNotFound(meter=ref, errors=[FieldError(pointer, "not_found", f"no {ref}")])
    return [found[ref].id for ref in refs or ()]


def _with_meters(tx: Tx, space: SpaceId, rows: Sequence[Mapping[Any, Any]]) -> list[AgentAction]:
    costs = store.list_cost_meter_ids(tx, space, [row["id"] for row in rows])
    ids = {row["billable_meter_id"] for row in rows}.union(*costs.values())
    named = meters.find_meters(tx, space, ids)
    return [
        store.action_from_row(
            row,
            billable_meter=named[row["billable_meter_id"]],
            cost_meters=tuple(named[meter_id] for meter_id in costs[row["id"]]),
        )
        for row in rows
    ]
