"""Payments, as answers and webhooks show them."""

from collections.abc import Sequence
from typing import Any

from tallybook.wire import payments as wire

from .models import Payment, Refund


def to_wire(payment: Payment, refunds: Sequence[Refund]) -> wire.Payment:
    return wire.Payment(
        id=payment.id,
        customer_id=payment.customer_id,
        amount=payment.amount,
        amount_refunded=payment.amount_refunded,
        currency=payment.currency,
        status=payment.status.value,
        source=payment.source.value,
        payment_method=payment.payment_method and payment.payment_method.value,
        payment_date=payment.payment_date,
        description=payment.description,
        notes=payment.notes,
        failure_reason=payment.failure_reason,
        external_transaction_id=payment.external_transaction_id,
        provider=payment.provider,
        invoice_id=payment.invoice_id,
        contract_id=payment.contract_id,
        wallet_id=payment.wallet_id,
        credits=payment.credits,
        completed_at=payment.completed_at,
        refunds=[refund_to_wire(refund) for refund in refunds],
        metadata=dict(payment.metadata),
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def refund_to_wire(refund: Refund) -> wire.Refund:
    return wire.Refund(
        id=refund.id,
        payment_id=refund.payment_id,
        amount=refund.amount,
        currency=refund.currency,
        status=refund.status.value,
        reason=refund.reason,
        external_refund_id=refund.external_refund_id,
        metadata=dict(refund.metadata),
        created_at=refund.created_at,
        updated_at=refund.updated_at,
    )


def announced(
    payment: Payment,
    refunds: Sequence[Refund],
    *,
    external_id: str | None,
    refund: Refund | None,
) -> dict[str, Any]:
    """The data of `payment.completed`, `.failed` and `.refunded`."""
    shown = to_wire(payment, refunds).model_dump(mode="json")
    data: dict[str, Any] = {
        "payment_id": payment.id,
        "customer_id": payment.customer_id,
        "customer_external_id": external_id,
        "invoice_id": payment.invoice_id,
        "amount": shown["amount"],
        "currency": payment.currency,
        "status": payment.status.value,
        "payment": shown,
    }
    if refund is not None:
        data["refund"] = refund_to_wire(refund).model_dump(mode="json")
    return data
