"""All of mail's SQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx

from .models import Mail, MailKind, MailStatus
from .tables import mails

_QUEUED = MailStatus.QUEUED.value


def add(tx: Tx, space: SpaceId, mail: Mail, *, next_at: datetime) -> None:
    row = {
        "space_id": space,
        "id": mail.id,
        "kind": mail.kind.value,
        "customer_id": mail.customer_id,
        "invoice_id": mail.invoice_id,
        "recipient": mail.recipient,
        "status": mail.status.value,
        "attempts": mail.attempts,
        "next_at": next_at,
        "last_error": None,
        "sent_at": None,
        "created_at": mail.created_at,
    }
    tx.execute(insert(mails), [row])


def is_waiting(tx: Tx, *, now: datetime) -> bool:
    """Tell whether any space has a mail to send now."""
    return tx.execute(select(mails.c.id).where(mails.c.next_at <= now).limit(1)).first() is not None


def claim(tx: Tx, *, now: datetime, until: datetime, limit: int) -> list[Mail]:
    """Count an attempt of what is to be sent, and keep others from it until a time."""
    t = mails.c
    query = select(mails).where(t.next_at <= now).order_by(t.next_at, t.id).limit(limit)
    if not tx.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    claimed = []
    for row in tx.execute(query).mappings().all():
        attempts = row["attempts"] + 1
        mine = (t.space_id == row["space_id"], t.id == row["id"])
        tx.execute(update(mails).where(*mine).values(attempts=attempts, next_at=until))
        claimed.append(_from_row({**row, "attempts": attempts}))
    return claimed


def settle(
    tx: Tx,
    space: SpaceId,
    mail: Mail,
    *,
    status: MailStatus,
    error: str | None,
    next_at: datetime | None,
    sent_at: datetime | None,
) -> bool:
    """Write what became of an attempt; False if somebody else has made another since."""
    t = mails.c
    mine = (
        t.space_id == space,
        t.id == mail.id,
        t.attempts == mail.attempts,
        t.status == _QUEUED,
    )
    changes = {
        "status": status.value,
        "last_error": error,
        "next_at": next_at,
        "sent_at": sent_at,
    }
    return bool(tx.execute(update(mails).where(*mine).values(changes)).rowcount)


def skip_waiting(tx: Tx, *, now: datetime) -> int:
    """Give up what waits, in every space; return how many."""
    changes = {"status": MailStatus.SKIPPED.value, "next_at": None}
    waiting = update(mails).where(mails.c.next_at <= now, mails.c.status == _QUEUED)
    return tx.execute(waiting.values(changes)).rowcount


def list_of_invoice(tx: Tx, space: SpaceId, invoice_id: str) -> list[Mail]:
    t = mails.c
    query = select(mails).where(t.space_id == space, t.invoice_id == invoice_id)
    return [_from_row(row) for row in tx.execute(query.order_by(t.id)).mappings()]


def _from_row(row: Mapping[Any, Any]) -> Mail:
    return Mail(
        id=row["id"],
        space=SpaceId(row["space_id"]),
        kind=MailKind(row["kind"]),
        customer_id=row["customer_id"],
        invoice_id=row["invoice_id"],
        recipient=row["recipient"],
        status=MailStatus(row["status"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        last_error=row["last_error"],
    )
