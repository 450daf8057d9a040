"""Runs jobs, part by part: each part is a read of its own, so that nobody waits for them."""

import logging
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Refusal
from tallybook.server.reports import rehearsal
from tallybook.server.storage import Database, Tx, jobs
from tallybook.server.storage.jobs import ATTEMPTS_MAX, Job

log = logging.getLogger("tallybook.jobs")
POLL_S: Final = 0.5


class Kind(Protocol):
    """A kind of job: what its parts are, what each gives, what they come to."""

    def plan(self, tx: Tx, space: Space, params: Mapping[str, Any]) -> list[Any]: ...
    def part(self, tx: Tx, space: Space, params: Mapping[str, Any], part: Any) -> Any: ...
    def result(self, params: Mapping[str, Any], found: list[Any]) -> dict[str, Any]: ...


KINDS: Final[Mapping[str, Kind]] = {rehearsal.KIND: rehearsal}


class JobRunner:
    """A thread that runs jobs, one after the other, until it is stopped."""

    def __init__(
        self, db: Database, *, kinds: Mapping[str, Kind] = KINDS, poll_s: float = POLL_S
    ) -> None:
        self._db, self._kinds, self._poll_s = db, kinds, poll_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="tallybook-jobs", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop after the part at hand; the next runner begins the job anew."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Run what waits until `stop`."""
        while not self._stopping.is_set():
            try:
                found = self.step()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                log.warning("jobs wait: %s", error)
                found = False
            if not found:
                self._stopping.wait(self._poll_s)

    def step(self) -> bool:
        """Run the job that waits longest; tell whether there was one."""
        now = clock.now()
        if not self._db.read(lambda tx: jobs.is_waiting(tx, now=now)):
            return False
        job = self._db.write_now(lambda tx: jobs.claim(tx, now=now))
        if job is None:
            return False
        if job.attempts > ATTEMPTS_MAX:
            self._fail(job, "its runner ended each time; the server's log says more")
            return True
        try:
            self._run(job)
        except Refusal as error:
            self._fail(job, error.message)
        except Exception:
            log.exception("job %s failed", job.id)
            self._fail(job, "an error of ours; the server's log says more")
        return True

    def _run(self, job: Job) -> None:
        kind, params = self._kinds[job.kind], job.params
        space = self._db.read(lambda tx: identity.get_space(tx, job.space))
        parts = self._db.read(lambda tx: kind.plan(tx, space, params))
        found: list[Any] = []
        for done, part in enumerate(parts):
            if self._stopping.is_set() or not self._advance(job, done, len(parts)):
                return
            found.append(self._db.read(partial(_part, kind, space, params, part)))
        result = kind.result(params, found)
        self._db.write_now(
            lambda tx: jobs.complete(tx, job, result, total=len(parts), now=clock.now())
        )

    def _advance(self, job: Job, done: int, total: int) -> bool:
        return self._db.write_now(
            lambda tx: jobs.advance(tx, job, done=done, total=total, now=clock.now())
        )

    def _fail(self, job: Job, error: str) -> None:
        self._db.write_now(lambda tx: jobs.fail(tx, job, error, now=clock.now()))


def _part(kind: Kind, space: Space, params: Mapping[str, Any], part: Any, tx: Tx) -> Any:
    return kind.part(tx, space, params, part)
