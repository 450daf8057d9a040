"""What an invoice posts in the ledger."""

from decimal import Decimal

from tallybook.server.invoicing.models import CreditNote, Invoice
from tallybook.server.ledger.models import Account, AccountKind, Posting
from tallybook.server.ledger.rules.postings import to_ledger


def of_finalized(invoice: Invoice) -> list[Posting]:
    """Return the postings of a finalized invoice: the customer owes revenue and tax."""
    return _postings(invoice, sign=1)


def of_credited(note: CreditNote) -> list[Posting]:
    """Return the postings of a credit note: less revenue and tax, less that the customer owes."""
    return _of_credit(note, sign=1)


def of_voided_credit(note: CreditNote) -> list[Posting]:
    """Return the postings that take those of a credit note back."""
    return _of_credit(note, sign=-1)


def _of_credit(note: CreditNote, *, sign: int) -> list[Posting]:
    def posting(kind: AccountKind, amount: Decimal) -> Posting:
        return Posting(Account(kind, note.currency, note.customer_id), sign * to_ledger(amount))

    return [
        posting(AccountKind.REVENUE, note.figures.subtotal),
        posting(AccountKind.TAX, note.figures.tax_total),
        posting(AccountKind.RECEIVABLE, -note.figures.total),
    ]


def of_voided(invoice: Invoice) -> list[Posting]:
    """Return the postings that take those of a finalized invoice back."""
    return _postings(invoice, sign=-1)


def _postings(invoice: Invoice, *, sign: int) -> list[Posting]:
    def posting(kind: AccountKind, micros: int) -> Posting:
        account = Account(kind, invoice.currency, invoice.customer_id)
        return Posting(account, sign * micros)

    return [
        posting(AccountKind.RECEIVABLE, to_ledger(invoice.total)),
        posting(AccountKind.REVENUE, -to_ledger(invoice.subtotal)),
        posting(AccountKind.TAX, -to_ledger(invoice.tax_total)),
    ]
