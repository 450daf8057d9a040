"""How payments say no."""

from tallybook.server.kernel.errors import Conflict, InvalidInput, Malformed, NotFound, Unavailable


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
    field = "/amount"


class NotAnAmount(InvalidInput):
    """A payment is more than zero."""

    code = "validation_failed"
    field = "/amount"


class MethodFixed(InvalidInput):
    """Whether a payment is made from a wallet cannot be changed."""

    code = "validation_failed"
    field = "/payment_method"


class PaymentAtProvider(Conflict):
    """What becomes of this payment is for {provider} to say."""

    code = "payment_at_provider"


class PaymentUnderWay(Conflict):
    """A payment of this invoice is under way at {provider}: wait for what comes of it."""

    code = "payment_under_way"


class PaymentAccountMissing(InvalidInput):
    """The customer has no payment account at {provider}."""

    code = "payment_account_missing"
    field = "/provider"


class NotChargeable(InvalidInput):
    """{amount} {currency} cannot be charged: the provider takes steps of {step}."""

    code = "amount_not_chargeable"


class BadSignature(Malformed):
    """The signature does not belong to this body, or is too old."""

    code = "invalid_signature"


class ProviderNotConfigured(Unavailable):
    """This server cannot check what {provider} sends: set {setting}."""

    code = "provider_not_configured"
