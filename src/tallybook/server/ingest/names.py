"""What the references of a batch stand for: a fixed number of queries."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from tallybook.server.catalog import service as catalog
from tallybook.server.costs.rules.derive import Work
from tallybook.server.customers import service as customers
from tallybook.server.kernel.clock import from_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.models import Meter
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Timeline

from .models import Incoming, Named
from .rules.costs import brings_cost
from .rules.lanes import Names

WINDOW_MAX: Final = timedelta(days=32)  # no quota window that ends is longer


def load_names(tx: Tx, space: SpaceId, items: Sequence[Incoming], now: datetime) -> Names:
    """Return what the items name. Nobody recounts these customers before the commit."""
    named = {item.named for item in items}
    ids = {one.customer_id for one in named if one.customer_id is not None}
    external_ids = {n.customer_external_id for n in named if n.customer_external_id is not None}
    known = set(tx.remember_all(("customer_ids", space), ids, partial(_known, tx, space)))
    load = partial(_named, tx, space)
    owners = dict(tx.remember_all(("external_ids", space), external_ids, load))
    found = known | set(owners.values())
    events.share_customers(tx, space, found)
    tx.look_again()
    meter_refs = {one.meter_ref for one in named if one.meter_ref is not None}
    agents = _agents(tx, space, named)
    actions, works = _actions(tx, space, items, agents) if agents else ({}, {})
    times = [item.at for item in items if item.at is not None]
    earliest = from_micros(min(times)) if times else now
    since = _month_of(min(earliest, now) - WINDOW_MAX)
    return Names(
        customer_ids=frozenset(known),
        external_ids=owners,
        meters=dict(tx.remember_all(("meters", space), meter_refs, partial(_meters, tx, space))),
        agents=agents,
        actions=actions,
        works=works,
        timelines=dict(
            tx.remember_all(
                ("timelines", space, since), found, partial(_timelines, tx, space, since)
            )
        ),
    )


def _known(tx: Tx, space: SpaceId, ids: Collection[str]) -> dict[str, str]:
    found, _ = customers.find_ids(tx, space, ids=ids, external_ids=())
    return {customer_id: customer_id for customer_id in found}


def _named(tx: Tx, space: SpaceId, external_ids: Collection[str]) -> dict[str, str]:
    return customers.find_ids(tx, space, ids=(), external_ids=external_ids)[1]


def _meters(tx: Tx, space: SpaceId, refs: Collection[str]) -> dict[str, Meter]:
    return meters.find_meters(tx, space, set(refs))


def _timelines(
    tx: Tx, space: SpaceId, since: datetime, customer_ids: Collection[str]
) -> dict[str, list[Timeline]]:
    return subscriptions.timelines(tx, space, set(customer_ids), since=since)


def _month_of(at: datetime) -> datetime:
    """Return the start of a month: what was read since then serves all later events, too."""
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _agents(tx: Tx, space: SpaceId, named: Collection[Named]) -> dict[str, str]:
    agents = {}
    for ref in sorted({one.agent_ref for one in named if one.agent_ref is not None}):
        agent = catalog.find_agent(tx, space, ref)
        if agent is not None:
            agents[ref] = agent.id
    return agents


def _actions(
    tx: Tx, space: SpaceId, items: Sequence[Incoming], agents: dict[str, str]
) -> tuple[dict[str, list[tuple[str, Meter]]], dict[str, list[Work]]]:
    """Return, by agent, what actions stand for: (action type, billable meter), and their costs."""
    asked = {
        agents[item.named.agent_ref]
        for item in items
        if item.named.agent_ref in agents and (item.named.meter_ref is None or brings_cost(item))
    }
    actions: dict[str, list[tuple[str, Meter]]] = {}
    works: dict[str, list[Work]] = {}
    for action in catalog.list_actions(tx, space, agent_ids=asked) if asked else ():
        kind, meter = action.action_type.value, action.billable_meter
        actions.setdefault(action.agent_id, []).append((kind, meter))
        work = Work(action.id, kind, meter.key, action.cost_meters)
        works.setdefault(action.agent_id, []).append(work)
    return actions, works
