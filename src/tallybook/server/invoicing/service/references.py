"""What an invoice names must be there, in the same space, and be the customer's."""

from collections.abc import Collection
from dataclasses import replace

from tallybook.server.catalog import service as catalog
from tallybook.server.invoicing.errors import NotTheCustomers
from tallybook.server.invoicing.models import Invoice, Line
from tallybook.server.invoicing.rules.periods import check_period
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions


def check_references(tx: Tx, space: SpaceId, invoice: Invoice) -> Invoice:
    """Return the invoice, the meters and agents of its lines named by their ids.

    Errors: SubscriptionNotFound; ContractNotFound; NotTheCustomers; MeterNotFound;
    AgentNotFound; PeriodBackwards.
    """
    check_period(invoice.period_start, invoice.period_end)
    if invoice.subscription_id is not None:
        sub = subscriptions.get(tx, space, invoice.subscription_id)
        _require_own(invoice, sub.customer_id, "subscription")
    contract_ids = {line.contract_id for line in invoice.lines} | {invoice.contract_id}
    for contract_id in sorted(filter(None, contract_ids)):
        agreement = subscriptions.get_contract(tx, space, contract_id)
        _require_own(invoice, agreement.contract.customer_id, "contract")
    meter_ids = _meters(tx, space, {line.meter_id for line in invoice.lines if line.meter_id})
    agent_ids = {
        ref: catalog.get_agent(tx, space, ref).id
        for ref in sorted({line.agent_id for line in invoice.lines if line.agent_id})
    }

    def resolved(line: Line) -> Line:
        return replace(
            line,
            meter_id=line.meter_id and meter_ids[line.meter_id],
            agent_id=line.agent_id and agent_ids[line.agent_id],
        )

    return replace(invoice, lines=tuple(resolved(line) for line in invoice.lines))


def _require_own(invoice: Invoice, customer_id: str, what: str) -> None:
    if customer_id != invoice.customer_id:
        raise NotTheCustomers(what=what)


def _meters(tx: Tx, space: SpaceId, refs: Collection[str]) -> dict[str, str]:
    if not refs:
        return {}
    found = meters.find_meters(tx, space, refs)
    if missing := sorted(set(refs) - found.keys()):
        raise MeterNotFound(meter=missing[0])
    return {ref: meter.id for ref, meter in found.items()}
