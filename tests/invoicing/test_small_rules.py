"""Due dates, numbers, payments, postings, edits, explanations."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from tallybook.server.invoicing.errors import (
    CurrencyNeedsLines,
    IllegalInvoiceTransition,
    MoreThanDue,
    NotAnAmount,
    PeriodBackwards,
)
from tallybook.server.invoicing.models import InvoiceStatus, LineKind, NewLine, TaxTerm
from tallybook.server.invoicing.rules import postings
from tallybook.server.invoicing.rules.due import issued
from tallybook.server.invoicing.rules.edits import worked_out_again
from tallybook.server.invoicing.rules.explain import explain_line, terms_of
from tallybook.server.invoicing.rules.lines import build_line
from tallybook.server.invoicing.rules.numbering import format_number
from tallybook.server.invoicing.rules.payments import paid, reversed_payment
from tallybook.server.invoicing.rules.periods import check_period
from tallybook.server.kernel.money import TooManyDecimals
from tallybook.server.ledger.models import AccountKind
from tallybook.server.ledger.rules.postings import check_balanced
from tallybook.server.rating.models import PriceShape, PricingModel
from tallybook.server.rating.rules.pipeline import rate_usage

from .examples import AT, an_invoice, new_line

RIYADH = ZoneInfo("Asia/Riyadh")


def test_by_hand_an_invoice_is_due_at_the_end_of_its_due_date() -> None:
    given = issued(an_invoice(due_date=date(2026, 3, 10)), at=AT, zone=RIYADH)
    assert given.due_at == datetime(2026, 3, 10, 21, tzinfo=UTC)
    default = issued(an_invoice(), at=AT, zone=RIYADH)
    assert (default.due_date, default.issue_date) == (date(2026, 3, 31), date(2026, 3, 1))
    assert default.due_at == datetime(2026, 3, 31, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "due_date", "due_at"),
    [
        (30, date(2026, 4, 1), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        (0, date(2026, 3, 2), datetime(2026, 3, 1, 22, tzinfo=UTC)),
    ],
)
def test_a_generated_invoice_is_due_its_terms_after_it_is_issued(
    terms: int, due_date: date, due_at: datetime
) -> None:
    draft = an_invoice(period_number=3, payment_terms=terms, issue_date=date(2026, 2, 28))
    at = datetime(2026, 3, 1, 22, tzinfo=UTC)  # the second of March in Riyadh
    after = issued(draft, at=at, zone=RIYADH)
    assert (after.issue_date, after.due_date, after.due_at) == (
        date(2026, 3, 2),
        due_date,
        due_at,
    )
    opened = replace(after, status=InvoiceStatus.OPEN)
    assert opened.is_past_due(due_at)
    assert not opened.is_past_due(due_at.replace(hour=21))


def test_numbers_are_padded_and_go_on() -> None:
    assert format_number("INV", 1) == "INV-000001"
    assert format_number("INV", 1_000_000) == "INV-1000000"
    with pytest.raises(ValueError, match="from 1"):
        format_number("INV", 0)


def test_payments_come_in_parts_and_never_exceed_what_is_due() -> None:
    invoice = an_invoice(new_line(10), status=InvoiceStatus.OPEN)
    part = paid(invoice, Decimal("4"), at=AT)
    assert (part.status, part.amount_due, part.version) == (InvoiceStatus.OPEN, 6, 2)
    with pytest.raises(MoreThanDue):
        paid(part, Decimal("6.01"), at=AT)
    for wrong in ("0", "-1"):
        with pytest.raises(NotAnAmount):
            paid(part, Decimal(wrong), at=AT)
    with pytest.raises(TooManyDecimals):
        paid(part, Decimal("1.001"), at=AT)
    whole = paid(part, Decimal(6), at=AT)
    assert (whole.status, whole.paid_at, whole.amount_due) == (InvoiceStatus.PAID, AT, 0)
    with pytest.raises(IllegalInvoiceTransition):
        paid(whole, Decimal(1), at=AT)
    late = paid(replace(invoice, status=InvoiceStatus.UNCOLLECTIBLE), Decimal(10), at=AT)
    assert late.status is InvoiceStatus.PAID


def test_a_payment_that_comes_back_opens_the_invoice() -> None:
    invoice = an_invoice(new_line(10), status=InvoiceStatus.OPEN)
    whole = paid(invoice, Decimal(10), at=AT)
    back = reversed_payment(whole, Decimal(3), at=AT)
    assert (back.status, back.amount_paid, back.amount_due) == (InvoiceStatus.OPEN, 7, 3)
    assert back.paid_at is None
    with pytest.raises(MoreThanDue):
        reversed_payment(back, Decimal("7.01"), at=AT)
    assert reversed_payment(back, Decimal(7), at=AT).amount_paid == 0
    with pytest.raises(IllegalInvoiceTransition):
        reversed_payment(an_invoice(new_line(10)), Decimal(1), at=AT)


def test_postings_balance_and_voiding_takes_them_back() -> None:
    invoice = an_invoice(new_line("10.10"), terms=[TaxTerm("VAT", Decimal("0.15"))])
    made, back = postings.of_finalized(invoice), postings.of_voided(invoice)
    check_balanced(made)
    check_balanced(back)
    check_balanced([*made, *back])
    by_kind = {posting.account.kind: posting.amount_micros for posting in made}
    assert by_kind == {
        AccountKind.RECEIVABLE: 11_620_000,
        AccountKind.REVENUE: -10_100_000,
        AccountKind.TAX: -1_520_000,
    }


def test_a_period_ends_after_it_starts() -> None:
    check_period(None, AT)
    check_period(AT, None)
    check_period(AT, AT.replace(hour=13))
    for end in (AT, AT.replace(hour=11)):
        with pytest.raises(PeriodBackwards):
            check_period(AT, end)


def test_other_taxes_replace_those_of_the_lines() -> None:
    draft = an_invoice(new_line(10, tax=Decimal(2)))
    assert draft.tax_total == 2
    kept = worked_out_again(draft, currency="USD", lines=None, terms=None)
    assert kept.tax_total == 2
    assert worked_out_again(draft, currency="USD", lines=None, terms=()).tax_total == 0
    vat = [TaxTerm("VAT", Decimal("0.1"))]
    assert worked_out_again(draft, currency="USD", lines=None, terms=vat).tax_total == 1


def test_rated_lines_do_not_change_their_currency() -> None:
    rated = an_invoice(NewLine(description="x", amount=Decimal("1.5")))
    with pytest.raises(CurrencyNeedsLines):
        worked_out_again(rated, currency="JPY", lines=None, terms=None)


def test_a_rated_line_shows_the_arithmetic_of_its_price() -> None:
    shape = PriceShape(
        PricingModel.PER_UNIT, unit_price=Decimal("0.0125"), included_units=Decimal(100)
    )
    rated = rate_usage(shape, Decimal(1150))
    new = NewLine(
        description="API calls",
        quantity=rated.quantity,
        amount=rated.amount,
        pricing={"shape": shape.to_json(), "rated": rated.to_json()},
    )
    line = build_line(new, "USD", sort_order=0)
    assert explain_line(line, "USD") == [
        "1150 used − 100 included = 1050 billable",
        "1050 × 0.0125 = 13.125",
        "13.125 rounded to 13.13",
    ]
    late = replace(line, pricing={"total": "14", "billed_before": "0.87"})
    assert explain_line(late, "USD") == ["14 rated again − 0.87 billed before = 13.13"]
    assert explain_line(replace(line, pricing={}), "USD") == []


def test_a_part_of_a_period_shows_its_share_and_a_minimum_its_true_up() -> None:
    fee = NewLine(
        description="Pro",
        amount=Fraction(700) * Fraction(2, 3),
        pricing={"price": "700", "share": "2/3", "contract_version": 2},
    )
    line = build_line(fee, "USD", sort_order=0)
    assert explain_line(line, "USD") == [
        "700 × 2/3 of the period = 1400/3",
        "1400/3 rounded to 466.67",
    ]
    assert terms_of(line) == {"price": "700", "share": "2/3", "contract_version": 2}
    whole = replace(line, pricing={"price": "700", "share": "1"}, subtotal=Decimal("700.00"))
    assert explain_line(whole, "USD") == ["700 for the whole period"]
    shape = PriceShape(PricingModel.PER_UNIT, unit_price=Decimal(1), minimum_commitment=Decimal(10))
    rated = rate_usage(shape, Decimal(7))
    pricing = {"shape": shape.to_json(), "rated": rated.to_json()}
    usage = build_line(
        NewLine(description="x", amount=rated.amount, pricing=pricing), "USD", sort_order=0
    )
    assert explain_line(usage, "USD") == ["7 × 1 = 7"]
    true_up = NewLine(description="x", kind=LineKind.TRUE_UP, amount=rated.true_up, pricing=pricing)
    steps = explain_line(build_line(true_up, "USD", sort_order=0), "USD")
    assert steps == ["7 × 1 = 7", "10.00 minimum − 7.00 = 3.00 true-up"]
