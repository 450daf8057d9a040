"""Money comes in: for an invoice, what it does not need as credit; and recovery follows."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.errors import IllegalInvoiceTransition
from tallybook.server.invoicing.models import PAYABLE, Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind
from tallybook.server.ledger.rules.postings import move, to_ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.payments import service as payments
from tallybook.server.payments.errors import PaymentUnderWay
from tallybook.server.payments.models import (
    Payment,
    PaymentMethod,
    PaymentSource,
    PaymentStatus,
)
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.models import WalletPayment

from .errors import InvoiceCurrencyDiffers, InvoiceOfAnother
from .standing import hold_payable, hold_with_subscriptions, review

PAY: Final = "invoice.pay"


def pay_invoice(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    *,
    wallet_id: str | None = None,
    amount: Decimal | None = None,
    key: str,
    at: datetime,
) -> tuple[Invoice, bool]:
    """Pay all that is due (or `amount` of it) from the wallets, or nothing.

    Returns the invoice, and whether this key had paid before.
    Errors: InvoiceNotFound; IllegalInvoiceTransition (not open); InsufficientWalletBalance;
    PaymentUnderWay;
    WalletNotFound; WalletCurrencyMismatch; KeyReused.
    Source: semantics, choice 24.
    """
    print_ = _print_of(invoice_id, wallet_id, amount)
    done = ledger.find_request(tx, space, operation=PAY, key=key, fingerprint=print_)
    if done is not None:
        return invoicing.get(tx, space, invoice_id), True
    invoice = _hold(tx, space, invoice_id)
    if invoice.status not in PAYABLE:
        raise IllegalInvoiceTransition(
            invoice_id=invoice.id, current_state=invoice.status.value, action="pay"
        )
    _check_free(tx, space, invoice)
    wanted = invoice.amount_due if amount is None else min(amount, invoice.amount_due)
    parts = wallets.pay_from(
        tx,
        space,
        invoice.customer_id,
        invoice.currency,
        wanted,
        key=f"{invoice.id}:{key}",
        at=at,
        wallet_id=wallet_id,
        invoice_id=invoice.id,
        reference=invoice.number,
    )
    booked = [_book(tx, space, invoice, part, at=at) for part in parts]
    paid = invoicing.apply_payment(tx, space, invoice.id, wanted, at=at)
    ledger.keep_request(
        tx,
        space,
        operation=PAY,
        key=key,
        fingerprint=print_,
        object_id=booked[0].id,
        at=at,
    )
    review(tx, space, paid, at=at)
    return paid, False


def _print_of(invoice_id: str, wallet_id: str | None, amount: Decimal | None) -> bytes:
    return print_of({"invoice_id": invoice_id, "wallet_id": wallet_id, "amount": amount})


def _book(
    tx: Tx, space: SpaceId, invoice: Invoice, part: WalletPayment, *, at: datetime
) -> Payment:
    """Record what one wallet gave as a completed payment of the invoice."""
    payment = payments.create(
        tx,
        space,
        customer_id=invoice.customer_id,
        amount=part.amount,
        currency=invoice.currency,
        source=PaymentSource.INVOICE,
        payment_method=PaymentMethod.WALLET,
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        wallet_id=part.wallet_id,
        at=at,
    )
    payments.complete(tx, space, payment.id, at=at)
    return payments.apply_to_invoice(tx, space, payment.id, part.amount, at=at)


def pay_part(
    tx: Tx, space: SpaceId, invoice_id: str, *, amount: Decimal, key: str, at: datetime
) -> tuple[Payment, bool]:
    """Pay an amount of an invoice from the wallets; return the payment, and whether it is old.

    Where several wallets gave, each has a payment; this is the first one's.
    Errors: those of `pay_invoice`.
    """
    _, is_old = pay_invoice(tx, space, invoice_id, amount=amount, key=key, at=at)
    print_ = _print_of(invoice_id, None, amount)
    payment_id = ledger.find_request(tx, space, operation=PAY, key=key, fingerprint=print_)
    assert payment_id is not None  # kept by `pay_invoice`
    return payments.get(tx, space, payment_id), is_old


def receive(
    tx: Tx,
    space: SpaceId,
    *,
    invoice_id: str,
    customer_id: str,
    amount: Decimal,
    currency: str | None,
    status: PaymentStatus,
    key: str,
    at: datetime,
    payment_method: PaymentMethod | None = None,
    payment_date: date | None = None,
    description: str | None = None,
    external_transaction_id: str | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Payment, bool]:
    """Record a payment for an invoice; return it, and whether the key had made it before.

    Errors: InvoiceNotFound; InvoiceOfAnother; InvoiceCurrencyDiffers; IllegalInvoiceTransition;
    DuplicateExternalTransaction; KeyReused.
    """
    about = {"invoice_id": invoice_id, "customer_id": customer_id, "amount": amount}
    about |= {"currency": currency, "status": status, "provider": provider}
    print_ = print_of({**about, "external_transaction_id": external_transaction_id})
    before = ledger.find_request(tx, space, operation="payment.create", key=key, fingerprint=print_)
    if before is not None:
        return payments.get(tx, space, before), True
    invoice = _hold(tx, space, invoice_id)
    _check_taker(invoice, customer_id, currency)
    if provider is not None:
        _check_free(tx, space, invoice)
    payment = payments.create(
        tx,
        space,
        customer_id=customer_id,
        amount=amount,
        currency=invoice.currency,
        source=PaymentSource.INVOICE,
        payment_method=payment_method,
        payment_date=payment_date,
        description=description,
        external_transaction_id=external_transaction_id,
        provider=provider,
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        metadata=metadata,
        at=at,
    )
    ledger.keep_request(
        tx,
        space,
        operation="payment.create",
        key=key,
        fingerprint=print_,
        object_id=payment.id,
        at=at,
    )
    return set_status(tx, space, payment.id, status, at=at), False


def _check_free(tx: Tx, space: SpaceId, invoice: Invoice) -> None:
    """Errors: PaymentUnderWay (a provider is at a payment of it)."""
    under_way = payments.find_under_way(tx, space, invoice.id)
    if under_way is not None:
        raise PaymentUnderWay(payment_id=under_way.id, provider=under_way.provider)


def _check_taker(invoice: Invoice, customer_id: str, currency: str | None) -> None:
    """Refuse a payment that the invoice cannot take."""
    if invoice.customer_id != customer_id:
        raise InvoiceOfAnother(invoice_id=invoice.id, customer_id=customer_id)
    if currency is not None and currency != invoice.currency:
        raise InvoiceCurrencyDiffers(invoice_currency=invoice.currency, currency=currency)
    if invoice.status not in PAYABLE:
        raise IllegalInvoiceTransition(
            invoice_id=invoice.id, current_state=invoice.status.value, action="pay"
        )


def set_status(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    status: PaymentStatus,
    *,
    reason: str | None = None,
    at: datetime,
) -> Payment:
    """Bring a payment to a status; completed, it pays its invoice, and the rest is credit.

    Errors: PaymentNotFound; IllegalPaymentTransition.
    """
    before = payments.get(tx, space, payment_id)
    if before.invoice_id is None:
        if status is PaymentStatus.COMPLETED:
            hold_payable(tx, space, before.customer_id, before.currency)
        payment = wallets.set_status(tx, space, payment_id, status, reason=reason, at=at)
        if payment.status is PaymentStatus.COMPLETED and before.status is not payment.status:
            from .collect import retry_open

            retry_open(tx, space, payment.customer_id, payment.currency, at=at)
        return payment
    invoice = _hold(tx, space, before.invoice_id)
    before = payments.lock(tx, space, payment_id)
    payment = payments.go_to(tx, space, payment_id, status, reason=reason, at=at)
    if payment.status is PaymentStatus.COMPLETED and before.status is not payment.status:
        _apply(tx, space, payment, invoice, at=at)
    return payment


def _hold(tx: Tx, space: SpaceId, invoice_id: str) -> Invoice:
    """Hold an invoice, its subscription before it. Errors: InvoiceNotFound."""
    invoice = invoicing.get(tx, space, invoice_id)
    return hold_with_subscriptions(tx, space, [invoice])[invoice_id]


def _apply(tx: Tx, space: SpaceId, payment: Payment, invoice: Invoice, *, at: datetime) -> None:
    """Put a completed payment on its invoice; over-payment becomes credit, never silent."""
    part = min(payment.amount, invoice.amount_due) if invoice.status in PAYABLE else ZERO
    if part:
        ledger.post(
            tx,
            space,
            key=f"payment:{payment.id}:applied",
            kind="payment.applied",
            reference=payment.id,
            at=at,
            postings=move(
                to_ledger(part),
                debit=Account(AccountKind.UNAPPLIED, payment.currency, payment.customer_id),
                credit=Account(AccountKind.RECEIVABLE, payment.currency, payment.customer_id),
            ),
        )
        payments.apply_to_invoice(tx, space, payment.id, part, at=at)
        paid = invoicing.apply_payment(tx, space, invoice.id, part, at=at)
        review(tx, space, paid, at=at)
    if part < payment.amount:
        wallets.credit_payment(tx, space, payment, amount=payment.amount - part, at=at)
