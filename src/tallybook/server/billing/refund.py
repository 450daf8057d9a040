"""Money that came in goes back: by the way that it came, or as credit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO, quantize_money
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind
from tallybook.server.ledger.rules.postings import move, to_ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import (
    Order,
    Outcome,
    Payment,
    PaymentMethod,
    Refund,
    RefundStatus,
)
from tallybook.server.payments.rules.orders import refund_after
from tallybook.server.payments.rules.refunds import refund_amount
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets

from .rules.refunds import Paid, split
from .standing import hold_with_subscriptions

REFUND: Final = "payment.refund"


class Destination(StrEnum):
    """Where a refund went."""

    WALLET = "wallet"
    PAYMENT = "payment"  # by the way that the money came
    INVOICE = "invoice"  # it lowered what was not paid yet


def refund_payment(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    *,
    amount: Decimal | None = None,
    reason: str | None = None,
    external_refund_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str,
    at: datetime,
) -> tuple[Refund, bool]:
    """Refund a payment: credit that it bought and that is unspent, then what paid its invoice.

    The invoice stays paid; what came from a wallet goes back there.
    Returns the refund, and whether the key had made it before.
    Errors: PaymentNotFound; IllegalPaymentTransition; RefundExceedsPayment; KeyReused.
    """
    about: dict[str, Any] = {
        "reason": reason,
        "external_refund_id": external_refund_id,
        "metadata": dict(metadata or {}),
    }
    print_ = print_of({"payment_id": payment_id, "amount": amount, **about})
    before = ledger.find_request(tx, space, operation=REFUND, key=key, fingerprint=print_)
    if before is not None:
        return payments.get_refund(tx, space, before), True
    payment = payments.get(tx, space, payment_id)
    if payment.invoice_id is not None:
        hold_with_subscriptions(tx, space, [invoicing.get(tx, space, payment.invoice_id)])
    payment = payments.lock(tx, space, payment_id)
    wallets.hold_bought(tx, space, payment_id, at)
    bought = wallets.refundable(tx, space, payment_id, payment.currency)
    at_most = bought + payment.amount_applied
    wanted = refund_amount(payment, amount, at_most=at_most)
    applied = max(wanted - bought, ZERO)
    paid = _paid(tx, space, _of_wallet(tx, space, payment))
    _, made = payments.refund(
        tx, space, payment_id, amount=wanted, from_applied=applied, at=at, **about
    )
    if applied:
        _unearn(tx, space, payment, applied, paid, key=f"refund:{made.id}", at=at)
    if wanted > applied:
        wallets.take_back(tx, space, payment_id, wanted - applied, key=made.id, at=at)
    ledger.keep_request(
        tx, space, operation=REFUND, key=key, fingerprint=print_, object_id=made.id, at=at
    )
    return made, False


def settle_refund(tx: Tx, space: SpaceId, order: Order, outcome: Outcome, *, at: datetime) -> None:
    """Say what became of a provider's refund. One that failed becomes credit, not silence."""
    payment = payments.lock(tx, space, order.payment_id)
    refund = payments.get_refund(tx, space, order.id)
    status = refund_after(refund.status, outcome.result)
    if status is None:
        return
    if status is RefundStatus.FAILED:
        wallets.hold_for(tx, space, payment, at=at)  # wallets before accounts, as everywhere
    after = payments.end_refund(
        tx, space, refund.id, status, external_refund_id=outcome.reference, at=at
    )
    if status is RefundStatus.FAILED:
        wallets.credit_payment(tx, space, after, amount=refund.amount, at=at)


def _unearn(
    tx: Tx,
    space: SpaceId,
    payment: Payment,
    amount: Decimal,
    paid: Paid,
    *,
    key: str,
    at: datetime,
) -> None:
    """Take from revenue what a payment had paid: to its wallet, or for who pays it out."""
    if payment.payment_method is not PaymentMethod.WALLET:
        _release(tx, space, payment, amount, AccountKind.REVENUE, key=key, at=at)
        return
    back = split(amount, paid, with_outside=False, currency=payment.currency)
    wallets.give_back(
        tx,
        space,
        payment.customer_id,
        payment.currency,
        purchased=back.purchased,
        free=back.free,
        key=key,
        at=at,
        wallet_id=payment.wallet_id,
        instead_of=AccountKind.REVENUE,
        description="Refund",
    )


def _of_wallet(tx: Tx, space: SpaceId, payment: Payment) -> list[Payment]:
    """Return what one wallet paid of the payment's invoice; nothing if it came from outside."""
    if payment.payment_method is not PaymentMethod.WALLET:
        return []
    paid = payments.list_for_invoice(tx, space, payment.invoice_id or "")
    return [one for one in paid if one.wallet_id == payment.wallet_id]


