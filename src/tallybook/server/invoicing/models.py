"""Facts about invoices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from tallybook.server.identity.models import TaxRounding

PAYMENT_TERMS_DAYS: Final = 30
WORK_DUE: Final = "invoice.due"  # the kind of due work at an open invoice's `due_at`
WORK_DUN: Final = "invoice.dun"  # at each of the days after it
SOURCE_CHARGE: Final = "plan_charge"  # the source_type of a line that bills a plan charge


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"  # given up on, and still payable


PAYABLE: Final = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})


class Action(StrEnum):
    FINALIZE = "finalize"
    PAY_WHOLE = "pay_whole"
    REVERSE_PAYMENT = "reverse_payment"
    VOID = "void"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"


class InvoiceType(StrEnum):
    """What an invoice was made for; of the generated ones there is one a period."""

    MANUAL = "manual"
    CYCLE = "cycle"  # the start of a subscription and each renewal
    CHANGE = "change"  # a contract version that begins within a period
    FINAL = "final"
    ADJUSTMENT = "adjustment"  # late usage of a subscription that is over


class CollectionMethod(StrEnum):
    CHARGE_AUTOMATICALLY = "charge_automatically"
    SEND_INVOICE = "send_invoice"


class LineKind(StrEnum):
    BASE_FEE = "base_fee"
    USAGE = "usage"
    CHARGE = "charge"
    TRUE_UP = "true_up"
    ADJUSTMENT = "adjustment"
    LUMP = "lump"  # an amount without items; `add_line_item` itemizes it
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """What a line is for, apart from its money. The same before and after it is worked out."""

    description: str
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None  # major units, up to 12 places; None where tiers priced it
    kind: LineKind = LineKind.MANUAL
    contract_id: str | None = None
    subscription_id: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    agent_id: str | None = None
    feature_id: str | None = None
    meter_id: str | None = None
    pricing_model: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None  # exclusive
    period_number: int | None = None  # of the subscription's period that the line bills
    included_units_used: Decimal | None = None
    billable_units: Decimal | None = None
    tier_number: int | None = None
    late: bool = False  # an adjustment for usage that came after its period was invoiced
    corrects_invoice_id: str | None = None
    pricing: Mapping[str, Any] = field(default_factory=dict)  # what explains the amount for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine(LineFacts):
    """A line to be worked out.

    Its amount is quantity × unit_price, or `amount` where rating has done the arithmetic.
    `subtotal`, `total` and `tax` are what the caller believes; they are checked, not trusted.
    """

    id: str = ""
    sort_order: int | None = None
    amount: Decimal | Fraction | None = None  # exact, not rounded, before the discount
    discount: Decimal = Decimal(0)
    subtotal: Decimal | None = None
    total: Decimal | None = None
    tax: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(LineFacts):
    """One line of an invoice. Money is in major units, quantized to the currency."""

    id: str
    sort_order: int
    subtotal: Decimal
    discount: Decimal
    total: Decimal  # subtotal − discount; tax stands beside it
    tax: Decimal


@dataclass(frozen=True, slots=True)
class TaxTerm:
    """A tax to be worked out. Without a taxable amount it is on all lines."""

    name: str
    rate: Decimal  # 0.08 is 8 %
    taxable_amount: Decimal | None = None
    amount: Decimal | None = None  # what the caller believes


@dataclass(frozen=True, slots=True)
class Tax:
    name: str
    rate: Decimal | None  # None: the lines brought their own amounts
    taxable_amount: Decimal
    amount: Decimal
    covers_all: bool = True  # on all lines, so it follows them when they change


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything on an invoice that is worked out from its lines and tax terms."""

    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]
    subtotal: Decimal  # the sum of the lines' totals, discounts taken off
    tax_total: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys, as it is written on documents."""

    name: str
    address: str | None = None  # lines, without the name and the country
    country: str | None = None  # a code, written out in the reader's language
    tax_id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sells to whom, and how it is paid: what a finalized invoice keeps of both."""

    seller: Party
    buyer: Party
    payment_instructions: str | None = None
    footer: str | None = None
    logo: str | None = None  # the hash of the seller's


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    id: str
    customer_id: str
    currency: str
    type: InvoiceType
    status: InvoiceStatus
    issue_date: date
    payment_terms: int  # days from issue to due
    collection_method: CollectionMethod
    created_at: datetime
    updated_at: datetime
    number: str | None = None
    subscription_id: str | None = None
    contract_id: str | None = None
    period_number: int | None = None  # set on generated invoices alone
    due_date: date | None = None
    due_at: datetime | None = None  # the instant from which it is past due
    period_start: datetime | None = None
    period_end: datetime | None = None  # exclusive
    lines: tuple[Line, ...] = ()
    taxes: tuple[Tax, ...] = ()
    subtotal: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    amount_paid: Decimal = Decimal(0)
    amount_credited: Decimal = Decimal(0)  # by credit notes, before it was paid
    tax_rounding: TaxRounding = TaxRounding.INVOICE  # as the project had it when it was made
    is_lump: bool = False  # made from a total, so that it can be itemized while it is open
    held_reason: str | None = None  # why a generated draft waits for a person
    notes: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None
    finalized_at: datetime | None = None
    paid_at: datetime | None = None
    voided_at: datetime | None = None
    uncollectible_at: datetime | None = None
    past_due_at: datetime | None = None  # when it was announced as past due
    void_reason: str | None = None
    parties: Parties | None = None  # since it was finalized
    version: int = 1

    @property
    def amount_due(self) -> Decimal:
        """What is left to pay; nothing on drafts and void invoices."""
        if self.status in PAYABLE:
            return self.total - self.amount_paid - self.amount_credited
        return self.total - self.total  # zero, with the currency's places

    @property
    def is_generated(self) -> bool:
        """Made from a subscription; the others wait for `pay()`."""
        return self.period_number is not None

    def is_past_due(self, now: datetime) -> bool:
        return self.status is InvoiceStatus.OPEN and self.due_at is not None and self.due_at <= now


class CreditNoteStatus(StrEnum):
    ISSUED = "issued"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class NewCreditLine:
    """What to credit of an invoice's line: an amount, net of tax, or all that is left of it."""

    line_id: str
    amount: Decimal | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class CreditLine:
    """`amount` is net; `line_id` is of the invoice, None: of the invoice as a whole."""

    id: str
    line_id: str | None
    description: str
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class CreditTax:
    name: str
    rate: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CreditFigures:
    """What a credit note comes to: subtotal + tax_total = total."""

    lines: tuple[CreditLine, ...]
    taxes: tuple[CreditTax, ...]
    subtotal: Decimal
    tax_total: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """A correction of a finalized invoice; its three parts add up to its total."""

    id: str
    number: str
    invoice_id: str
    customer_id: str
    currency: str
    status: CreditNoteStatus
    reason: str
    figures: CreditFigures
    to_invoice: Decimal  # lowered what was due
    to_wallet: Decimal
    to_payments: Decimal  # went back by the way that it came
    created_at: datetime
    updated_at: datetime
    memo: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    void_reason: str | None = None
    voided_at: datetime | None = None
