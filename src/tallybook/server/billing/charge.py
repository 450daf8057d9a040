"""What a provider said about what it was asked to do becomes true here."""

import logging
from datetime import datetime

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode, Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import WORK_DUE, InvoiceStatus
from tallybook.server.payments import orders
from tallybook.server.payments import service as payments
from tallybook.server.payments.errors import PaymentNotFound
from tallybook.server.payments.models import (
    FINAL,
    Gateway,
    Notice,
    Order,
    OrderKind,
    Outcome,
    PaymentStatus,
    Result,
)
from tallybook.server.payments.rules.orders import payment_after
from tallybook.server.storage import Tx, due

from . import dun
from .collect import fall_past_due
from .refund import settle_refund
from .standing import hold_with_subscriptions
from .take_payment import set_status

log = logging.getLogger("tallybook.payments")


def settle(tx: Tx, order: Order, outcome: Outcome, *, now: datetime) -> None:
    """Write what came of an attempt, unless somebody has made another since. `now` is real."""
    if orders.settle(tx, order, outcome, now=now):
        _apply(tx, order, outcome, now=now)


def take_notice(tx: Tx, gateway: Gateway, mode: Mode, notice: Notice, *, now: datetime) -> bool:
    """Take what a provider told; False where it is nobody's here, or was taken before.

    `mode` is that of the secret it was signed with: live orders hear live signatures only.
    """
    order = orders.hold(tx, notice.order_id)
    if order is None or order.provider != gateway.provider:
        return False
    if identity.get_space(tx, order.space).mode is not mode:
        return False
    if not orders.note_event(tx, order, notice.id, now=now):
        return False
    outcome = gateway.judge(order, notice)
    if outcome.result in FINAL:
        orders.close(tx, order, outcome)
        _apply(tx, order, outcome, now=now)
    return True


def _apply(tx: Tx, order: Order, outcome: Outcome, *, now: datetime) -> None:
    space = identity.get_space(tx, order.space)
    if order.kind is OrderKind.REFUND:
        settle_refund(tx, space.id, order, outcome, at=space.now(now))
        return
    try:
        _settle_charge(tx, space, order, outcome, at=space.now(now))
    except PaymentNotFound:  # it had failed, and was deleted
        log.warning("%s is told of, and was deleted: %s", order.payment_id, outcome)


def _settle_charge(tx: Tx, space: Space, order: Order, outcome: Outcome, *, at: datetime) -> None:
    payment = payments.get(tx, space.id, order.payment_id)
    if payment.invoice_id is not None:
        hold_with_subscriptions(tx, space.id, [invoicing.get(tx, space.id, payment.invoice_id)])
    payment = payments.lock(tx, space.id, payment.id)
    target = payment_after(payment.status, outcome.result)
    if target is None:
        if outcome.result is Result.SUCCEEDED and payment.status is PaymentStatus.FAILED:
            log.error("%s had failed, and was paid after all: refund it there", payment.id)
        return
    reason = outcome.reason if target is PaymentStatus.FAILED else None
    set_status(tx, space.id, payment.id, target, reason=reason, at=at)
    if target is PaymentStatus.FAILED and payment.invoice_id is not None:
        _go_on_unpaid(tx, space, payment.invoice_id, at=at)


def _go_on_unpaid(tx: Tx, space: Space, invoice_id: str, *, at: datetime) -> None:
    """A charge has failed: the invoice is due at once, or its dunning goes on."""
    invoice = invoicing.get(tx, space.id, invoice_id)
    if invoice.status is not InvoiceStatus.OPEN or not dun.is_charged(invoice):
        return
    if invoice.past_due_at is None:
        fall_past_due(tx, space.id, invoice, at=at)
        due.cancel(tx, space.id, kind=WORK_DUE, subject_id=invoice_id)  # it was tried just now
    else:
        dun.go_on(tx, space, invoice, now=at)
