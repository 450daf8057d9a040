"""What credit notes come to: the parts add up, whatever is credited in whatever order."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.invoicing.errors import CreditExceedsInvoice, NotAnAmount
from tallybook.server.invoicing.models import (
    CreditFigures,
    CreditNote,
    CreditNoteStatus,
    Invoice,
    InvoiceStatus,
    NewCreditLine,
    TaxTerm,
)
from tallybook.server.invoicing.rules.credit import creditable, fitting, work_out_credit
from tests.invoicing.examples import AT, an_invoice, new_line


def note_of(invoice: Invoice, figures: CreditFigures) -> CreditNote:
    zero = Decimal(0)
    return CreditNote(
        id="crn_1",
        number="CN-000001",
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        status=CreditNoteStatus.ISSUED,
        reason="x",
        figures=figures,
        to_invoice=figures.total,
        to_wallet=zero,
        to_payments=zero,
        created_at=AT,
        updated_at=AT,
    )


def an_open_invoice(prices: list[Decimal], rates: list[Decimal], currency: str) -> Invoice:
    lines = [new_line(str(price), id=f"ili_{n}") for n, price in enumerate(prices)]
    terms = [TaxTerm(f"Tax {n}", rate) for n, rate in enumerate(rates)]
    return an_invoice(*lines, terms=terms, currency=currency, status=InvoiceStatus.OPEN)


MINOR = {"JPY": 0, "USD": 2, "KWD": 3}
CURRENCIES = st.sampled_from(sorted(MINOR))
RATES = st.lists(st.decimals("0", "0.3", places=3), max_size=3)


@given(data=st.data(), currency=CURRENCIES, rates=RATES)
def test_notes_never_exceed_their_invoice_and_all_of_them_are_it(
    data: st.DataObject, currency: str, rates: list[Decimal]
) -> None:
    places = MINOR[currency]
    amounts = st.integers(1, 5000).map(lambda n: Decimal(n).scaleb(-places))
    invoice = an_open_invoice(data.draw(st.lists(amounts, min_size=1, max_size=5)), rates, currency)
    notes: list[CreditNote] = []
    for _ in range(data.draw(st.integers(0, 6))):
        line = data.draw(st.sampled_from([None, *(one.id for one in invoice.lines)]))
        amount = data.draw(amounts)
        chosen = (
            {"amount": amount}
            if line is None
            else {"lines": [NewCreditLine(line, data.draw(st.sampled_from([None, amount])))]}
        )
        try:
            figures = work_out_credit(invoice, notes, description="x", **chosen)  # type: ignore[arg-type]
        except CreditExceedsInvoice:
            continue
        assert figures.total == figures.subtotal + figures.tax_total > 0
        assert figures.subtotal == sum(part.amount for part in figures.lines)
        assert figures.tax_total == sum(part.tax for part in figures.lines)
        assert figures.tax_total == sum(tax.amount for tax in figures.taxes)
        notes.append(note_of(invoice, figures))
        assert sum(note.figures.total for note in notes) <= invoice.total
    if creditable(invoice, notes):
        notes.append(note_of(invoice, work_out_credit(invoice, notes, description="rest")))
    assert sum(note.figures.subtotal for note in notes) == invoice.subtotal
    assert sum(note.figures.tax_total for note in notes) == invoice.tax_total
    for position, tax in enumerate(invoice.taxes):
        assert sum(note.figures.taxes[position].amount for note in notes) == tax.amount


@given(
    prices=st.lists(st.decimals("0.01", "50", places=2), min_size=1, max_size=3),
    rates=RATES,
    cents=st.integers(0, 20_000),
)
def test_what_fits_into_a_total_fits(
    prices: list[Decimal], rates: list[Decimal], cents: int
) -> None:
    invoice = an_open_invoice(prices, rates, "USD")
    at_most = Decimal(cents) / 100
    net = fitting(invoice, [], at_most)
    if net > 0:
        assert work_out_credit(invoice, [], amount=net, description="x").total <= at_most


def test_a_line_below_zero_is_not_credited() -> None:
    lines = [new_line(10, id="ili_1"), new_line(-4, id="ili_2")]
    invoice = replace(an_invoice(*lines), status=InvoiceStatus.OPEN)
    with pytest.raises(CreditExceedsInvoice):
        work_out_credit(invoice, [], lines=[NewCreditLine("ili_2")], description="x")
    with pytest.raises(CreditExceedsInvoice):
        work_out_credit(invoice, [], lines=[NewCreditLine("ili_1")], description="x")
    with pytest.raises(NotAnAmount):
        work_out_credit(invoice, [], amount=Decimal(0), description="x")
    whole = work_out_credit(invoice, [], description="x")
    assert whole.subtotal == 6
