"""Payments and refunds as facts. What a payment is for is put together above this room."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.kernel.errors import Conflict
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import ZERO, require_minor_units
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind, Difference
from tallybook.server.ledger.rules.postings import move, to_ledger
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.pages import PageRequest, Rows

from . import orders, views
from .errors import (
    DuplicateExternalRefund,
    DuplicateExternalTransaction,
    MethodFixed,
    NotAnAmount,
    PaymentAccountMissing,
    PaymentAtProvider,
    PaymentNotDeletable,
    PaymentNotFound,
)
from .models import (
    PAID,
    Action,
    Payment,
    PaymentMethod,
    PaymentSource,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from .rules import refunds, transitions
from .store import payments as store

from_row = store.from_row
_DELETABLE = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
_EDITABLE = frozenset(
    {"payment_method", "external_transaction_id", "failure_reason", "notes", "metadata"}
)


def create(
    tx: Tx,
    space: SpaceId,
    *,
    customer_id: str,
    amount: Decimal,
    currency: str,
    at: datetime,
    source: PaymentSource = PaymentSource.MANUAL,
    payment_method: PaymentMethod | None = None,
    payment_date: date | None = None,
    description: str | None = None,
    external_transaction_id: str | None = None,
    invoice_id: str | None = None,
    contract_id: str | None = None,
    wallet_id: str | None = None,
    credits: Decimal | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Payment:
    """Record a pending payment; with a provider, it is charged to the customer's account there.

    Errors: DuplicateExternalTransaction; NotAnAmount; TooManyDecimals; AmountTooLarge;
    PaymentAccountMissing.
    """
    if amount <= 0:
        raise NotAnAmount()
    to_ledger(amount)
    payment = Payment(
        id=new_id("pay"),
        customer_id=customer_id,
        amount=require_minor_units(amount, currency),
        currency=currency,
        status=PaymentStatus.PENDING,
        created_at=at,
        updated_at=at,
        source=source,
        payment_method=payment_method,
        payment_date=payment_date or at.astimezone(identity.get_space(tx, space).zone).date(),
        description=description,
        external_transaction_id=external_transaction_id,
        provider=provider,
        invoice_id=invoice_id,
        contract_id=contract_id,
        wallet_id=wallet_id,
        credits=credits,
        metadata=dict(metadata or {}),
    )
    if not store.add(tx, space, payment):
        raise DuplicateExternalTransaction(external_transaction_id=external_transaction_id)
    if provider is not None:
        account = customers.get(tx, space, customer_id).payment_account
        if account is None or account.provider != provider:
            raise PaymentAccountMissing(provider=provider, customer_id=customer_id)
        orders.queue_charge(tx, space, payment, account)
    return payment


def get(tx: Tx, space: SpaceId, payment_id: str) -> Payment:
    """Errors: PaymentNotFound."""
    payment = store.find(tx, space, payment_id)
    if payment is None:
        raise PaymentNotFound(payment_id=payment_id)
    return payment


def lock(tx: Tx, space: SpaceId, payment_id: str) -> Payment:
    """Return the payment, held until the commit. Errors: PaymentNotFound."""
    payment = store.lock(tx, space, payment_id)
    if payment is None:
        raise PaymentNotFound(payment_id=payment_id)
    return payment


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    customer_id: str | None = None,
    contract_id: str | None = None,
    invoice_id: str | None = None,
) -> Rows:
    return store.list_page(
        tx,
        space,
        page,
        status=status,
        customer_id=customer_id,
        contract_id=contract_id,
        invoice_id=invoice_id,
    )


def list_open(tx: Tx, space: SpaceId, invoice_id: str) -> list[Payment]:
    """Return the payments of an invoice that may still be completed."""
    return store.list_open(tx, space, invoice_id)


def find_under_way(tx: Tx, space: SpaceId, invoice_id: str) -> Payment | None:
    """Return the payment of an invoice that a provider is at."""
    found = store.list_open(tx, space, invoice_id)
    return next((payment for payment in found if payment.provider is not None), None)


def keep_unpaid(tx: Tx, space: SpaceId, invoice_ids: Sequence[str]) -> None:
    """Note for gathered work which invoices have no payment at all."""
    store.keep_unpaid(tx, space, invoice_ids)


def require_own(payment: Payment) -> None:
    """Errors: PaymentAtProvider (not for us to say what becomes of it)."""
    if payment.provider is not None:
        raise PaymentAtProvider(
            payment_id=payment.id, provider=payment.provider, current_state=payment.status.value
        )


def note_reference(tx: Tx, space: SpaceId, payment_id: str, reference: str) -> None:
    """Show the provider's id as the external transaction id, where there is none."""
    before = lock(tx, space, payment_id)
    if before.external_transaction_id is None and not store.external_id_taken(
        tx, space, reference, by_other_than=payment_id
    ):
        after = replace(before, external_transaction_id=reference, version=before.version + 1)
        _save(tx, space, before, after)


