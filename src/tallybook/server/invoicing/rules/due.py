"""When an invoice is due.

Source: semantics, choices 24 and 26; docs/invoices.md.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.periods import BillingPeriod, add_periods, local_midnight


def local_day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def due_on(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant from which an invoice with that due date is past due: the day's end."""
    return local_midnight(day + timedelta(days=1), zone)


def due_after(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the instant `days` local days after the issue; with 0 it is due at once."""
    return add_periods(at, BillingPeriod.DAILY, days, zone)


def issued(invoice: Invoice, *, at: datetime, zone: ZoneInfo) -> Invoice:
    """Return the invoice with its dates as they are once it is issued.

    A generated invoice is issued when it is finalized and due its terms later, to the second.
    One made by hand keeps its issue date, and is due at the end of its due date: the one
    given, or its terms after the issue date.
    """
    if invoice.is_generated:
        due_at = due_after(at, invoice.payment_terms, zone)
        return replace(
            invoice,
            issue_date=local_day(at, zone),
            due_at=due_at,
            due_date=local_day(due_at, zone),
        )
    due_date = invoice.due_date or invoice.issue_date + timedelta(days=invoice.payment_terms)
    return replace(invoice, due_date=due_date, due_at=due_on(due_date, zone))
