"""Invoices: what customers owe."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Unpack

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NOT_GIVEN, NotGiven, given
from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import customer_fields, customer_filter, path
from tallybook.client.responses import to_bytes, to_text
from tallybook.client.types import invoices as types
from tallybook.client.types.usage import UsageEvent
from tallybook.wire import invoices as wire

from .pages import Page
from .resources import Object, Resource
from .verbs import listing, raw

Day = date | str
DayOrInstant = date | datetime | str


class Invoice(Object, wire.Invoice):
    """What a customer owes, line by line."""

    def send(self, **options: Unpack[WriteOptions]) -> "Invoice":
        """Mark the invoice as sent, and announce it."""
        return self._client.invoices.send(self.id, **options)

    def pay(self, wallet_id: str | None = None, **options: Unpack[WriteOptions]) -> "Invoice":
        """Pay all that is due from the customer's wallets, or from one; all or nothing.

        Errors: InsufficientBalanceError; ConflictError, unless it is open.
        """
        return self._client.invoices.pay(self.id, wallet_id, **options)

    def finalize(
        self, *, send_email: bool | NotGiven = NOT_GIVEN, **options: Unpack[WriteOptions]
    ) -> "Invoice":
        """Number the draft and freeze it."""
        return self._client.invoices.finalize(self.id, send_email=send_email, **options)

    def void(self, *, reason: str, **options: Unpack[WriteOptions]) -> "Invoice":
        """Waive the invoice; it must be open, and nothing of it paid."""
        return self._client.invoices.void(self.id, reason=reason, **options)


class Invoices(Resource):
    """`client.invoices`."""

    @cached_property
    def with_raw_response(self) -> "InvoicesRaw":
        return InvoicesRaw(self)

    def create(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        issue_date: Day | NotGiven = NOT_GIVEN,
        line_items: Sequence[types.LineItem] | NotGiven = NOT_GIVEN,
        contract_id: str | NotGiven | None = NOT_GIVEN,
        subscription_id: str | NotGiven | None = NOT_GIVEN,
        due_date: Day | NotGiven | None = NOT_GIVEN,
        period_start: DayOrInstant | NotGiven | None = NOT_GIVEN,
        period_end: DayOrInstant | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven | None = NOT_GIVEN,
        type: wire.InvoiceType | NotGiven = NOT_GIVEN,
        status: str | NotGiven = NOT_GIVEN,
        subtotal: DecimalInput | NotGiven | None = NOT_GIVEN,
        total: DecimalInput | NotGiven | None = NOT_GIVEN,
        tax_rate: DecimalInput | NotGiven | None = NOT_GIVEN,
        taxes: Sequence[types.Tax] | NotGiven | None = NOT_GIVEN,
        notes: str | NotGiven | None = NOT_GIVEN,
        auto_finalize: bool | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, Json] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Invoice:
        """Return the new invoice; `status="open"` and `auto_finalize` finalize it at once.

        Without line_items, a total makes one line that add_line_item itemizes.
        Errors: UnprocessableEntityError `amount_mismatch`, where figures do not add up.
        """
        body = customer_fields(customer_id, customer_external_id) | given(
            issue_date=issue_date,
            line_items=types.line_items(line_items),
            contract_id=contract_id,
            subscription_id=subscription_id,
            due_date=due_date,
            period_start=period_start,
            period_end=period_end,
            currency=currency,
            type=type,
            status=status,
            subtotal=decimal(subtotal),
            total=decimal(total),
            tax_rate=decimal(tax_rate),
            taxes=types.taxes(taxes),
            notes=notes,
            auto_finalize=auto_finalize,
            metadata=metadata,
        )
        return self._write("POST", "/invoices", Invoice, options, body)

    def get(self, id: str, **options: Unpack[CallOptions]) -> Invoice:
        """Return an invoice with its lines and taxes."""
        return self._get(path("invoices", id), Invoice, options)

    @listing
    def list(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        status: wire.InvoiceFilter | None = None,
        contract_id: str | None = None,
        subscription_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[Invoice]:
        """Return invoices, newest first; `past_due` are the open ones past their due date."""
        query = customer_filter(customer_id, customer_external_id) | {
            name: value
            for name, value in (
                ("status", status),
                ("contract_id", contract_id),
                ("subscription_id", subscription_id),
            )
            if value is not None
        }
        return self._list("/invoices", Invoice, options, query)

    def update(
        self,
        id: str,
        *,
        issue_date: Day | NotGiven = NOT_GIVEN,
        line_items: Sequence[types.LineItem] | NotGiven = NOT_GIVEN,
        contract_id: str | NotGiven | None = NOT_GIVEN,
        subscription_id: str | NotGiven | None = NOT_GIVEN,
        due_date: Day | NotGiven | None = NOT_GIVEN,
        period_start: DayOrInstant | NotGiven | None = NOT_GIVEN,
        period_end: DayOrInstant | NotGiven | None = NOT_GIVEN,
        currency: str | NotGiven = NOT_GIVEN,
        subtotal: DecimalInput | NotGiven | None = NOT_GIVEN,
        total: DecimalInput | NotGiven | None = NOT_GIVEN,
        tax_rate: DecimalInput | NotGiven | None = NOT_GIVEN,
        taxes: Sequence[types.Tax] | NotGiven | None = NOT_GIVEN,
        notes: str | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, Json | None] | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Invoice:
        """Return the draft with the given fields changed; line_items and taxes replace whole.

        Errors: ConflictError, where the invoice is no draft any more.
        """
        body = given(
            issue_date=issue_date,
            line_items=types.line_items(line_items),
            contract_id=contract_id,
            subscription_id=subscription_id,
            due_date=due_date,
            period_start=period_start,
            period_end=period_end,
            currency=currency,
            subtotal=decimal(subtotal),
            total=decimal(total),
            tax_rate=decimal(tax_rate),
            taxes=types.taxes(taxes),
            notes=notes,
            metadata=metadata,
        )
        return self._write("PATCH", path("invoices", id), Invoice, options, body)

    def add_line_item(
        self,
        id: str,
        *,
        description: str,
        unit_price: DecimalInput,
        quantity: DecimalInput | NotGiven = NOT_GIVEN,
        subtotal: DecimalInput | NotGiven = NOT_GIVEN,
        discount: DecimalInput | NotGiven = NOT_GIVEN,
        tax: DecimalInput | NotGiven = NOT_GIVEN,
        total: DecimalInput | NotGiven = NOT_GIVEN,
        contract_id: str | NotGiven = NOT_GIVEN,
        source_type: str | NotGiven = NOT_GIVEN,
        source_id: str | NotGiven = NOT_GIVEN,
        agent_id: str | NotGiven = NOT_GIVEN,
        feature_id: str | NotGiven = NOT_GIVEN,
        meter_id: str | NotGiven = NOT_GIVEN,
        pricing_model: str | NotGiven = NOT_GIVEN,
        period_start: DayOrInstant | NotGiven = NOT_GIVEN,
        period_end: DayOrInstant | NotGiven = NOT_GIVEN,
        included_units_used: DecimalInput | NotGiven = NOT_GIVEN,
        billable_units: DecimalInput | NotGiven = NOT_GIVEN,
        tier_number: int | NotGiven = NOT_GIVEN,
        sort_order: int | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Invoice:
        """Return the invoice with one line more: a draft, or an open one made from a total.

        Errors: ConflictError; UnprocessableEntityError, for more than is left of the total.
        """
        line = given(
            description=description,
            unit_price=unit_price,
            quantity=quantity,
            subtotal=subtotal,
            discount=discount,
            tax=tax,
            total=total,
            contract_id=contract_id,
            source_type=source_type,
            source_id=source_id,
            agent_id=agent_id,
            feature_id=feature_id,
            meter_id=meter_id,
            pricing_model=pricing_model,
            period_start=period_start,
            period_end=period_end,
            included_units_used=included_units_used,
            billable_units=billable_units,
            tier_number=tier_number,
            sort_order=sort_order,
        )
        address = path("invoices", id, "line-items")
        return self._write("POST", address, Invoice, options, types.line_item(line))

    def finalize(
        self,
        id: str,
        *,
        send_email: bool | NotGiven = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> Invoice:
        """Return the invoice with its number, frozen; paid, if there is nothing to pay."""
        body = given(send_email=send_email)
        address = path("invoices", id, "finalize")
        return self._write("POST", address, Invoice, options, body)

    def void(self, id: str, *, reason: str, **options: Unpack[WriteOptions]) -> Invoice:
        """Return the invoice, waived. Errors: ConflictError, unless it is open and unpaid."""
        body = {"reason": reason}
        return self._write("POST", path("invoices", id, "void"), Invoice, options, body)

    def send(self, id: str, **options: Unpack[WriteOptions]) -> Invoice:
        """Return the invoice, marked as sent. Errors: ConflictError (a draft or void one)."""
        return self._write("POST", path("invoices", id, "send"), Invoice, options)

    def pay(
        self, id: str, wallet_id: str | None = None, **options: Unpack[WriteOptions]
    ) -> Invoice:
        """Return the invoice, paid whole from the customer's wallets, or from one.

        Errors: InsufficientBalanceError; ConflictError, unless it is open.
        """
        body = {} if wallet_id is None else {"wallet_id": wallet_id}
        return self._write("POST", path("invoices", id, "pay"), Invoice, options, body)

    def preview(
        self,
        *,
        customer_id: str | None = None,
        customer_external_id: str | None = None,
        contract_id: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> types.InvoicePreview:
        """Return what would be billed now; nothing is written."""
        body = customer_fields(customer_id, customer_external_id)
        if contract_id is not None:
            body["contract_id"] = contract_id
        return self._write("POST", "/invoices/preview", types.InvoicePreview, options, body)

    def explain(
        self, id: str, line_id: str | None = None, **options: Unpack[CallOptions]
    ) -> types.InvoiceExplanation:
        """Return why each line, or one, has its amount: terms and arithmetic."""
        address = path("invoices", id, "explanation")
        query = {"line_id": line_id}
        return self._get(address, types.InvoiceExplanation, options, query)

    def get_pdf(self, id: str, **options: Unpack[CallOptions]) -> bytes:
        """Return the invoice as a PDF."""
        return self._call("GET", path("invoices", id, "pdf"), to_bytes, options)

    def get_html(self, id: str, **options: Unpack[CallOptions]) -> str:
        """Return the invoice as a page that needs nothing else."""
        return self._call("GET", path("invoices", id, "html"), to_text, options)

    @listing
    def list_emails(self, id: str, **options: Unpack[ListOptions]) -> Page[types.InvoiceEmail]:
        """Return the mails about the invoice, the oldest first, and what became of them."""
        return self._list(path("invoices", id, "emails"), types.InvoiceEmail, options)

    @listing
    def list_line_events(
        self, id: str, line_id: str, **options: Unpack[ListOptions]
    ) -> Page[UsageEvent]:
        """Return the events that a usage line bills, by their time, the newest first."""
        address = path("invoices", id, "lines", line_id, "events")
        return self._list(address, UsageEvent, options)


class InvoicesRaw:
    """The verbs of `client.invoices`, each answering an APIResponse."""

    def __init__(self, invoices: Invoices) -> None:
        self.create = raw(invoices.create)
        self.get = raw(invoices.get)
        self.list = raw(invoices.list)
        self.update = raw(invoices.update)
        self.add_line_item = raw(invoices.add_line_item)
        self.finalize = raw(invoices.finalize)
        self.void = raw(invoices.void)
        self.send = raw(invoices.send)
        self.pay = raw(invoices.pay)
        self.preview = raw(invoices.preview)
        self.explain = raw(invoices.explain)
        self.get_pdf = raw(invoices.get_pdf)
        self.get_html = raw(invoices.get_html)
        self.list_emails = raw(invoices.list_emails)
        self.list_line_events = raw(invoices.list_line_events)
