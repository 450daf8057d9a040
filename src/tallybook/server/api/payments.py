"""Payments over HTTP."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from tallybook.server.billing import refund, take_payment
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.payments import service as payments
from tallybook.server.payments import views
from tallybook.server.payments.errors import (
    DuplicateExternalTransaction,
    IllegalPaymentTransition,
    PaymentNotDeletable,
    PaymentNotFound,
)
from tallybook.server.payments.models import Payment, PaymentMethod, PaymentStatus
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.wire import payments as wire
from tallybook.wire.base import Page

from .bodies import StrictRoute
from .calls import IDEMPOTENT, Read, ReadCall, Write, WriteCall
from .errors import IdempotencyKeyMissing
from .pages import Paging, page_request, to_page
from .problems import responses
from .wallets import OfCustomer, given

router = APIRouter(prefix="/payments", tags=["payments"], route_class=StrictRoute)
SORTS = ("created_at", "updated_at")


@router.post(
    "",
    response_model=wire.Payment,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, CustomerNotFound, DuplicateExternalTransaction),
    operation_id="payments.create",
)
def create_payment(body: wire.PaymentCreate, write: Write) -> Response:
    """Record a payment. Completed, what no invoice takes becomes purchased wallet credit.

    With a `provider` the customer's payment account there is charged, after this answer.
    """
    key = write.require_key()

    def work(tx: Tx) -> wire.Payment:
        customer = customers.resolve(
            tx,
            write.space,
            customer_id=body.customer_id,
            customer_external_id=body.customer_external_id,
        )
        if body.invoice_id is not None:
            payment, is_old = _for_invoice(tx, write, customer.id, body.invoice_id, body, key)
            _note(tx, is_old)
            return _shown(tx, write, payment)
        payment, is_old = wallets.receive(
            tx,
            write.space,
            customer_id=customer.id,
            amount=body.amount,
            currency=body.currency,
            payment_method=body.payment_method and PaymentMethod(body.payment_method),
            payment_date=body.payment_date,
            description=body.description,
            external_transaction_id=body.external_transaction_id,
            provider=body.provider,
            status=PaymentStatus(body.status),
            metadata=body.metadata,
            key=key,
            at=write.now,
        )
        _note(tx, is_old)
        return _shown(tx, write, payment)

    return write(work, status=201)


@router.get("", response_model=Page[wire.Payment], operation_id="payments.list")
def list_payments(
    read: Read,
    paging: Paging,
    of: OfCustomer,
    status: wire.PaymentStatus | None = None,
    contract_id: str | None = None,
    invoice_id: str | None = None,
) -> Response:
    """List payments, newest first."""
    page = page_request(read, paging, SORTS)

    def work(tx: Tx) -> Page[wire.Payment]:
        rows = payments.list_page(
            tx,
            read.space,
            page,
            status=status,
            customer_id=of.find(tx, read.space),
            contract_id=contract_id,
            invoice_id=invoice_id,
        )
        refunds = payments.list_refunds(tx, read.space, [row["id"] for row in rows.rows])

        def shape(row: Mapping[Any, Any]) -> wire.Payment:
            return views.to_wire(payments.from_row(row), refunds[row["id"]])

        return to_page(read, page, rows, shape)

    return read(work)


@router.get(
    "/{payment_id}",
    response_model=wire.Payment,
    responses=responses(PaymentNotFound),
    operation_id="payments.get",
)
def get_payment(payment_id: str, read: Read) -> Response:
    """Return a payment with its refunds."""
    return read(lambda tx: _shown(tx, read, payments.get(tx, read.space, payment_id)))


@router.patch(
    "/{payment_id}",
    response_model=wire.Payment,
    responses=responses(IdempotencyKeyMissing, PaymentNotFound, IllegalPaymentTransition),
    operation_id="payments.update",
)
def update_payment(payment_id: str, body: wire.PaymentUpdate, write: Write) -> Response:
    """Change the given fields; completing a payment credits what no invoice takes."""
    write.require_key()
    fields = given(body)
    status = fields.pop("status", None)
    if fields.get("payment_method") is not None:
        fields["payment_method"] = PaymentMethod(fields["payment_method"])

    def work(tx: Tx) -> wire.Payment:
        payment = payments.edit(tx, write.space, payment_id, fields, at=write.now)
        if status is not None:
            payments.require_own(payment)
            payment = take_payment.set_status(
                tx, write.space, payment_id, PaymentStatus(status), at=write.now
            )
        return _shown(tx, write, payment)

    return write(work)


@router.delete(
    "/{payment_id}",
    status_code=204,
    response_model=None,
    responses=responses(PaymentNotFound, PaymentNotDeletable),
    operation_id="payments.delete",
)
def delete_payment(payment_id: str, write: Write) -> Response:
    """Delete a payment that no money came of; one that was paid is refunded instead."""
    return write(lambda tx: payments.delete(tx, write.space, payment_id))


@router.post(
    "/{payment_id}/refunds",
    response_model=wire.Refund,
    status_code=201,
    responses=responses(IdempotencyKeyMissing, PaymentNotFound, IllegalPaymentTransition),
    operation_id="payments.refund",
)
def refund_payment(payment_id: str, body: wire.RefundCreate, write: Write) -> Response:
    """Refund a payment, or a part: credit that it bought, then what paid its invoice."""
    key = write.require_key()

    def work(tx: Tx) -> wire.Refund:
        made, is_old = refund.refund_payment(
            tx,
            write.space,
            payment_id,
            amount=body.amount,
            reason=body.reason,
            external_refund_id=body.external_refund_id,
            metadata=body.metadata,
            key=key,
            at=write.now,
        )
        _note(tx, is_old)
        return views.refund_to_wire(made)

    return write(work, status=201)


def _for_invoice(
    tx: Tx,
    write: WriteCall,
    customer_id: str,
    invoice_id: str,
    body: wire.PaymentCreate,
    key: str,
) -> tuple[Payment, bool]:
    method = body.payment_method and PaymentMethod(body.payment_method)
    if method is PaymentMethod.WALLET:
        return take_payment.pay_part(
            tx, write.space, invoice_id, amount=body.amount, key=key, at=write.now
        )
    return take_payment.receive(
        tx,
        write.space,
        invoice_id=invoice_id,
        customer_id=customer_id,
        amount=body.amount,
        currency=body.currency,
        payment_method=method,
        payment_date=body.payment_date,
        description=body.description,
        external_transaction_id=body.external_transaction_id,
        provider=body.provider,
        status=PaymentStatus(body.status),
        metadata=body.metadata,
        key=key,
        at=write.now,
    )


def _note(tx: Tx, is_old: bool) -> None:
    if is_old:
        tx.notes[IDEMPOTENT] = True


def _shown(tx: Tx, call: ReadCall, payment: Payment) -> wire.Payment:
    refunds = payments.list_refunds(tx, call.space, [payment.id])
    return views.to_wire(payment, refunds[payment.id])
