"""The dicts of invoices, and results without methods."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Required, TypedDict

from tallybook.client.encoding import DecimalInput, decimals
from tallybook.client.not_given import NotGiven
from tallybook.client.responses import Result
from tallybook.wire import invoices as wire

LINE_DECIMALS: Final = (
    "quantity",
    "unit_price",
    "subtotal",
    "discount",
    "tax",
    "total",
    "included_units_used",
    "billable_units",
)


class LineItem(TypedDict, total=False):
    """A line of an invoice: quantity × unit_price − discount.

    `subtotal`, `total` and `tax` are checked by the server, which works them out itself.
    """

    description: Required[str]
    quantity: DecimalInput
    unit_price: Required[DecimalInput]
    subtotal: DecimalInput
    discount: DecimalInput
    tax: DecimalInput
    total: DecimalInput
    contract_id: str
    source_type: str
    source_id: str
    agent_id: str
    feature_id: str
    meter_id: str
    pricing_model: str
    period_start: date | datetime | str
    period_end: date | datetime | str
    included_units_used: DecimalInput
    billable_units: DecimalInput
    tier_number: int
    sort_order: int


class Tax(TypedDict, total=False):
    """A tax of an invoice; `rate` is a fraction: 0.05 is 5 %."""

    name: Required[str]
    rate: Required[DecimalInput]
    taxable_amount: DecimalInput
    amount: DecimalInput


class InvoicePreview(Result, wire.InvoicePreview):
    """What would be billed now."""


class InvoiceExplanation(Result, wire.InvoiceExplanation):
    """Why an invoice has its amounts."""


def line_items(
    items: Sequence[LineItem] | NotGiven | None,
) -> list[dict[str, Any]] | NotGiven | None:
    return decimals(items, *LINE_DECIMALS)


def taxes(items: Sequence[Tax] | NotGiven | None) -> list[dict[str, Any]] | NotGiven | None:
    return decimals(items, "rate", "taxable_amount", "amount")


def line_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Write one line."""
    written = decimals([item], *LINE_DECIMALS)
    assert isinstance(written, list)
    return written[0]


class InvoiceEmail(Result, wire.InvoiceEmail):
    """A mail about an invoice."""
