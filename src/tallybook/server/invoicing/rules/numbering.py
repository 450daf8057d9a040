"""The numbers of invoices."""

from typing import Final

PREFIX: Final = "INV"
_DIGITS_MIN: Final = 6


def format_number(count: int) -> str:
    """Return the number of the count-th finalized invoice of a space: `INV-000001`."""
    if count < 1:
        raise ValueError("invoices are counted from 1")
    return f"{PREFIX}-{count:0{_DIGITS_MIN}d}"
