"""What the references of a batch stand for: a fixed number of queries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tallybook.server.catalog import service as catalog
from tallybook.server.costs.rules.derive import Work
from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Meter
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions

from .models import Incoming
from .rules.costs import brings_cost
from .rules.enrich import Names

WINDOW_MAX: Final = timedelta(days=32)  # no quota window that ends is longer


def load_names(tx: Tx, space: SpaceId, items: Sequence[Incoming], now: datetime) -> Names:
    """Return what the items name. Nobody recounts these customers before the commit."""
    ids = {item.customer_id for item in items if item.customer_id is not None}
    external_ids = {i.customer_external_id for i in items if i.customer_external_id is not None}
    known, named = customers.find_ids(tx, space, ids=ids, external_ids=external_ids)
    found = known | set(named.values())
    events.share_customers(tx, space, found)
    meter_refs = {item.meter_ref for item in items if item.meter_ref is not None}
    agents = _agents(tx, space, items)
    actions, works = _actions(tx, space, items, agents)
    earliest = min((item.at for item in items if item.at is not None), default=now)
    return Names(
        customer_ids=frozenset(known),
        external_ids=named,
        meters=meters.find_meters(tx, space, meter_refs) if meter_refs else {},
        agents=agents,
        actions=actions,
        works=works,
        timelines=subscriptions.timelines(tx, space, found, since=min(earliest, now) - WINDOW_MAX),
    )


def _agents(tx: Tx, space: SpaceId, items: Sequence[Incoming]) -> dict[str, str]:
    agents = {}
    for ref in sorted({item.agent_ref for item in items if item.agent_ref is not None}):
        agent = catalog.find_agent(tx, space, ref)
        if agent is not None:
            agents[ref] = agent.id
    return agents


def _actions(
    tx: Tx, space: SpaceId, items: Sequence[Incoming], agents: dict[str, str]
) -> tuple[dict[str, list[tuple[str, Meter]]], dict[str, list[Work]]]:
    """Return, by agent, what actions stand for: (action type, billable meter), and their costs."""
    asked = {
        agents[item.agent_ref]
        for item in items
        if item.agent_ref in agents and (item.meter_ref is None or brings_cost(item))
    }
    actions: dict[str, list[tuple[str, Meter]]] = {}
    works: dict[str, list[Work]] = {}
    for action in catalog.list_actions(tx, space, agent_ids=asked) if asked else ():
        kind, meter = action.action_type.value, action.billable_meter
        actions.setdefault(action.agent_id, []).append((kind, meter))
        work = Work(action.id, kind, meter.key, action.cost_meters)
        works.setdefault(action.agent_id, []).append(work)
    return actions, works
