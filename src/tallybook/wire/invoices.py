"""Invoices: what customers owe, line by line."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .absent import absent
from .base import (
    Amount,
    Currency,
    CustomerChoice,
    Day,
    DayOrInstant,
    Dec,
    Instant,
    Metadata,
    Name,
    NonNegative,
    Ref,
    Request,
    Response,
    Text,
)
from .limits import LINES_MAX
from .prices import PricingModel, PricingModelInput
from .projects import TaxRounding

InvoiceType = Literal["manual", "cycle", "change", "final", "adjustment"]
InvoiceStatus = Literal["draft", "open", "paid", "void", "uncollectible"]
InvoiceFilter = Literal["draft", "open", "paid", "void", "uncollectible", "past_due"]
CollectionMethod = Literal["charge_automatically", "send_invoice"]
LineKind = Literal["base_fee", "usage", "charge", "true_up", "adjustment", "lump", "manual"]

_SORT_ORDER_MAX = 1_000_000


def _share(value: Decimal) -> Decimal:
    if value > 1:
        raise ValueError("must be a share: 0.08 is 8 %")
    return value


Share = Annotated[NonNegative, AfterValidator(_share)]
Description = Annotated[Text, StringConstraints(min_length=1, pattern=r"\S")]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=255)]


class LineItemInput(Request):
    """One line: quantity × unit_price − discount, rounded once to the currency.

    `subtotal`, `total` and `tax` are checked against that, never taken instead of it.
    """

    description: Description
    quantity: NonNegative = Decimal(1)
    unit_price: Dec
    """Money for one unit, up to 12 decimal places; below zero on a line that gives money back."""
    subtotal: Dec | None = None
    discount: NonNegative | None = None
    tax: Dec | None = None
    """Where the invoice names no tax, the tax of this line; else a check of its share."""
    total: Dec | None = None
    """`subtotal` − `discount`; tax stands beside it."""
    contract_id: Ref | None = None
    source_type: Label | None = None
    source_id: Label | None = None
    agent_id: Ref | None = None
    feature_id: Label | None = None
    meter_id: Ref | None = None
    pricing_model: PricingModelInput | None = None
    period_start: DayOrInstant | None = None
    period_end: DayOrInstant | None = None
    """As a date it is inclusive."""
    included_units_used: NonNegative | None = None
    billable_units: NonNegative | None = None
    tier_number: Annotated[int, Field(ge=1, le=LINES_MAX)] | None = None
    sort_order: Annotated[int, Field(ge=0, le=_SORT_ORDER_MAX)] | None = None


class TaxInput(Request):
    """A tax on the invoice. `amount` is checked against taxable_amount × rate."""

    name: Name
    rate: Share
    taxable_amount: NonNegative | None = None
    """The part of the subtotal that it is on; without it, the whole."""
    amount: NonNegative | None = None


LineItems = Annotated[list[LineItemInput], Field(max_length=LINES_MAX)]
Taxes = Annotated[list[TaxInput], Field(max_length=100)]


class InvoiceCreate(CustomerChoice):
    """A new invoice. Without lines, a total makes an invoice that can be itemized later."""

    issue_date: Day | None = None
    line_items: LineItems = Field(default_factory=list)
    contract_id: Ref | None = None
    subscription_id: Ref | None = None
    due_date: Day | None = None
    period_start: DayOrInstant | None = None
    period_end: DayOrInstant | None = None
    """As a date it is inclusive."""
    currency: Currency | None = None
    type: InvoiceType = "manual"
    status: Literal["draft", "open"] = "draft"
    subtotal: NonNegative | None = None
    total: NonNegative | None = None
    tax_rate: Share | None = None
    """One tax on everything; `taxes` names several. Not both."""
    taxes: Taxes | None = None
    notes: Text | None = None
    auto_finalize: bool = False
    """Finalize at once; `status="open"` means the same."""
    metadata: Metadata = Field(default_factory=dict)


class InvoiceUpdate(Request):
    """The fields of a draft to change (`model_fields_set`); null clears where null is allowed.

    `line_items` and `taxes` replace what was there whole; `metadata` is merged.
    """

    issue_date: Day = absent()
    line_items: LineItems = absent()
    contract_id: Ref | None = absent()
    subscription_id: Ref | None = absent()
    due_date: Day | None = absent()
    period_start: DayOrInstant | None = absent()
    period_end: DayOrInstant | None = absent()
    currency: Currency = absent()
    subtotal: NonNegative | None = absent()
    total: NonNegative | None = absent()
    tax_rate: Share | None = absent()
    taxes: Taxes | None = absent()
    notes: Text | None = absent()
    metadata: Metadata = absent()


class InvoiceFinalize(Request):
    """How to finalize."""

    send_email: bool = False


class InvoiceVoid(Request):
    """Why an invoice is waived."""

    reason: Annotated[Text, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class InvoicePay(Request):
    """From which wallet to pay; without it, all in the currency, the default one first."""

    wallet_id: Ref | None = None


class InvoicePreviewCreate(CustomerChoice):
    """Whose next invoice to work out."""

    contract_id: Ref | None = None


class LineItem(Response):
    """One line of an invoice."""

    id: str
    kind: LineKind | str
    description: str
    quantity: Dec
    unit_price: Dec | None = None
    subtotal: Amount
    discount: Amount
    tax: Amount
    total: Amount
    contract_id: str | None = None
    subscription_id: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    agent_id: str | None = None
    feature_id: str | None = None
    meter_id: str | None = None
    pricing_model: PricingModel | str | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    """Exclusive."""
    included_units_used: Dec | None = None
    billable_units: Dec | None = None
    tier_number: int | None = None
    sort_order: int
    late: bool = False
    """An adjustment for usage that came after its period was invoiced."""
    corrects_invoice_id: str | None = None


class Tax(Response):
    """A tax of an invoice; a rate of None means that the lines brought the amount."""

    name: str
    rate: Dec | None = None
    taxable_amount: Amount
    amount: Amount


class Invoice(Response):
    """What a customer owes. `status` stays `open` when it is past due; `past_due` tells."""

    id: str
    number: str | None = None
    """Given when it is finalized; without gaps."""
    customer_id: str
    subscription_id: str | None = None
    contract_id: str | None = None
    type: InvoiceType | str
    status: InvoiceStatus | str
    past_due: bool = False
    currency: str
    issue_date: date
    due_date: date | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    """Exclusive."""
    line_items: list[LineItem]
    taxes: list[Tax]
    tax_rate: Dec | None = None
    """Where there is one tax and it is on everything."""
    tax_rounding: TaxRounding | str = "invoice"
    """Whether tax was rounded once on the whole invoice, or on each line."""
    subtotal: Amount
    tax_total: Amount
    total: Amount
    amount_paid: Amount
    amount_credited: Amount = Decimal(0)
    """What credit notes lowered it by."""
    amount_due: Amount
    collection_method: CollectionMethod | str
    payment_terms: int
    held_reason: str | None = None
    """Why a generated draft waits for a person."""
    notes: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    void_reason: str | None = None
    sent_at: Instant | None = None
    finalized_at: Instant | None = None
    paid_at: Instant | None = None
    voided_at: Instant | None = None
    uncollectible_at: Instant | None = None
    created_at: Instant
    updated_at: Instant
    version: int


class InvoiceEmail(Response):
    """A mail about an invoice, and what became of it."""

    id: str
    kind: Literal["invoice", "reminder"] | str
    recipient: str
    status: Literal["queued", "sent", "failed", "skipped"] | str
    """`skipped`: no mail server was set."""
    attempts: int
    last_error: str | None = None
    created_at: Instant
    sent_at: Instant | None = None


class InvoicePreview(Response):
    """What would be billed now; nothing is written."""

    amount: Amount
    currency: str
    line_items: list[LineItem]
    taxes: list[Tax]
    period_start: Instant | None = None
    period_end: Instant | None = None


class LineExplanation(Response):
    """Why a line has its amount: its terms, and the arithmetic step by step."""

    line_id: str
    description: str
    kind: LineKind | str
    amount: Amount
    terms: dict[str, Any]
    """The terms it was priced on, as they stood, and where they come from."""
    steps: list[str]
    events: str | None = None
    """The path, below the API's root, that lists the events behind it by cursor; of usage."""


class InvoiceExplanation(Response):
    """Why an invoice has its total."""

    invoice_id: str
    currency: str
    total: Amount
    lines: list[LineExplanation]
    steps: list[str]
    """From the lines to the total."""


class InvoiceEvent(Response):
    """The data of an `invoice.…` event."""

    invoice_id: str
    customer_id: str
    customer_external_id: str | None = None
    subscription_id: str | None = None
    invoice: Invoice
    attempt: int | None = None
    """Of `invoice.past_due`: how often it was tried again; 0 as it falls due."""
    next_attempt_at: Instant | None = None
    """When it is tried again; None: then it is given up, or nothing is set to happen."""
