"""The arithmetic of a rated usage, in lines that a customer can follow."""

from decimal import Decimal
from fractions import Fraction

from tallybook.server.kernel.money import plain, quantize_money
from tallybook.server.rating.models import PriceShape, PricingModel, RatedSlice, RatedUsage

from .minimum import posted_true_up


def explain(shape: PriceShape, rated: RatedUsage) -> list[str]:
    """Return the steps from the quantity to the charge, before rounding, one a line.

    Holds: each line is an equation that is true of the figures in `rated`.
    """
    lines: list[str] = []
    if rated.included_units_used or rated.uncharged_units:
        parts = [f"{plain(rated.quantity)} used − {plain(rated.included_units_used)} included"]
        if rated.uncharged_units:
            parts.append(f"− {plain(rated.uncharged_units)} not charged ({shape.overage})")
        lines.append(f"{' '.join(parts)} = {plain(rated.billable_units)} billable")
    lines += [_explain_slice(shape, rated, piece) for piece in rated.slices]
    if len(rated.slices) > 1:
        terms = " + ".join(plain(piece.amount) for piece in rated.slices)
        lines.append(f"{terms} = {plain(rated.amount)}")
    return lines


def _explain_slice(shape: PriceShape, rated: RatedUsage, piece: RatedSlice) -> str:
    amount = plain(piece.amount)
    fee = f" + {plain(piece.flat_fee)} flat fee" if piece.flat_fee else ""
    if shape.pricing_model is PricingModel.FLAT:
        return f"{amount} flat fee = {amount}"
    product = f"{plain(piece.quantity)} × {plain(piece.unit_price)}"
    if shape.pricing_model is PricingModel.PACKAGE and shape.package_size:
        units, size = plain(rated.billable_units), plain(shape.package_size)
        return (
            f"{units} ÷ {size}, rounded up = {plain(piece.quantity)} packages; {product} = {amount}"
        )
    tier = "" if piece.tier is None else f"tier {piece.tier}: "
    return f"{tier}{product}{fee} = {amount}"


def explain_true_up(shape: PriceShape, rated: RatedUsage, *, currency: str) -> list[str]:
    """Return the steps from the charge to what is missing to the minimum.

    Holds: each line is an equation, or says what is rounded to what.
    """
    if not shape.minimum_commitment:
        return []
    usage = quantize_money(rated.amount, currency)
    minimum = quantize_money(rated.minimum, currency)
    lines = []
    if rated.amount != usage:
        lines.append(f"{plain(rated.amount)} rounded to {_money(usage)}")
    part = rated.minimum / Fraction(shape.minimum_commitment)
    if part != 1:
        lines.append(f"minimum {plain(shape.minimum_commitment)} × {part} = {_show(rated.minimum)}")
    if rated.minimum != minimum:
        lines.append(f"minimum {_show(rated.minimum)} rounded to {_money(minimum)}")
    missing = posted_true_up(rated, currency=currency)
    if not missing:
        return lines
    return [*lines, f"{_money(minimum)} minimum − {_money(usage)} = {_money(missing)} true-up"]


def _money(amount: Decimal) -> str:
    return format(amount, "f")


def _show(amount: Fraction) -> str:
    """Write a fraction as a decimal where it is one, else as a fraction: never a rounded figure."""
    denominator = amount.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return str(amount)
    places = 0
    while 10**places % amount.denominator:
        places += 1
    digits = str(amount.numerator * 10**places // amount.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
