"""Who sells to whom, for documents."""

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.invoicing.models import Invoice, Parties, Party
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.seller import service as sellers
from tallybook.server.seller.rules.addresses import lines_of
from tallybook.server.storage import Tx


def parties_of(tx: Tx, space: SpaceId, invoice: Invoice) -> Parties:
    """Return what an invoice says of both: as they were when it was finalized; of a draft, now."""
    return invoice.parties or parties_now(tx, space, invoice.customer_id)


def parties_now(tx: Tx, space: SpaceId, customer_id: str) -> Parties:
    """Return the seller of a space and a customer, as both are now."""
    seller, customer = sellers.get(tx, space), customers.get(tx, space, customer_id)
    name = seller.legal_name or _project_name(tx, space)
    lines = "\n".join(lines_of(seller)) or None
    return Parties(
        seller=Party(name, lines, seller.country, seller.tax_id, seller.email),
        buyer=Party(customer.name, customer.address, tax_id=customer.tax_id, email=customer.email),
        payment_instructions=seller.payment_instructions,
        footer=seller.footer,
        logo=None if seller.logo is None else seller.logo.sha256,
    )


def _project_name(tx: Tx, space: SpaceId) -> str:
    return identity.get_project(tx, identity.get_space(tx, space).project_id).name
