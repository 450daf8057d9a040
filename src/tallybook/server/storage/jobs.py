"""Long work that somebody waits for: it is run in parts, shows how far it is, and has a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import insert, select, update

from tallybook.server.kernel.ids import SpaceId, new_id

from .pages import PageRequest, Rows, fetch
from .tables import jobs
from .tx import Tx

LEASE: Final = timedelta(seconds=60)  # renewed with each part
ATTEMPTS_MAX: Final = 3  # of a job whose runner dies with it


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work. `attempts` proves the lease of whoever runs it."""

    id: str
    space: SpaceId
    kind: str
    status: JobStatus
    params: Mapping[str, Any]
    done: int  # parts
    total: int
    result: Mapping[str, Any] | None
    error: str | None
    attempts: int
    created_at: datetime
    finished_at: datetime | None


def add(
    tx: Tx,
    space: SpaceId,
    *,
    prefix: str,
    kind: str,
    params: Mapping[str, Any],
    at: datetime,
    now: datetime,
) -> Job:
    """Have a job run; `now` is real time, as are its lease and its end."""
    row = {
        "space_id": space,
        "id": new_id(prefix),
        "kind": kind,
        "status": JobStatus.QUEUED.value,
        "params": dict(params),
        "done": 0,
        "total": 0,
        "result": None,
        "error": None,
        "next_at": now,
        "attempts": 0,
        "created_at": at,
        "finished_at": None,
    }
    tx.execute(insert(jobs), [row])
    return _from_row(row)


def find(tx: Tx, space: SpaceId, job_id: str, *, kind: str) -> Job | None:
    t = jobs.c
    query = select(jobs).where(t.space_id == space, t.id == job_id, t.kind == kind)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def list_page(tx: Tx, space: SpaceId, page: PageRequest) -> tuple[Rows, list[Job]]:
    """Return a page of jobs, without their results."""
    query = select(jobs).where(jobs.c.space_id == space)
    rows = fetch(tx, query, page, key=jobs.c.id, sorts={"created_at": jobs.c.created_at})
    return rows, [_from_row(row) for row in rows.rows]


def is_waiting(tx: Tx, *, now: datetime) -> bool:
    """Tell whether a job of any space is to be run."""
    return tx.execute(select(jobs.c.id).where(jobs.c.next_at <= now).limit(1)).first() is not None


def claim(tx: Tx, *, now: datetime) -> Job | None:
    """Take the job that waits longest, of any space; one whose runner died begins anew."""
    t = jobs.c
    query = select(jobs).where(t.next_at <= now).order_by(t.next_at, t.id).limit(1)
    if not tx.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return None
    attempts = row["attempts"] + 1
    changes: dict[str, Any] = {
        "attempts": attempts,
        "status": JobStatus.RUNNING.value,
        "next_at": now + LEASE,
        "done": 0,
        "total": 0,
    }
    tx.execute(update(jobs).where(t.space_id == row["space_id"], t.id == row["id"]).values(changes))
    return _from_row({**row, **changes})


def advance(tx: Tx, job: Job, *, done: int, total: int, now: datetime) -> bool:
    """Write how far a job is; False if somebody else runs it by now."""
    return _write(tx, job, {"done": done, "total": total, "next_at": now + LEASE})


def complete(tx: Tx, job: Job, result: Mapping[str, Any], *, total: int, now: datetime) -> bool:
    """Keep the result; False if somebody else runs the job by now."""
    return _write(
        tx,
        job,
        {
            "status": JobStatus.COMPLETED.value,
            "result": dict(result),
            "done": total,
            "total": total,
            "next_at": None,
            "finished_at": now,
        },
    )


def fail(tx: Tx, job: Job, error: str, *, now: datetime) -> bool:
    """Keep why a job cannot be done."""
    status = JobStatus.FAILED.value
    return _write(tx, job, {"status": status, "error": error, "next_at": None, "finished_at": now})


def _write(tx: Tx, job: Job, changes: Mapping[str, Any]) -> bool:
    t = jobs.c
    mine = (t.space_id == job.space, t.id == job.id, t.attempts == job.attempts)
    running = t.status == JobStatus.RUNNING.value
    return bool(tx.execute(update(jobs).where(*mine, running).values(dict(changes))).rowcount)


def _from_row(row: Mapping[Any, Any]) -> Job:
    return Job(
        id=row["id"],
        space=SpaceId(row["space_id"]),
        kind=row["kind"],
        status=JobStatus(row["status"]),
        params=row["params"],
        done=row["done"],
        total=row["total"],
        result=row["result"],
        error=row["error"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
