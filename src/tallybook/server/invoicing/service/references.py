"""What an invoice names must be there, in the same space, and the customer's own."""

from dataclasses import replace

from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterNotFound
from tallybook.server.storage import Tx


def check_references(tx: Tx, space: SpaceId, invoice: Invoice) -> Invoice:
    """Return the invoice with the meters of its lines as ids.

    Errors: MeterNotFound.
    """
    named = {line.meter_id for line in invoice.lines if line.meter_id is not None}
    if not named:
        return invoice
    found = meters.find_meters(tx, space, named)
    if missing := sorted(named - found.keys()):
        raise MeterNotFound(meter=missing[0])
    lines = [
        line if line.meter_id is None else replace(line, meter_id=found[line.meter_id].id)
        for line in invoice.lines
    ]
    return replace(invoice, lines=tuple(lines))
