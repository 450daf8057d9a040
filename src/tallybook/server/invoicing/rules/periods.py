"""The period that an invoice or a line names."""

from datetime import datetime

from tallybook.server.invoicing.errors import PeriodBackwards
from tallybook.server.kernel.errors import FieldError


def check_period(start: datetime | None, end: datetime | None, *, pointer: str = "") -> None:
    """Raise PeriodBackwards unless the period ends after it starts."""
    if start is not None and end is not None and end <= start:
        field = FieldError(f"{pointer}/period_end", "invalid", "must lie after period_start")
        raise PeriodBackwards(errors=[field])
