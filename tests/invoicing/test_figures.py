"""Lines, taxes and totals against exact fractions, in currencies of 0, 2 and 3 decimals."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.identity.models import TaxRounding
from tallybook.server.invoicing.errors import (
    AmountMismatch,
    DiscountTooLarge,
    NegativeInvoice,
    TaxGivenTwice,
    TooManyLines,
)
from tallybook.server.invoicing.models import NewLine, TaxTerm
from tallybook.server.invoicing.rules.lines import build_line
from tallybook.server.invoicing.rules.tax import share_out, terms_of
from tallybook.server.invoicing.rules.totals import add_up, work_out
from tallybook.server.kernel.money import TooManyDecimals
from tallybook.server.ledger.errors import AmountTooLarge

from .examples import new_line

PLACES = {"JPY": 0, "USD": 2, "KWD": 3}
CURRENCIES = st.sampled_from(sorted(PLACES))


def half_up(exact: Fraction, places: int) -> Fraction:
    """The oracle: to the nearest step, halves away from zero."""
    scaled = abs(exact) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if exact >= 0 else -whole, 10**places)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


LINES = st.lists(
    st.tuples(decimals(0, 10**6, 4), decimals(-50, 10**4, 12)), min_size=1, max_size=12
)
RATES = st.lists(decimals(0, 1, 4), max_size=3, unique=True)


@given(quantity=decimals(0, 10**6, 12), price=decimals(-(10**6), 10**6, 12), currency=CURRENCIES)
def test_a_line_is_quantity_times_price_rounded_once(
    quantity: Decimal, price: Decimal, currency: str
) -> None:
    line = build_line(
        NewLine(description="x", quantity=quantity, unit_price=price), currency, sort_order=0
    )
    oracle = half_up(Fraction(quantity) * Fraction(price), PLACES[currency])
    assert Fraction(line.total) == oracle
    assert -line.total.as_tuple().exponent == PLACES[currency]


@given(st.fractions(-(10**9), 10**9), CURRENCIES)
def test_a_rated_amount_is_rounded_once(amount: Fraction, currency: str) -> None:
    line = build_line(NewLine(description="x", amount=amount), currency, sort_order=0)
    assert Fraction(line.subtotal) == half_up(amount, PLACES[currency])


@given(lines=LINES, rates=RATES, currency=CURRENCIES)
def test_an_invoice_adds_up_as_the_oracle_does(
    lines: list[tuple[Decimal, Decimal]], rates: list[Decimal], currency: str
) -> None:
    new = [
        NewLine(description="x", quantity=quantity, unit_price=price) for quantity, price in lines
    ]
    terms = [TaxTerm(f"T{index}", rate) for index, rate in enumerate(rates)]
    places = PLACES[currency]
    nets = [half_up(Fraction(q) * Fraction(p), places) for q, p in lines]
    subtotal = sum(nets, Fraction(0))
    if subtotal < 0:
        with pytest.raises(NegativeInvoice):
            work_out(new, terms, currency)
        return
    figures = work_out(new, terms, currency)
    taxes = [half_up(subtotal * Fraction(rate), places) for rate in rates]
    assert Fraction(figures.subtotal) == subtotal
    assert [Fraction(tax.amount) for tax in figures.taxes] == taxes
    assert Fraction(figures.total) == subtotal + sum(taxes)
    assert sum(line.tax for line in figures.lines) == figures.tax_total
    assert sum(line.total for line in figures.lines) == figures.subtotal
    again = add_up(figures.lines, terms, currency)
    assert again == figures


@given(
    amount=decimals(0, 10**6, 2),
    weights=st.lists(decimals(-100, 10**6, 2), min_size=1, max_size=30),
)
def test_shares_add_up_and_are_less_than_a_unit_off(
    amount: Decimal, weights: list[Decimal]
) -> None:
    shares = share_out(amount, weights, "USD")
    assert sum(shares) == amount
    total = sum(map(Fraction, weights))
    if total > 0:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(Fraction(share) - Fraction(weight) * Fraction(amount) / total) < Fraction(
                1, 100
            )


def test_equal_remainders_go_to_the_earlier_lines() -> None:
    assert share_out(Decimal("0.02"), [Decimal(1)] * 3, "USD") == [
        Decimal("0.01"),
        Decimal("0.01"),
        Decimal("0.00"),
    ]
    assert share_out(Decimal("0.00"), [Decimal(0)], "USD") == [Decimal("0.00")]
    assert share_out(Decimal("0.00"), [], "USD") == []


def test_tax_is_on_the_sum_not_on_the_lines() -> None:
    lines = [new_line("0.06") for _ in range(3)]  # 0.06 × 8 % would round to 0.00 each
    figures = work_out(lines, [TaxTerm("VAT", Decimal("0.08"))], "USD")
    assert figures.tax_total == Decimal("0.01")
    assert [line.tax for line in figures.lines] == [Decimal("0.01"), Decimal(0), Decimal(0)]


def test_a_tax_on_a_part_stays_on_that_part() -> None:
    terms = [TaxTerm("VAT", Decimal("0.1"), Decimal(30), Decimal(3)), TaxTerm("City", Decimal(0))]
    figures = work_out([new_line(100)], terms, "USD")
    part, city = figures.taxes
    assert (part.taxable_amount, part.amount, part.covers_all) == (30, 3, False)
    assert (city.taxable_amount, city.amount, city.covers_all) == (100, 0, True)


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "total"),
    [
        ("1", "0.005", "USD", "0.01"),
        ("1", "0.004999999999", "USD", "0.00"),
        ("1", "-0.005", "USD", "-0.01"),
        ("1", "0.5", "JPY", "1"),
        ("3", "0.0005", "KWD", "0.002"),
        ("0", "99", "USD", "0.00"),
    ],
)
def test_halves_are_rounded_away_from_zero(
    quantity: str, price: str, currency: str, total: str
) -> None:
    line = build_line(new_line(price, quantity), currency, sort_order=0)
    assert str(line.total) == total


@pytest.mark.parametrize("discount", ["-0.01", "10.01"])
def test_a_discount_is_within_the_line(discount: str) -> None:
    with pytest.raises(DiscountTooLarge):
        build_line(new_line(10, discount=Decimal(discount)), "USD", sort_order=0)
    whole = build_line(new_line(10, discount=Decimal(10)), "USD", sort_order=0)
    assert (whole.subtotal, whole.total) == (10, 0)


def test_claims_are_checked_and_posted_money_is_never_rounded() -> None:
    build_line(
        new_line("1.005", subtotal=Decimal("1.01"), total=Decimal("1.01")), "USD", sort_order=0
    )
    with pytest.raises(AmountMismatch) as off:
        build_line(new_line("1.005", total=Decimal("1.00")), "USD", sort_order=0, pointer="/l/0")
    assert off.value.details["computed"] == "1.01"
    assert off.value.errors[0].pointer == "/l/0/total"
    with pytest.raises(TooManyDecimals):
        build_line(new_line("1.005", total=Decimal("1.005")), "USD", sort_order=0)


def test_what_the_books_cannot_hold_is_refused() -> None:
    largest = Decimal("9223372036854.77")
    assert build_line(new_line(str(largest)), "USD", sort_order=0).total == largest
    with pytest.raises(AmountTooLarge):
        build_line(new_line("9223372036854.78"), "USD", sort_order=0)
    with pytest.raises(AmountTooLarge):
        work_out([new_line(str(largest)), new_line(1)], [], "USD")
    with pytest.raises(AmountTooLarge):
        build_line(new_line("9" * 18, "9" * 18), "USD", sort_order=0)


def test_an_invoice_has_a_thousand_lines_and_no_more() -> None:
    assert work_out([new_line(1)] * 1000, [], "USD").total == 1000
    with pytest.raises(TooManyLines):
        work_out([new_line(1)] * 1001, [], "USD")


def test_a_tax_is_given_once() -> None:
    rate = Decimal("0.1")
    assert terms_of(None, None) == ()
    assert terms_of(rate, None) == (TaxTerm("Tax", rate),)
    assert len(terms_of(None, [TaxTerm("A", rate), TaxTerm("B", rate)])) == 2
    with pytest.raises(TaxGivenTwice):
        terms_of(rate, [])
    with pytest.raises(TaxGivenTwice):
        terms_of(None, [TaxTerm("A", rate), TaxTerm("A", Decimal("0.10"))])


def test_a_lines_own_tax_may_be_a_unit_off_its_share() -> None:
    terms = [TaxTerm("VAT", Decimal("0.08"))]
    lines = [new_line("0.06", tax=Decimal("0.00")) for _ in range(3)]
    assert work_out(lines, terms, "USD").tax_total == Decimal("0.01")
    with pytest.raises(AmountMismatch):
        work_out([new_line("0.06", tax=Decimal("0.02"))], terms, "USD")


@given(amounts=LINES, rates=RATES, currency=CURRENCIES)
def test_tax_rounded_on_each_line_is_what_the_lines_show(
    amounts: list[tuple[Decimal, Decimal]], rates: list[Decimal], currency: str
) -> None:
    new = [NewLine(description="x", quantity=q, unit_price=price) for q, price in amounts]
    terms = [TaxTerm(f"tax {rate}", rate) for rate in rates]
    try:
        figures = work_out(new, terms, currency, rounding=TaxRounding.LINE)
    except NegativeInvoice:
        return
    places = PLACES[currency]
    oracle = [
        sum(half_up(Fraction(line.total) * Fraction(rate), places) for rate in rates)
        for line in figures.lines
    ]
    assert [Fraction(line.tax) for line in figures.lines] == oracle
    assert Fraction(figures.tax_total) == sum(oracle)
    assert figures.total == figures.subtotal + figures.tax_total


def test_a_tax_on_a_part_is_rounded_once_on_either_rounding() -> None:
    lines = [new_line("0.06"), new_line("0.06"), new_line("0.06")]
    terms = [TaxTerm("VAT", Decimal("0.08"), Decimal("0.12"))]
    figures = work_out(lines, terms, "USD", rounding=TaxRounding.LINE)
    assert figures.tax_total == Decimal("0.01")
    assert sum(line.tax for line in figures.lines) == Decimal("0.01")


def test_a_tax_on_all_is_rounded_by_line_whether_or_not_it_says_so() -> None:
    lines = [new_line("0.06"), new_line("0.06"), new_line("0.06")]
    for taxable in (None, Decimal("0.18")):
        terms = [TaxTerm("VAT", Decimal("0.08"), taxable)]
        figures = work_out(lines, terms, "USD", rounding=TaxRounding.LINE)
        assert figures.tax_total == sum(line.tax for line in figures.lines) == 0
