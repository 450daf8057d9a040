"""How payments say no."""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class PaymentNotFound(NotFound):
    """There is no such payment."""

    code = "payment_not_found"


class InvoiceNotFound(NotFound):
    """There is no such invoice."""

    code = "invoice_not_found"


class IllegalPaymentTransition(Conflict):
    """A payment that is {current_state} cannot do this."""

    code = "invalid_state_transition"


class DuplicateExternalTransaction(Conflict):
    """Another payment has the external transaction id {external_transaction_id}."""

    code = "duplicate_external_transaction_id"


class DuplicateExternalRefund(Conflict):
    """Another refund has the external refund id {external_refund_id}."""

    code = "duplicate_external_refund_id"


class PaymentNotDeletable(Conflict):
    """A payment that is {current_state} stays in the books: refund it instead."""

    code = "payment_not_deletable"


class RefundExceedsPayment(InvalidInput):
    """Only {refundable} {currency} of this payment can be refunded."""

    code = "refund_exceeds_payment"


class NotAnAmount(InvalidInput):
    """A payment is more than zero."""

    code = "validation_failed"


class MethodFixed(InvalidInput):
    """Whether a payment is made from a wallet cannot be changed."""

    code = "validation_failed"
