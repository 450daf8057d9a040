"""The numbers of invoices."""

from typing import Final

INVOICES: Final = "INV"
CREDIT_NOTES: Final = "CN"
_DIGITS_MIN: Final = 6


def format_number(series: str, count: int) -> str:
    """Return the number of the count-th document of a series of a space: `INV-000001`."""
    if count < 1:
        raise ValueError("documents are counted from 1")
    return f"{series}-{count:0{_DIGITS_MIN}d}"
