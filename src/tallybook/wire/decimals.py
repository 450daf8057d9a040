"""How a decimal is written on the wire: plain ASCII digits in a string, never a float."""

import re
from decimal import Decimal
from typing import Final

from .limits import FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX

DECIMAL_PATTERN: Final = rf"-?[0-9]{{1,{INTEGER_DIGITS_MAX}}}(\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?"
_DECIMAL = re.compile(DECIMAL_PATTERN)
_TEXT_CHARS_MAX: Final = 64  # of a number worth looking at; longer ones are refused unread


def parse_decimal(text: str) -> Decimal:
    """Read a decimal in plain notation, within the bounds of `limits`.

    Errors: ValueError (exponents, NaN, infinities, `1_000`, spaces, too many digits).
    """
    if len(text) > _TEXT_CHARS_MAX or not _DECIMAL.fullmatch(text):
        raise ValueError(
            f"must be a decimal of at most {INTEGER_DIGITS_MAX} digits before the point "
            f"and {FRACTION_DIGITS_MAX} after it"
        )
    return Decimal(text)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros: `1200`, `0.000003`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def to_decimal(value: object) -> Decimal:
    """Read what a caller may give for a decimal: Decimal, int, str, or a float as it prints.

    Errors: ValueError. A computed float such as 0.30000000000000004 has too many places.
    """
    if isinstance(value, bool):
        raise ValueError("must be a decimal, not a boolean")
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, int):
        if abs(value) >= 10**INTEGER_DIGITS_MAX:  # before str(): a long int takes long to print
            raise ValueError(f"must have at most {INTEGER_DIGITS_MAX} digits")
        return Decimal(value)
    if isinstance(value, float):
        value = Decimal(repr(value)) if value - value == 0 else Decimal("NaN")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("must be a finite number")
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        if value.adjusted() >= INTEGER_DIGITS_MAX or exponent < -(FRACTION_DIGITS_MAX + 30):
            return parse_decimal("")  # the same refusal, without writing 10^9 digits
        try:
            return parse_decimal(plain(value))
        except ValueError as error:
            raise ValueError(f"{error}; pass a Decimal with fewer places") from None
    raise ValueError("must be a decimal in a string")
