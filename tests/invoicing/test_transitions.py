"""Every pair of a state and an action."""

from itertools import product

import pytest

from tallybook.server.invoicing.errors import IllegalInvoiceTransition
from tallybook.server.invoicing.models import Action, InvoiceStatus
from tallybook.server.invoicing.rules.transitions import transition

from .examples import AT, an_invoice

S, A = InvoiceStatus, Action
ALLOWED = {
    (S.DRAFT, A.FINALIZE): (S.OPEN, "finalized_at"),
    (S.OPEN, A.PAY_WHOLE): (S.PAID, "paid_at"),
    (S.OPEN, A.VOID): (S.VOID, "voided_at"),
    (S.OPEN, A.MARK_UNCOLLECTIBLE): (S.UNCOLLECTIBLE, "uncollectible_at"),
    (S.UNCOLLECTIBLE, A.PAY_WHOLE): (S.PAID, "paid_at"),
    (S.PAID, A.REVERSE_PAYMENT): (S.OPEN, None),
}


@pytest.mark.parametrize(("status", "action"), [*product(S, A)])
def test_each_state_takes_its_actions_and_no_others(status: S, action: A) -> None:
    invoice = an_invoice(status=status)
    if (status, action) not in ALLOWED:
        with pytest.raises(IllegalInvoiceTransition) as refused:
            transition(invoice, action, at=AT)
        assert refused.value.details["current_state"] == status.value
        return
    target, stamp = ALLOWED[status, action]
    after = transition(invoice, action, at=AT)
    assert (after.status, after.version) == (target, invoice.version + 1)
    assert stamp is None or getattr(after, stamp) == AT
    assert invoice.status is status
