"""The arithmetic of a rated usage, in lines that a customer can follow."""

from fractions import Fraction

from tallybook.server.kernel.money import plain
from tallybook.server.rating.models import PriceShape, PricingModel, RatedSlice, RatedUsage


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
    if rated.minimum and shape.minimum_commitment:
        lines += _explain_minimum(shape, rated)
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


def _explain_minimum(shape: PriceShape, rated: RatedUsage) -> list[str]:
    assert shape.minimum_commitment
    part = rated.minimum / Fraction(shape.minimum_commitment)
    lines = []
    if part != 1:
        lines.append(f"minimum {plain(shape.minimum_commitment)} × {part} = {_show(rated.minimum)}")
    if rated.true_up:
        charge = f"{_show(rated.minimum)} minimum − {plain(rated.amount)}"
        lines.append(f"{charge} = {_show(rated.true_up)} true-up")
    return lines


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
