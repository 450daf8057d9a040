"""Work that is due at a time: claimed with a lease, its effect made unique by who does it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update

from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.ids import SpaceId

from .errors import LeaseLost
from .prepared import SPACE, Prepared
from .tables import due_work
from .tx import Tx

LEASE: Final = timedelta(seconds=60)
TRIES_MAX: Final = 8  # then it is parked, shown by `doctor`, and no longer in the others' way

_t = due_work.c
_SCHEDULE: Final = Prepared(
    lambda insert: insert(due_work).on_conflict_do_update(
        index_elements=[_t.space_id, _t.kind, _t.subject_id],
        set_={
            "due_at": insert(due_work).excluded.due_at,
            "lease_until": None,
            "fence": _t.fence + 1,
            "attempts": 0,
            "last_error": None,
            "parked": 0,
        },
    )
)
_CANCEL: Final = Prepared(
    lambda _: delete(due_work).where(
        _t.space_id == SPACE, _t.kind == bindparam("kind"), _t.subject_id == bindparam("subject_id")
    )
)
_LEASE: Final = Prepared(
    lambda _: (
        update(due_work)
        .where(
            _t.space_id == SPACE,
            _t.kind == bindparam("of_kind"),
            _t.subject_id == bindparam("of_subject"),
        )
        .values(
            fence=bindparam("fence"),
            lease_until=bindparam("lease_until"),
            attempts=bindparam("attempts"),
        )
    )
)
_FINISH: Final = Prepared(
    lambda _: delete(due_work).where(
        _t.space_id == SPACE,
        _t.kind == bindparam("kind"),
        _t.subject_id == bindparam("subject_id"),
        _t.fence == bindparam("fence"),
    )
)


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of due work. `fence` proves the lease when the work commits."""

    space: SpaceId
    kind: str
    subject_id: str
    due_at: datetime
    fence: int
    attempts: int


def schedule(tx: Tx, space: SpaceId, *, kind: str, subject_id: str, due_at: datetime) -> None:
    """Set when `kind` falls due for a subject; an earlier date of the same kind is replaced."""
    row = {
        "space_id": space,
        "kind": kind,
        "subject_id": subject_id,
        "due_at": due_at,
        "lease_until": None,
        "fence": 0,
        "attempts": 0,
        "last_error": None,
        "parked": 0,
    }
    tx.write_all(_SCHEDULE, [row], of=("due", subject_id))


def cancel(tx: Tx, space: SpaceId, *, kind: str, subject_id: str) -> None:
    row = {"space": space, "kind": kind, "subject_id": subject_id}
    tx.write_all(_CANCEL, [row], of=("due", subject_id))


def claim(
    tx: Tx,
    *,
    now: datetime,
    clocks: Mapping[SpaceId, datetime],
    limit: int,
    only: SpaceId | None = None,
) -> list[Due]:
    """Lease what is due, the earliest first.

    `now` is the real time; `clocks` holds the time of the spaces whose clock is set.
    """
    t = due_work.c
    reached = [and_(t.space_id == space, t.due_at <= at) for space, at in clocks.items()]
    if only is None:
        reached.append(and_(t.space_id.not_in(list(clocks)), t.due_at <= now))
    elif only not in clocks:
        reached.append(and_(t.space_id == only, t.due_at <= now))
    else:
        reached = [and_(t.space_id == only, t.due_at <= clocks[only])]
    free = or_(t.lease_until.is_(None), t.lease_until <= now)
    query = (
        select(due_work)
        .where(t.parked == 0, free, or_(*reached))
        .order_by(t.due_at, t.space_id, t.kind, t.subject_id)
        .limit(limit)
    )
    if not tx.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    claimed = [
        Due(
            space=SpaceId(row["space_id"]),
            kind=row["kind"],
            subject_id=row["subject_id"],
            due_at=row["due_at"],
            fence=max(row["fence"] + 1, to_micros(now)),  # never one that was given before
            attempts=row["attempts"] + 1,
        )
        for row in tx.execute(query).mappings()
    ]
    if claimed:
        tx.run_all(_LEASE, [_lease(work, until=now + LEASE) for work in claimed])
    return claimed


def _lease(work: Due, *, until: datetime) -> dict[str, Any]:
    mine = {"space": work.space, "of_kind": work.kind, "of_subject": work.subject_id}
    return {**mine, "fence": work.fence, "lease_until": until, "attempts": work.attempts}


def take_over(tx: Tx) -> None:
    """Free what the worker before us had begun; only where there is one at a time.

    Work that failed keeps its pause.
    """
    t = due_work.c
    begun = (t.lease_until.is_not(None), t.last_error.is_(None))
    freed = {"lease_until": None, "fence": t.fence + 1}
    tx.execute(update(due_work).where(*begun).values(freed))


def finish(tx: Tx, work: Due) -> None:
    """Remove the work in the transaction of its effect, before the effect schedules more.

    Errors: LeaseLost (somebody else holds it by now): the whole transaction must go.
    """
    finish_all(tx, [work])


def finish_all(tx: Tx, works: Sequence[Due]) -> None:
    """Remove works that are done in one transaction. Errors: LeaseLost, should one be lost."""
    held = [
        {"space": w.space, "kind": w.kind, "subject_id": w.subject_id, "fence": w.fence}
        for w in works
    ]
    if tx.run_all(_FINISH, held) != len(works):
        raise LeaseLost(kind=works[0].kind, subject_id=works[0].subject_id)


def fail(tx: Tx, work: Due, *, error: str, retry_at: datetime) -> None:
    """Give failed work back, to be tried from `retry_at` (real time), or park it."""
    changes = {
        "lease_until": retry_at,
        "last_error": error[:2000],
        "parked": int(work.attempts >= TRIES_MAX),
    }
    tx.execute(update(due_work).where(*_held(work)).values(changes))


def _held(work: Due) -> tuple[ColumnElement[bool], ...]:
    t = due_work.c
    return (
        t.space_id == work.space,
        t.kind == work.kind,
        t.subject_id == work.subject_id,
        t.fence == work.fence,
    )


def next_time(tx: Tx, space: SpaceId, *, until: datetime) -> datetime | None:
    """Return when the next work of a space falls due, None where nothing does up to `until`."""
    t = due_work.c
    mine = (t.space_id == space, t.parked == 0, t.due_at <= until)
    return tx.execute(select(t.due_at).where(*mine).order_by(t.due_at).limit(1)).scalar()


def find_subjects(tx: Tx, space: SpaceId, *, kind: str, subject_ids: Collection[str]) -> list[str]:
    """Return which of the subjects have work of a kind waiting."""
    t = due_work.c
    mine = (t.space_id == space, t.kind == kind, t.subject_id.in_(subject_ids))
    query = select(t.subject_id).where(*mine).order_by(t.subject_id)
    return list(tx.execute(query).scalars()) if subject_ids else []


def list_parked(tx: Tx, space: SpaceId | None = None) -> list[tuple[SpaceId, str, str, str]]:
    """Return the work that was given up: (space, kind, subject, last error)."""
    t = due_work.c
    query = select(t.space_id, t.kind, t.subject_id, t.last_error).where(t.parked == 1)
    if space is not None:
        query = query.where(t.space_id == space)
    rows = tx.execute(query.order_by(t.due_at)).mappings()
    return [
        (SpaceId(row["space_id"]), row["kind"], row["subject_id"], row["last_error"] or "")
        for row in rows
    ]
