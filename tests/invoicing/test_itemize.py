"""An invoice made from a total keeps it while it is itemized."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.invoicing.errors import (
    AmountMismatch,
    InvoiceFrozen,
    LumpTooSmall,
    TotalNeedsSubtotal,
)
from tallybook.server.invoicing.models import Invoice, InvoiceStatus, InvoiceType, LineKind, TaxTerm
from tallybook.server.invoicing.rules.edits import with_figures, with_item
from tallybook.server.invoicing.rules.itemize import lump_line

from .examples import an_invoice, new_line

VAT = TaxTerm("VAT", Decimal("0.15"))


def lumped(total: str, *terms: TaxTerm, status: InvoiceStatus = InvoiceStatus.OPEN) -> Invoice:
    lump = lump_line(
        InvoiceType.MANUAL, "USD", subtotal=Decimal(total), total=None, has_taxes=bool(terms)
    )
    assert lump is not None
    return an_invoice(lump, terms=terms, status=status, is_lump=True)


@given(cents=st.lists(st.integers(0, 10_000), min_size=1, max_size=8), over=st.integers(1, 500))
def test_items_come_out_of_the_lump(cents: list[int], over: int) -> None:
    items = [Decimal(cent).scaleb(-2) for cent in cents]
    total = sum(items)
    invoice = lumped(str(total), VAT)
    before = (invoice.subtotal, invoice.tax_total, invoice.total)
    for item in items:
        invoice = with_figures(invoice, with_item(invoice, new_line(str(item))))
        assert (invoice.subtotal, invoice.tax_total, invoice.total) == before
        assert sum(line.tax for line in invoice.lines) == invoice.tax_total
    assert all(line.kind is LineKind.MANUAL for line in invoice.lines if line.total)
    with pytest.raises(LumpTooSmall):
        with_item(invoice, new_line(str(Decimal(over).scaleb(-2))))


def test_what_is_left_stands_last_and_shrinks() -> None:
    invoice = lumped("99")
    invoice = with_figures(invoice, with_item(invoice, new_line("9.50", 2)))
    assert [str(line.total) for line in invoice.lines] == ["19.00", "80.00"]
    assert invoice.lines[-1].kind is LineKind.LUMP
    assert invoice.lines[-1].unit_price == 80
    invoice = with_figures(invoice, with_item(invoice, new_line(80)))
    assert [line.kind for line in invoice.lines] == [LineKind.MANUAL] * 2


@pytest.mark.parametrize("price", ["99.01", "-1"])
def test_more_than_is_left_and_less_than_nothing_are_refused(price: str) -> None:
    with pytest.raises(LumpTooSmall) as refused:
        with_item(lumped("99"), new_line(price))
    assert refused.value.details["left"] == "99"


def test_an_item_brings_no_tax_of_its_own() -> None:
    with pytest.raises(AmountMismatch):
        with_item(lumped("99"), new_line(9, tax=Decimal(1)))


@pytest.mark.parametrize("status", [s for s in InvoiceStatus if s is not InvoiceStatus.DRAFT])
def test_only_a_lump_takes_items_after_the_draft(status: InvoiceStatus) -> None:
    plain = an_invoice(new_line(1), status=status)
    with pytest.raises(InvoiceFrozen):
        with_item(plain, new_line(1))
    lump = lumped("99", status=status)
    if status is InvoiceStatus.OPEN:
        assert with_item(lump, new_line(1)).total == 99
    else:
        with pytest.raises(InvoiceFrozen):
            with_item(lump, new_line(1))


def test_a_draft_without_a_lump_grows() -> None:
    draft = an_invoice(new_line(1), terms=[VAT])
    grown = with_item(draft, new_line(2, sort_order=0))
    assert grown.total == Decimal("3.45")
    assert with_item(replace(draft, lines=()), new_line(1)).subtotal == 1


def test_a_total_with_tax_needs_its_subtotal() -> None:
    def lump(subtotal: Decimal | None, total: Decimal | None, *, has_taxes: bool) -> object:
        return lump_line(
            InvoiceType.MANUAL, "USD", subtotal=subtotal, total=total, has_taxes=has_taxes
        )

    assert lump(None, None, has_taxes=True) is None
    assert lump(Decimal(1), None, has_taxes=True) is not None
    assert lump(None, Decimal(1), has_taxes=False) is not None
    with pytest.raises(TotalNeedsSubtotal):
        lump(None, Decimal(1), has_taxes=True)
