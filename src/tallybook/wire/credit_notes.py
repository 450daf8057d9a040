"""Credit notes: corrections of finalized invoices."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from .base import Amount, Dec, Instant, Metadata, Ref, Request, Response, Text
from .invoices import Description
from .limits import LINES_MAX

CreditNoteStatus = Literal["issued", "void"]
RefundTo = Literal["wallet", "payment"]
CreditDestination = Literal["invoice", "wallet", "payment"]
Reason = Annotated[Text, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class CreditNoteLineInput(Request):
    """What to credit of one line of the invoice; without an amount, all that is left of it."""

    line_id: Ref
    amount: Dec | None = None
    """Net of tax, in major units."""
    description: Description | None = None


class CreditNoteCreate(Request):
    """A correction by lines, by an amount, or, with neither, of all that is left."""

    invoice_id: Ref
    lines: Annotated[list[CreditNoteLineInput], Field(max_length=LINES_MAX)] | None = None
    amount: Dec | None = None
    """Net of tax, in major units: the note adds the invoice's taxes in proportion."""
    reason: Reason
    memo: Text | None = None
    refund_to: RefundTo = "wallet"
    """Where what was paid goes back to; what is unpaid is lowered first."""
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _not_both(self) -> "CreditNoteCreate":
        if self.lines and self.amount is not None:
            raise ValueError("give lines or amount, not both")
        return self


class CreditNoteVoid(Request):
    """Why a credit note is taken back."""

    reason: Reason | None = None


class CreditNoteLine(Response):
    """One line of a credit note."""

    id: str
    line_id: str | None = None
    """Of the invoice; None where an amount was credited as a whole."""
    description: str
    amount: Amount
    """Net of tax."""
    tax: Amount
    total: Amount


class CreditNoteTax(Response):
    """The part of one of the invoice's taxes that is given back."""

    name: str
    rate: Dec | None = None
    amount: Amount


class CreditNote(Response):
    """A correction of a finalized invoice.

    `total` = `amount_to_invoice` + `amount_to_wallet` + `amount_refunded`.
    """

    id: str
    number: str
    """`CN-000001`; without gaps."""
    invoice_id: str
    customer_id: str
    currency: str
    status: CreditNoteStatus | str
    reason: str
    memo: str | None = None
    lines: list[CreditNoteLine]
    taxes: list[CreditNoteTax]
    subtotal: Amount
    tax_total: Amount
    total: Amount
    amount_to_invoice: Amount = Decimal(0)
    """Lowered what was due."""
    amount_to_wallet: Amount = Decimal(0)
    amount_refunded: Amount = Decimal(0)
    """Went back by the way that it was paid."""
    destination: CreditDestination | str
    """Where it went; where to several places, the last that it reached."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    void_reason: str | None = None
    voided_at: Instant | None = None
    created_at: Instant
    updated_at: Instant
