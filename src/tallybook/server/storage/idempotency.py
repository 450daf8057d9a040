"""Answers kept beside their effects, so that a repeated request gets the same bytes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, delete, func, select

from tallybook.server.kernel.ids import SpaceId

from .errors import IdempotencyInProgress, IdempotencyKeyReused
from .prepared import SPACE, Prepared
from .tables import idempotency_records
from .tx import Tx

KEPT_FOR: Final = timedelta(days=30)
_t = idempotency_records.c
_LOCK: Final = Prepared(
    lambda _: select(
        func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)).label("held")
    )
)
_FIND: Final = Prepared(
    lambda _: select(_t.fingerprint, _t.status, _t.body).where(
        _t.space_id == SPACE, _t.route == bindparam("route"), _t.key == bindparam("key")
    )
)
_KEEP: Final = Prepared(lambda insert: insert(idempotency_records))


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
        lock = tx.row(_LOCK, name=f"idempotency:{space}:{route}:{key}")
        if lock is None or not lock["held"]:
            raise IdempotencyInProgress()
    row = tx.row(_FIND, space=space, route=route, key=key)
    if row is None:
        return None
    if bytes(row["fingerprint"]) != print_of:
        raise IdempotencyKeyReused(idempotency_key=key)
    return Answer(row["status"], bytes(row["body"]))


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
    tx.run(_KEEP, row)


def forget(tx: Tx, now: datetime) -> int:
    """Delete the records that are older than KEPT_FOR; return how many."""
    old = idempotency_records.c.created_at < now - KEPT_FOR
    return tx.execute(delete(idempotency_records).where(old)).rowcount
