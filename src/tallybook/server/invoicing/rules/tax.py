"""Tax on an invoice, and the share of it that each line shows.

Source: semantics, choice 16; docs/invoices.md.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tallybook.server.invoicing.errors import TaxableTooLarge, TaxGivenTwice
from tallybook.server.invoicing.models import Tax, TaxTerm
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import EXACT, minor_units, plain, quantize_money

from .lines import check_claim, in_currency, mismatch

TAX_NAME: Final = "Tax"  # of a tax that came without a name


def terms_of(tax_rate: Decimal | None, taxes: Sequence[TaxTerm] | None) -> tuple[TaxTerm, ...]:
    """Return the tax terms that a request gives. Errors: TaxGivenTwice."""
    if tax_rate is not None:
        if taxes is not None:
            raise TaxGivenTwice(errors=[FieldError("/tax_rate", "invalid", "taxes are given too")])
        return (TaxTerm(TAX_NAME, tax_rate),)
    given = tuple(taxes or ())
    seen = set()
    for index, term in enumerate(given):
        key = (term.name, plain(term.rate))
        if key in seen:
            raise TaxGivenTwice(
                errors=[FieldError(f"/taxes/{index}", "invalid", "this tax is given before")]
            )
        seen.add(key)
    return given


def terms_again(taxes: Sequence[Tax]) -> tuple[TaxTerm, ...]:
    """Return the terms on which an invoice's taxes were worked out."""
    return tuple(
        TaxTerm(tax.name, tax.rate, None if tax.covers_all else tax.taxable_amount)
        for tax in taxes
        if tax.rate is not None
    )


def work_out(
    term: TaxTerm,
    subtotal: Decimal,
    currency: str,
    *,
    nets: Sequence[Decimal] | None = None,
    pointer: str = "",
) -> Tax:
    """Return a tax: the rate on the sum of the discounted lines, rounded once.

    With `nets`, the lines' net totals, it is rounded on each line, where it is on all of them.
    Errors: TaxableTooLarge; TooManyDecimals; AmountMismatch.
    """
    taxable = subtotal
    if term.taxable_amount is not None:
        where = f"{pointer}/taxable_amount"
        taxable = in_currency(term.taxable_amount, currency, pointer=where)
        if not 0 <= taxable <= subtotal:
            raise TaxableTooLarge(
                subtotal=plain(subtotal),
                errors=[FieldError(where, "invalid", "is not within the sum of the lines")],
            )
    covers_all = taxable == subtotal
    if nets is None or not covers_all:
        amount = _on(taxable, term.rate, currency)
    else:
        amount = sum(
            (_on(net, term.rate, currency) for net in nets), quantize_money(Decimal(0), currency)
        )
    check_claim(term.amount, amount, currency, pointer=f"{pointer}/amount")
    return Tax(term.name, term.rate, taxable, amount, covers_all=covers_all)


def _on(net: Decimal, rate: Decimal, currency: str) -> Decimal:
    return quantize_money(EXACT.multiply(net, rate), currency)


def from_lines(
    nets: Sequence[Decimal], given: Sequence[Decimal | None], currency: str
) -> Tax | None:
    """Return the tax that lines bring themselves, where the invoice names none."""
    taxed = [(net, tax) for net, tax in zip(nets, given, strict=True) if tax]
    if not taxed:
        return None
    zero = quantize_money(Decimal(0), currency)
    taxable = sum((net for net, _ in taxed), zero)
    return Tax(TAX_NAME, None, taxable, sum((tax for _, tax in taxed), zero), covers_all=False)


def share_out(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Split an amount over weights, in minor units.

    Holds: the shares add up to the amount; each is less than one minor unit from its exact
    share. Of equal remainders the earlier line gets the unit. With weights that sum to zero
    the first gets all.
    """
    places = minor_units(currency)
    unit = Decimal(1).scaleb(-places)
    whole = int(amount.scaleb(places))
    total = sum((Fraction(weight) for weight in weights), Fraction(0))
    if total == 0:
        return [amount if index == 0 else amount - amount for index in range(len(weights))]
    exact = [Fraction(weight) * whole / total for weight in weights]
    shares = [share.numerator // share.denominator for share in exact]
    left = whole - sum(shares)
    by_rest = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_rest[:left]:
        shares[index] += 1
    return [unit * share for share in shares]


def shown_taxes(
    taxes: Sequence[Tax], nets: Sequence[Decimal], currency: str, *, by_line: bool = False
) -> list[Decimal]:
    """Return the tax that each line shows; together they are the invoice's tax."""
    zero = quantize_money(Decimal(0), currency)
    shown = [zero] * len(nets)
    for tax in taxes:
        if by_line and tax.covers_all and tax.rate is not None:
            shares = [_on(net, tax.rate, currency) for net in nets]
        else:
            shares = share_out(tax.amount, nets, currency)
        shown = [before + share for before, share in zip(shown, shares, strict=True)]
    return shown


def check_shown(
    given: Sequence[Decimal | None], shown: Sequence[Decimal], currency: str, *, pointer: str
) -> None:
    """Raise AmountMismatch where a line's tax, as the caller has it, is off by over a unit.

    One unit is allowed: who rounds line by line differs by it, and the sum is what counts.
    """
    unit = Decimal(1).scaleb(-minor_units(currency))
    for index, (believed, ours) in enumerate(zip(given, shown, strict=True)):
        where = f"{pointer}/{index}/tax"
        if believed is None:
            continue
        if abs(in_currency(believed, currency, pointer=where) - ours) > unit:
            raise mismatch(believed, ours, pointer=where)
