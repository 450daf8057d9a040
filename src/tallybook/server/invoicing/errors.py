"""How invoicing says no."""

from tallybook.server.kernel.errors import Conflict, InvalidInput, NotFound


class InvoiceNotFound(NotFound):
    """There is no such invoice."""

    code = "invoice_not_found"


class InvoiceLineNotFound(NotFound):
    """This invoice has no such line."""

    code = "invoice_line_not_found"


class IllegalInvoiceTransition(Conflict):
    """An invoice that is {current_state} cannot do this."""

    code = "invalid_state_transition"


class InvoiceFrozen(Conflict):
    """An invoice that is {current_state} cannot be edited: correct it with a credit note."""

    code = "invalid_state_transition"


class InvoiceChanged(Conflict):
    """Somebody else has changed the invoice; read it again."""

    code = "version_conflict"


class InvoicePartlyPaid(Conflict):
    """{amount_paid} {currency} of this invoice are paid: refund that, or write a credit note."""

    code = "invoice_has_payments"


class InvoicePartlyCredited(Conflict):
    """{amount_credited} {currency} of this invoice are credited: credit the rest instead."""

    code = "invoice_has_credit_notes"


class CreditNoteNotFound(NotFound):
    """There is no such credit note."""

    code = "credit_note_not_found"


class CreditNoteKept(Conflict):
    """A credit note that is {current_state} cannot be voided."""

    code = "invalid_state_transition"


class CreditGivenBack(Conflict):
    """Money was given back for this credit note: bill it with a new invoice instead."""

    code = "credit_given_back"


class AlreadyInvoiced(Conflict):
    """This period of the subscription has its {type} invoice."""

    code = "already_exists"


class AmountMismatch(InvalidInput):
    """{field} is given as {given}, and the lines make it {computed}."""

    code = "amount_mismatch"


class LumpTooSmall(InvalidInput):
    """The item is more than what is left to itemize: {left} {currency}."""

    code = "amount_mismatch"
    field = "/total"


class DiscountTooLarge(InvalidInput):
    """A discount is between zero and the line's subtotal, {subtotal}."""

    code = "validation_failed"


class TaxGivenTwice(InvalidInput):
    """Give tax_rate or taxes, not both; and each tax of one name and rate once."""

    code = "validation_failed"
    field = "/taxes"


class TaxableTooLarge(InvalidInput):
    """The taxable amount is between zero and the sum of the lines, {subtotal}."""

    code = "validation_failed"


class TotalNeedsSubtotal(InvalidInput):
    """Where an invoice without lines bears tax, give its subtotal: tax comes on top of it."""

    code = "validation_failed"


class NegativeInvoice(InvalidInput):
    """The lines add up to {subtotal}: an invoice is never below zero, a credit note is."""

    code = "negative_total"


class TooManyLines(InvalidInput):
    """An invoice has at most {lines_max} lines."""

    code = "too_many_lines"


class NothingToInvoice(InvalidInput):
    """An invoice without lines is not finalized."""

    code = "no_line_items"


class CurrencyNeedsLines(InvalidInput):
    """These lines were priced in {currency}: give line_items in the new currency."""

    code = "validation_failed"


class PeriodBackwards(InvalidInput):
    """A period ends after it starts."""

    code = "validation_failed"


class NotTheCustomers(InvalidInput):
    """The {what} belongs to another customer."""

    code = "validation_failed"


class CreditExceedsInvoice(InvalidInput):
    """Of this invoice only {creditable} {currency} (net of tax) can be credited."""

    code = "credit_exceeds_invoice"
    field = "/amount"


class CreditNotPaidFor(InvalidInput):
    """Only {available} {currency} of this invoice are unpaid, or paid and not given back."""

    code = "credit_exceeds_invoice"


class NotAnAmount(InvalidInput):
    """A payment is more than zero."""

    code = "validation_failed"
    field = "/amount"


class MoreThanDue(InvalidInput):
    """Only {amount_due} {currency} of this invoice are due."""

    code = "amount_exceeds_due"
    field = "/amount"
