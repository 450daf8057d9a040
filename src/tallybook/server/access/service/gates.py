"""What else stands between a customer and its work: budgets that are spent, empty wallets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from tallybook.server.access.models import Ask, Entitlement, Unbilled, WalletGate
from tallybook.server.access.rules.price import price_of
from tallybook.server.catalog import service as catalog
from tallybook.server.costs import budgets
from tallybook.server.costs.rules.budgets import Stops
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.kernel.money import ZERO
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import USAGE_GRACE, Period
from tallybook.server.wallets import service as wallets

_NEWEST: Final = 5  # periods that are looked at: the running one, and what was cut off it


@dataclass(frozen=True, slots=True)
class Gates:
    """What was found of a customer and of the agent that works for it."""

    stops: Stops
    agent_id: str | None = None
    agents: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by the meter they bring
    unbilled: Sequence[Unbilled] | None = None  # None: the project has no wallet gate
    funds: Mapping[str, Decimal] = field(default_factory=dict)  # in the wallets, by currency

    def is_over_budget(self, entitlement: Entitlement | None) -> bool:
        meter_id = None if entitlement is None else entitlement.meter_id
        return self.stops.denies(self.agents.get(meter_id or "", ()), self.agent_id)

    def wallet_gate(self, entitlement: Entitlement | None, ask: Ask | None) -> WalletGate | None:
        """Return what the wallets are weighed against; None: they are not."""
        if entitlement is None or self.unbilled is None:
            return None
        currency = entitlement.period.terms.currency
        price = price_of(self.unbilled, ask, currency)
        return WalletGate(price, self.funds.get(currency, ZERO))


def load_gates(
    tx: Tx, space: Space, customer: Customer, *, now: datetime, agent: str | None = None
) -> Gates:
    """Return what denies a customer access besides its subscriptions and limits.

    `agent` is whose work it is, by either name; one that is not known makes no difference.
    """
    stops = budgets.stops(tx, space, customer.id, now=now)
    gates = Gates(stops)
    if stops.agent_ids:
        found = None if agent is None else catalog.find_agent(tx, space.id, agent)
        agent_id = None if found is None else found.id
        gates = replace(gates, agent_id=agent_id, agents=_agents(tx, space))
    if space.settings.wallet_gate:
        unbilled = _unbilled(tx, space, customer.id, now)
        funds = {
            currency: wallets.available(tx, space.id, customer.id, currency, at=now)
            for currency in sorted({part.currency for part in unbilled})
        }
        gates = replace(gates, unbilled=unbilled, funds=funds)
    return gates


def _agents(tx: Tx, space: Space) -> dict[str, frozenset[str]]:
    agents: dict[str, frozenset[str]] = {}
    for action in catalog.list_actions(tx, space.id):
        meter_id = action.billable_meter.id
        agents[meter_id] = agents.get(meter_id, frozenset()) | {action.agent_id}
    return agents


def _unbilled(tx: Tx, space: Space, customer_id: str, now: datetime) -> list[Unbilled]:
    """Return the usage of periods that run, and of those whose invoice waits for late usage."""
    timelines = subscriptions.timelines(tx, space.id, {customer_id})[customer_id]
    found = []
    for sub in subscriptions.list_for_customer(tx, space.id, customer_id, only_live=True):
        for period in subscriptions.list_periods(tx, space.id, sub.id, limit=_NEWEST):
            if not _is_unbilled(period, now):
                continue
            terms = subscriptions.get_terms(tx, space.id, sub.contract_id, period.contract_version)
            usage = subscriptions.read_usage(tx, space, sub, period, terms, timelines)
            found.append(Unbilled(sub.id, sub.currency, usage))
    return found


def _is_unbilled(period: Period, now: datetime) -> bool:
    """What a change of terms cuts off is invoiced at once, a whole cycle after the grace."""
    if period.is_trial:
        return False
    waits = period.end == period.cycle_end and now < period.end + USAGE_GRACE
    return waits or not period.is_closed