def list_for_invoice(tx: Tx, space: SpaceId, invoice_id: str) -> list[Payment]:
    """Return all payments of an invoice, the oldest first."""
    return store.list_for_invoice(tx, space, invoice_id)


def list_refunds(tx: Tx, space: SpaceId, payment_ids: Collection[str]) -> dict[str, list[Refund]]:
    """Return the refunds of each payment, the oldest first."""
    return store.list_refunds(tx, space, payment_ids)


def count_recharges(tx: Tx, space: SpaceId, wallet_id: str, *, since: datetime) -> tuple[int, int]:
    """Return how many auto-recharges of a wallet are open, and how many began after `since`."""
    return store.count_recharges(tx, space, wallet_id, since=since)


def edit(
    tx: Tx, space: SpaceId, payment_id: str, fields: Mapping[str, Any], *, at: datetime
) -> Payment:
    """Change what a payment says of itself; its status has functions of its own.

    Errors: PaymentNotFound; MethodFixed; DuplicateExternalTransaction.
    """
    before = lock(tx, space, payment_id)
    changes = {name: value for name, value in fields.items() if name in _EDITABLE}
    if "metadata" in changes:
        merged = {**before.metadata, **changes["metadata"]}
        changes["metadata"] = {key: value for key, value in merged.items() if value is not None}
    method = changes.get("payment_method", before.payment_method)
    if method is not before.payment_method and PaymentMethod.WALLET in (
        method,
        before.payment_method,
    ):
        raise MethodFixed()
    external_id = changes.get("external_transaction_id")
    if external_id is not None and store.external_id_taken(
        tx, space, external_id, by_other_than=payment_id
    ):
        raise DuplicateExternalTransaction(external_transaction_id=external_id)
    after = replace(before, **changes)
    if after == before:
        return before
    return _save(tx, space, before, replace(after, updated_at=at, version=before.version + 1))


def complete(tx: Tx, space: SpaceId, payment_id: str, *, at: datetime) -> Payment:
    """The money is there: it stands in cash, unapplied until somebody says what it is for.

    A payment from a wallet books nothing here: the wallet has.
    Errors: IllegalPaymentTransition (complete already, among others).
    """
    payment = _go(tx, space, payment_id, Action.COMPLETE, at=at)
    if payment.payment_method is not PaymentMethod.WALLET:
        ledger.post(
            tx,
            space,
            key=f"payment:{payment.id}:completed",
            kind="payment.completed",
            reference=payment.id,
            at=at,
            postings=move(
                to_ledger(payment.amount),
                debit=_account(payment, AccountKind.CASH),
                credit=_account(payment, AccountKind.UNAPPLIED),
            ),
        )
    _announce(tx, space, "payment.completed", payment, at=at)
    return payment


def fail(
    tx: Tx, space: SpaceId, payment_id: str, *, reason: str | None = None, at: datetime
) -> Payment:
    """Errors: IllegalPaymentTransition."""
    payment = _go(tx, space, payment_id, Action.FAIL, reason=reason, at=at)
    _announce(tx, space, "payment.failed", payment, at=at)
    return payment


def cancel(tx: Tx, space: SpaceId, payment_id: str, *, at: datetime) -> Payment:
    """Errors: IllegalPaymentTransition."""
    return _go(tx, space, payment_id, Action.CANCEL, at=at)


def lose_track(tx: Tx, space: SpaceId, payment_id: str, *, at: datetime) -> Payment:
    """Nobody can say whether it went through. Errors: IllegalPaymentTransition."""
    return _go(tx, space, payment_id, Action.LOSE_TRACK, at=at)


def go_to(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    status: PaymentStatus,
    *,
    reason: str | None = None,
    at: datetime,
) -> Payment:
    """Bring a payment to a status that callers may set; where it is already, nothing happens.

    Errors: PaymentNotFound; IllegalPaymentTransition.
    """
    payment = lock(tx, space, payment_id)
    if payment.status is status:
        return payment
    match transitions.action_to(payment, status):
        case Action.COMPLETE:
            return complete(tx, space, payment_id, at=at)
        case Action.FAIL:
            return fail(tx, space, payment_id, reason=reason, at=at)
        case action:
            return _go(tx, space, payment_id, action, at=at)


def delete(tx: Tx, space: SpaceId, payment_id: str) -> None:
    """Remove a payment that no money came of. Errors: PaymentNotDeletable."""
    payment = lock(tx, space, payment_id)
    if payment.status is PaymentStatus.PENDING:
        require_own(payment)
    if payment.status not in _DELETABLE:
        raise PaymentNotDeletable(payment_id=payment_id, current_state=payment.status.value)
    store.remove(tx, space, payment_id)


def apply_to_invoice(
    tx: Tx, space: SpaceId, payment_id: str, amount: Decimal, *, at: datetime
) -> Payment:
    """Keep how much of a completed payment has paid its invoice."""
    before = lock(tx, space, payment_id)
    applied = before.amount_applied + amount
    after = replace(before, amount_applied=applied, updated_at=at, version=before.version + 1)
    return _save(tx, space, before, after)


