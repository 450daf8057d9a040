"""What needs several rooms, over HTTP: preview an invoice, pay one, delete a customer."""

from fastapi import APIRouter, Response

from tallybook.server.billing.close_customer import close_customer
from tallybook.server.billing.preview import preview
from tallybook.server.billing.take_payment import pay_invoice
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerInUse, CustomerNotFound
from tallybook.server.invoicing import views
from tallybook.server.invoicing.errors import IllegalInvoiceTransition, InvoiceNotFound
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.errors import ContractNotFound
from tallybook.server.wallets.errors import InsufficientWalletBalance
from tallybook.wire import invoices as wire

from .bodies import StrictRoute
from .calls import IDEMPOTENT, Read, Write
from .errors import IdempotencyKeyMissing
from .paths import PathCustomer
from .problems import responses

router = APIRouter(tags=["billing"], route_class=StrictRoute)


@router.post(
    "/invoices/preview",
    response_model=wire.InvoicePreview,
    responses=responses(CustomerNotFound, ContractNotFound),
    operation_id="invoices.preview",
)
def preview_invoice(body: wire.InvoicePreviewCreate, read: Read) -> Response:
    """Work out what a customer owes and was not invoiced; nothing is written.

    Of a contract in draft it is the first invoice that its activation brings.
    """

    def work(tx: Tx) -> wire.InvoicePreview:
        customer = customers.resolve(
            tx,
            read.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        found = preview(tx, read.where, customer, contract_id=body.contract_id, at=read.now)
        return views.preview(
            found.figures,
            currency=found.currency,
            period_start=found.period_start,
            period_end=found.period_end,
        )

    return read(work)


@router.post(
    "/invoices/{invoice_id}/pay",
    response_model=wire.Invoice,
    responses=responses(
        IdempotencyKeyMissing, InvoiceNotFound, IllegalInvoiceTransition, InsufficientWalletBalance
    ),
    operation_id="invoices.pay",
)
def pay(invoice_id: str, write: Write, body: wire.InvoicePay | None = None) -> Response:
    """Pay all that is due from the customer's wallets, or nothing."""
    key = write.require_key()

    def work(tx: Tx) -> wire.Invoice:
        invoice, is_old = pay_invoice(
            tx,
            write.space,
            invoice_id,
            wallet_id=None if body is None else body.wallet_id,
            key=key,
            at=write.now,
        )
        if is_old:
            tx.notes[IDEMPOTENT] = True
        return views.to_wire(invoice, now=write.now)

    return write(work)


@router.delete(
    "/customers/{customer_id}",
    status_code=204,
    response_model=None,
    responses=responses(CustomerNotFound, CustomerInUse),
    operation_id="customers.delete",
)
@router.delete(
    "/customers/external/{customer_external_id:path}",
    status_code=204,
    response_model=None,
    responses=responses(CustomerNotFound, CustomerInUse),
    operation_id="customers.delete_by_external_id",
)
def delete_customer(who: PathCustomer, write: Write) -> Response:
    """Archive a customer and free its external id, if nothing runs and nothing is owed."""

    def work(tx: Tx) -> None:
        customer = who.resolve(tx, write.space)
        close_customer(tx, write.space, customer.id, at=write.now)

    return write(work)
