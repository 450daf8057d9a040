"""What else stands between a customer and its work: budgets that are spent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tallybook.server.access.models import Entitlement
from tallybook.server.catalog import service as catalog
from tallybook.server.costs import budgets
from tallybook.server.costs.rules.budgets import Stops
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.storage import Tx


@dataclass(frozen=True, slots=True)
class Gates:
    """What was found of a customer and of the agent that works for it."""

    stops: Stops
    agent_id: str | None = None
    agents: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by the meter they bring

    def is_over_budget(self, entitlement: Entitlement | None) -> bool:
        meter_id = None if entitlement is None else entitlement.meter_id
        return self.stops.denies(self.agents.get(meter_id or "", ()), self.agent_id)


def load_gates(
    tx: Tx, space: Space, customer: Customer, *, now: datetime, agent: str | None = None
) -> Gates:
    """Return what denies a customer access besides its subscriptions and limits.

    `agent` is whose work it is, by either name; one that is not known makes no difference.
    """
    stops = budgets.stops(tx, space.id, customer.id, now=now)
    if not stops.agent_ids:
        return Gates(stops)
    agents: dict[str, frozenset[str]] = {}
    for action in catalog.list_actions(tx, space.id):
        meter_id = action.billable_meter.id
        agents[meter_id] = agents.get(meter_id, frozenset()) | {action.agent_id}
    found = None if agent is None else catalog.find_agent(tx, space.id, agent)
    return Gates(stops, None if found is None else found.id, agents)