def refund(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    *,
    amount: Decimal | None = None,
    at_most: Decimal | None = None,
    from_applied: Decimal = ZERO,
    reason: str | None = None,
    external_refund_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> tuple[Payment, Refund]:
    """Pay back a part of a payment, or all that is left; the money comes out of unapplied.

    `at_most` bounds it by what can still be taken back of what the payment bought or paid; the
    caller takes that back in the same transaction. `from_applied` of it had paid the invoice.
    A payment from a wallet books nothing here.
    Errors: IllegalPaymentTransition; RefundExceedsPayment; DuplicateExternalRefund.
    """
    before = lock(tx, space, payment_id)
    given = refunds.refund_amount(before, amount, at_most=at_most)
    after = refunds.refunded(before, given, from_applied=from_applied, at=at)
    after = _save(tx, space, before, after)
    made = Refund(
        id=new_id("ref"),
        payment_id=payment_id,
        amount=given,
        currency=before.currency,
        reason=reason,
        external_refund_id=external_refund_id,
        metadata=dict(metadata or {}),
        created_at=at,
        updated_at=at,
        status=RefundStatus.COMPLETED if before.provider is None else RefundStatus.PENDING,
    )
    if not store.add_refund(tx, space, made):
        raise DuplicateExternalRefund(external_refund_id=external_refund_id)
    if before.provider is not None:
        orders.queue_refund(tx, space, made, before)
    if before.payment_method is not PaymentMethod.WALLET:
        ledger.post(
            tx,
            space,
            key=f"refund:{made.id}",
            kind="payment.refunded",
            reference=payment_id,
            at=at,
            postings=move(
                to_ledger(given),
                debit=_account(before, AccountKind.UNAPPLIED),
                credit=_account(before, AccountKind.CASH),
            ),
        )
    if made.status is RefundStatus.COMPLETED:
        _announce(tx, space, "payment.refunded", after, at=at, refund=made)
    return after, made


def end_refund(
    tx: Tx,
    space: SpaceId,
    refund_id: str,
    status: RefundStatus,
    *,
    external_refund_id: str | None,
    at: datetime,
) -> Payment:
    """Say how a provider's refund ended; the caller holds the payment.

    One that failed is in cash again, unapplied: the caller says what becomes of the money.
    """
    refund = get_refund(tx, space, refund_id)
    before = lock(tx, space, refund.payment_id)
    shown = refund.external_refund_id or external_refund_id
    after_refund = replace(refund, status=status, external_refund_id=shown, updated_at=at)
    store.save_refund(tx, space, after_refund)
    if status is RefundStatus.COMPLETED:
        _announce(tx, space, "payment.refunded", before, at=at, refund=after_refund)
        return before
    after = _save(tx, space, before, refunds.returned(before, refund.amount, at=at))
    ledger.post(
        tx,
        space,
        key=f"refund:{refund_id}:failed",
        kind="payment.refund_failed",
        reference=before.id,
        at=at,
        postings=move(
            to_ledger(refund.amount),
            debit=_account(before, AccountKind.CASH),
            credit=_account(before, AccountKind.UNAPPLIED),
        ),
    )
    return after


def is_refundable(payment: Payment) -> bool:
    return payment.status in PAID


def get_refund(tx: Tx, space: SpaceId, refund_id: str) -> Refund:
    """Errors: PaymentNotFound."""
    found = store.find_refund(tx, space, refund_id)
    if found is None:
        raise PaymentNotFound(refund_id=refund_id)
    return found


def verify(tx: Tx, space: SpaceId | None = None) -> list[Difference]:
    """Return every payment whose refunds do not add up to what it says."""
    return [
        Difference(owner, "payment_refunds_add_up", payment_id, expected, actual)
        for owner, payment_id, expected, actual in store.sum_refunds(tx, space)
    ]


def _go(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    action: Action,
    *,
    reason: str | None = None,
    at: datetime,
) -> Payment:
    before = lock(tx, space, payment_id)
    after = transitions.transition(before, action, at=at)
    return _save(
        tx, space, before, after if reason is None else replace(after, failure_reason=reason)
    )


def _save(tx: Tx, space: SpaceId, before: Payment, after: Payment) -> Payment:
    if not store.save(tx, space, after, expected_version=before.version):
        raise Conflict(payment_id=before.id)
    return after


def _account(payment: Payment, kind: AccountKind) -> Account:
    return Account(kind, payment.currency, payment.customer_id)


def _announce(
    tx: Tx,
    space: SpaceId,
    event: str,
    payment: Payment,
    *,
    at: datetime,
    refund: Refund | None = None,
) -> None:
    customer = customers.get(tx, space, payment.customer_id)
    made = store.list_refunds(tx, space, [payment.id])[payment.id]
    data = views.announced(payment, made, external_id=customer.external_id, refund=refund)
    outbox.append(tx, space, event=event, object_id=payment.id, data=data, at=at)
