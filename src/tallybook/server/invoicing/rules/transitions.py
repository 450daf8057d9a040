"""The states of an invoice: one table, one function."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.invoicing.errors import IllegalInvoiceTransition
from tallybook.server.invoicing.models import Action, Invoice, InvoiceStatus

_S = InvoiceStatus
_A = Action

TRANSITIONS: Final[Mapping[tuple[InvoiceStatus, Action], InvoiceStatus]] = {
    (_S.DRAFT, _A.FINALIZE): _S.OPEN,
    (_S.OPEN, _A.PAY_WHOLE): _S.PAID,
    (_S.OPEN, _A.VOID): _S.VOID,
    (_S.OPEN, _A.MARK_UNCOLLECTIBLE): _S.UNCOLLECTIBLE,
    (_S.UNCOLLECTIBLE, _A.PAY_WHOLE): _S.PAID,
    (_S.PAID, _A.REVERSE_PAYMENT): _S.OPEN,
}
_STAMPS: Final[Mapping[Action, str]] = {
    _A.FINALIZE: "finalized_at",
    _A.PAY_WHOLE: "paid_at",
    _A.REVERSE_PAYMENT: "paid_at",
    _A.VOID: "voided_at",
    _A.MARK_UNCOLLECTIBLE: "uncollectible_at",
}


def target(status: InvoiceStatus, action: Action) -> InvoiceStatus | None:
    """Return the state that an action leads to, None where it is not allowed."""
    return TRANSITIONS.get((status, action))


def transition(invoice: Invoice, action: Action, *, at: datetime) -> Invoice:
    """Return the invoice in its new state; the one given stays as it was.

    Errors: IllegalInvoiceTransition.
    """
    status = target(invoice.status, action)
    if status is None:
        raise IllegalInvoiceTransition(
            invoice_id=invoice.id, current_state=invoice.status.value, action=action.value
        )
    stamp: dict[str, Any] = {_STAMPS[action]: None if action is _A.REVERSE_PAYMENT else at}
    return replace(touched(invoice, at=at), status=status, **stamp)


def touched(invoice: Invoice, *, at: datetime) -> Invoice:
    """Return the invoice as its next version."""
    return replace(invoice, updated_at=at, version=invoice.version + 1)
