"""Results of credit notes, and what their lines take."""

from typing import NotRequired, TypedDict

from tallybook.client.encoding import DecimalInput
from tallybook.client.responses import Result
from tallybook.wire import credit_notes as wire


class CreditNote(Result, wire.CreditNote):
    """A correction of a finalized invoice."""


class CreditNoteLine(TypedDict):
    """What to credit of one line; without an amount (net of tax), all that is left of it."""

    line_id: str
    amount: NotRequired[DecimalInput]
    description: NotRequired[str]