@dataclass(frozen=True, slots=True)
class Returned:
    """Where money went back to."""

    to_wallet: Decimal = ZERO
    to_payments: Decimal = ZERO


def paid_for(tx: Tx, space: SpaceId, invoice_id: str) -> Decimal:
    """Return how much has paid an invoice and was not given back."""
    found = payments.list_for_invoice(tx, space, invoice_id)
    return sum((payment.amount_applied for payment in found), ZERO)


def pay_back(
    tx: Tx,
    space: SpaceId,
    invoice: Invoice,
    amount: Decimal,
    *,
    to: Destination,
    instead_of: AccountKind,
    key: str,
    reason: str,
    at: datetime,
) -> Returned:
    """Give back an amount of what was paid for an invoice; the caller holds the invoice.

    What came from outside or was purchased credit comes back as purchased, the rest as free;
    with `to` payment, what came from outside goes back there first. `instead_of` is the account
    that owes it. An amount above `paid_for` is the caller's mistake.
    Source: semantics, choice 10.
    """
    found = payments.list_for_invoice(tx, space, invoice.id)
    held = [payments.lock(tx, space, one) for one in sorted(payment.id for payment in found)]
    held = [payment for payment in held if payment.amount_applied]
    newest_first = sorted(held, key=lambda one: (one.created_at, one.id), reverse=True)
    outside = [one for one in newest_first if one.payment_method is not PaymentMethod.WALLET]
    left = amount
    if to is Destination.PAYMENT:
        for payment, part in _divide(outside, left):
            _release(tx, space, payment, part, instead_of, key=f"{key}:{payment.id}", at=at)
            payments.refund(
                tx, space, payment.id, amount=part, from_applied=part, reason=reason, at=at
            )
            left -= part
    if not left:
        return Returned(to_payments=amount)
    again = [payments.get(tx, space, payment.id) for payment in newest_first]
    paid = _paid(tx, space, again)
    back = split(left, paid, with_outside=to is Destination.WALLET, currency=invoice.currency)
    for payment, part in _divide(again, left):
        payments.apply_to_invoice(tx, space, payment.id, -part, at=at)
    only = outside[0].id if len(held) == 1 and outside and not back.free else None
    wallets.give_back(
        tx,
        space,
        invoice.customer_id,
        invoice.currency,
        purchased=back.purchased,
        free=back.free,
        key=key,
        at=at,
        payment_id=only,
        instead_of=instead_of,
        reference=invoice.number,
        description=reason,
    )
    return Returned(to_wallet=left, to_payments=amount - left)


def _paid(tx: Tx, space: SpaceId, found: Sequence[Payment]) -> Paid:
    """Return how an invoice was paid, as far as it was not given back."""
    outside = through = was_through = ZERO
    wallet_ids = set()
    for payment in found:
        if payment.payment_method is PaymentMethod.WALLET:
            through += payment.amount_applied
            was_through += payment.amount
            wallet_ids.add(payment.wallet_id or "")
        else:
            outside += payment.amount_applied
    if not through:
        return Paid(outside, ZERO, ZERO)
    invoice_id, currency = found[0].invoice_id or "", found[0].currency
    bought = wallets.purchased_in_payments(tx, space, invoice_id, wallet_ids)
    share = Fraction(min(bought, was_through)) / Fraction(was_through)
    purchased = quantize_money(Fraction(through) * share, currency)
    return Paid(outside, purchased, through - purchased)


def _divide(found: Sequence[Payment], amount: Decimal) -> list[tuple[Payment, Decimal]]:
    """Return how much of an amount each payment gives back, the first as much as it can."""
    parts, left = [], amount
    for payment in found:
        if part := min(left, payment.amount_applied):
            parts.append((payment, part))
            left -= part
    return parts


def _release(
    tx: Tx,
    space: SpaceId,
    payment: Payment,
    amount: Decimal,
    instead_of: AccountKind,
    *,
    key: str,
    at: datetime,
) -> None:
    """Make money of a payment from outside unapplied again, so that it can be paid out."""
    ledger.post(
        tx,
        space,
        key=f"{key}:released",
        kind="payment.released",
        reference=payment.id,
        at=at,
        postings=move(
            to_ledger(amount),
            debit=Account(instead_of, payment.currency, payment.customer_id),
            credit=Account(AccountKind.UNAPPLIED, payment.currency, payment.customer_id),
        ),
    )
