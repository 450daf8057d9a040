"""Queue mails, send what waits, and see what became of them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tallybook.server.customers.models import Customer
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx

from . import store
from .models import RETRIES, Mail, MailKind, MailStatus, Outcome

LEASE: Final = timedelta(minutes=5)  # longer than a mail server is waited for
_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)


def queue(
    tx: Tx, space: SpaceId, kind: MailKind, customer: Customer, invoice_id: str, *, at: datetime
) -> Mail | None:
    """Have a customer written to about an invoice; None where there is no address."""
    if customer.email is None:
        return None
    mail = Mail(
        id=new_id("eml"),
        space=space,
        kind=kind,
        customer_id=customer.id,
        invoice_id=invoice_id,
        recipient=customer.email,
        status=MailStatus.QUEUED,
        attempts=0,
        created_at=at,
    )
    store.add(tx, space, mail, next_at=_AT_ONCE)
    return mail


def list_of_invoice(tx: Tx, space: SpaceId, invoice_id: str) -> list[Mail]:
    """Return the mails about an invoice, the oldest first."""
    return store.list_of_invoice(tx, space, invoice_id)


def is_waiting(tx: Tx, *, now: datetime) -> bool:
    """Tell whether there is something to send; `now` is real time, as are all times of sending."""
    return store.is_waiting(tx, now=now)


def claim(tx: Tx, *, now: datetime, limit: int) -> list[Mail]:
    """Take what is to be sent; whoever dies with it leaves it to others after the lease."""
    return store.claim(tx, now=now, until=now + LEASE, limit=limit)


def settle(tx: Tx, mail: Mail, outcome: Outcome, *, now: datetime) -> Mail | None:
    """Keep what the mail server said to an attempt; None if it is somebody else's by now."""
    status, next_at, sent_at = MailStatus.SENT, None, None
    if outcome.error is None:
        sent_at = now
    elif outcome.is_final or mail.attempts > len(RETRIES):
        status = MailStatus.FAILED
    else:
        status, next_at = MailStatus.QUEUED, now + RETRIES[mail.attempts - 1]
    is_mine = store.settle(
        tx, mail.space, mail, status=status, error=outcome.error, next_at=next_at, sent_at=sent_at
    )
    return mail if is_mine else None


def skip_waiting(tx: Tx, *, now: datetime) -> int:
    """Give up what waits: there is no mail server. Returns how many."""
    return store.skip_waiting(tx, now=now)
