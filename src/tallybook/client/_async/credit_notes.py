"""Credit notes: corrections of finalized invoices."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_filter, path
from tallybook.client.responses import to_bytes, to_text
from tallybook.client.types.credit_notes import CreditNote, CreditNoteLine
from tallybook.wire import credit_notes as wire

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncCreditNotes(AsyncResource):
    """`client.credit_notes`."""

    @cached_property
    def with_raw_response(self) -> "AsyncCreditNotesRaw":
        return AsyncCreditNotesRaw(self)

    async def create(
        self,
        invoice_id: str,
        *,
        lines: Sequence[CreditNoteLine] | NotGiven = NOT_GIVEN,
        amount: DecimalInput | NotGiven = NOT_GIVEN,
        reason: str,
        memo: str | NotGiven = NOT_GIVEN,
        refund_to: wire.RefundTo | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> CreditNote:
        """Correct an invoice by lines, by an amount, or by all that is left of it.

        Amounts are net of tax, in major units; the note adds the tax. What is unpaid is lowered
        first; what was paid goes to the wallet, or with `refund_to="payment"` back as it came.
        Errors: ConflictError (a draft or void invoice); UnprocessableEntityError
        `credit_exceeds_invoice`.
        """
        body = given(
            invoice_id=invoice_id,
            lines=lines,
            amount=decimal(amount),
            reason=reason,
            memo=memo,
            refund_to=refund_to,
            metadata=metadata,
        )
        return await self._write("POST", "/credit-notes", CreditNote, options, body)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> CreditNote:
        """Return the credit note with its lines and taxes."""
        return await self._get(path("credit-notes", id), CreditNote, options)

    @listing
    async def list(
        self,
        *,
        status: wire.CreditNoteStatus | None = None,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        invoice_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[CreditNote]:
        """Return credit notes, newest first."""
        query = {
            **customer_filter(customer_id, customer_external_id),
            "status": status,
            "invoice_id": invoice_id,
        }
        return await self._list("/credit-notes", CreditNote, options, query)

    async def void(
        self, id: str, *, reason: str | NotGiven = NOT_GIVEN, **options: Unpack[WriteOptions]
    ) -> CreditNote:
        """Take the credit note back; what it had lowered is due again.

        Errors: ConflictError `credit_given_back`: money went to the customer.
        """
        target = path("credit-notes", id, "void")
        return await self._write("POST", target, CreditNote, options, given(reason=reason))

    async def get_pdf(self, id: str, **options: Unpack[CallOptions]) -> bytes:
        """Return the credit note as a PDF."""
        return await self._call("GET", path("credit-notes", id, "pdf"), to_bytes, options)

    async def get_html(self, id: str, **options: Unpack[CallOptions]) -> str:
        """Return the credit note as a page that needs nothing else."""
        return await self._call("GET", path("credit-notes", id, "html"), to_text, options)


class AsyncCreditNotesRaw:
    """`client.credit_notes.with_raw_response`."""

    def __init__(self, resource: AsyncCreditNotes) -> None:
        self.create = raw(resource.create)
        self.get = raw(resource.get)
        self.list = raw(resource.list)
        self.void = raw(resource.void)
        self.get_pdf = raw(resource.get_pdf)
        self.get_html = raw(resource.get_html)
