"""Answers kept beside their effects, so that a repeated request gets the same bytes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, insert, select, text

from tallybook.server.kernel.ids import SpaceId

from .errors import IdempotencyInProgress, IdempotencyKeyReused
from .tables import idempotency_records
from .tx import Tx

KEPT_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: a status and the exact bytes of the body."""

    status: int
    body: bytes


def fingerprint(path: str, body: bytes) -> bytes:
    return sha256(path.encode() + b"\n" + body).digest()


def find(tx: Tx, space: SpaceId, *, route: str, key: str, print_of: bytes) -> Answer | None:
    """Return the answer given before under this key, or None; hold the key until the commit.

    Errors: IdempotencyKeyReused (another body or path); IdempotencyInProgress.
    """
    if not tx.is_sqlite:  # on SQLite there is one writer
        lock = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
        if not tx.execute(lock, {"name": f"idempotency:{space}:{route}:{key}"}).scalar():
            raise IdempotencyInProgress()
    t = idempotency_records.c
    mine = (t.space_id == space, t.route == route, t.key == key)
    row = tx.execute(select(t.fingerprint, t.status, t.body).where(*mine)).one_or_none()
    if row is None:
        return None
    if bytes(row.fingerprint) != print_of:
        raise IdempotencyKeyReused(idempotency_key=key)
    return Answer(row.status, bytes(row.body))


def keep(
    tx: Tx, space: SpaceId, *, route: str, key: str, print_of: bytes, answer: Answer, at: datetime
) -> None:
    row = {
        "space_id": space,
        "route": route,
        "key": key,
        "fingerprint": print_of,
        "status": answer.status,
        "body": answer.body,
        "created_at": at,
    }
    tx.execute(insert(idempotency_records).values(row))


def forget(tx: Tx, now: datetime) -> int:
    """Delete the records that are older than KEPT_FOR; return how many."""
    old = idempotency_records.c.created_at < now - KEPT_FOR
    return tx.execute(delete(idempotency_records).where(old)).rowcount
