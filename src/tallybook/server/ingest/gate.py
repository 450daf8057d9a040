"""Where requests that arrive together become one batch of one transaction."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tallybook.server.identity.models import Space
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Refusal, Unavailable
from tallybook.server.storage import Database, Tx

from .admit import Arrival, admit
from .models import Incoming, Refused, Verdict

ITEMS_A_WRITE: Final = 2_000
ITEMS_WAITING_MAX: Final = 50_000
WRITES_AT_ONCE: Final = 4  # on PostgreSQL; on SQLite there is one writer
ITEMS_BESIDE: Final = 500  # so many begin a write beside one that is under way; fewer join the next
PATIENCE_S: Final = 0.05  # after it nobody waits for that one, which may wait for a lock


class TooBusy(Unavailable):
    """More events arrive than the database takes; send them again in a moment."""

    code = "unavailable"


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """The events of one request. `who` tells its space, inside the transaction.

    So a key that was revoked is refused by the very next request, however they are joined.
    """

    who: Callable[[Tx], Space]
    items: Sequence[Incoming | Refused]
    backfill: bool
    strict: bool
    received_at: datetime


Outcome = list[Verdict] | Refusal
Waiting = tuple[Submission, "asyncio.Future[list[Verdict]]"]


class Gate:
    """Joins what waits while a write is under way. Lives on one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[Waiting] = deque()
        self._waiting_items = 0
        self._running = 0
        self._brisk: set[Submission] = set()  # the first of each write that began a moment ago
        self._running_max = 1 if db.is_sqlite else WRITES_AT_ONCE

    async def submit(self, submission: Submission) -> list[Verdict]:
        """Return what became of the items once they are durable.

        Errors: what `who` raises; TooBusy; DatabaseUnavailable.
        """
        if self._waiting_items > ITEMS_WAITING_MAX:
            raise TooBusy()
        waiter: asyncio.Future[list[Verdict]] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, waiter))
        self._waiting_items += len(submission.items)
        self._start()
        return await waiter

    def _start(self) -> None:
        while self._waiting and self._running < self._running_max:
            if self._brisk and self._waiting_items < ITEMS_BESIDE:
                return
            group: list[Waiting] = []
            size = 0
            while self._waiting and (not group or size < ITEMS_A_WRITE):
                group.append(self._waiting.popleft())
                size += len(group[-1][0].items)
            self._waiting_items -= size
            self._write(group, asyncio.get_running_loop())

    def _write(
        self,
        group: list[Waiting],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        submissions = [submission for submission, _ in group]
        self._running += 1
        self._brisk.add(submissions[0])
        patience = loop.call_later(PATIENCE_S, self._go_on_beside, submissions[0])

        def done(future: "Future[list[Outcome]]") -> None:
            loop.call_soon_threadsafe(self._finish, group, future, patience)

        try:
            writing = self._db.write(lambda tx: admit_all(tx, submissions))
        except Exception as error:  # noqa: BLE001 - told to those who wait
            writing = Future()
            writing.set_exception(error)
        writing.add_done_callback(done)

    def _go_on_beside(self, slow: Submission) -> None:
        self._brisk.discard(slow)
        self._start()

    def _finish(
        self,
        group: list[Waiting],
        future: "Future[list[Outcome]]",
        patience: asyncio.TimerHandle,
    ) -> None:
        self._running -= 1
        patience.cancel()
        self._brisk.discard(group[0][0])
        error = future.exception()
        if error is not None and len(group) > 1 and not isinstance(error, Unavailable):
            for one in group:  # one of them spoils it for all: each alone
                self._write([one], asyncio.get_running_loop())
            return
        outcomes: Sequence[Outcome | BaseException]
        outcomes = future.result() if error is None else [error] * len(group)
        for (_, waiter), outcome in zip(group, outcomes, strict=True):
            if waiter.done():  # its client went away
                continue
            if isinstance(outcome, list):
                waiter.set_result(outcome)
            else:
                waiter.set_exception(outcome)
        self._start()


def admit_all(tx: Tx, submissions: Sequence[Submission]) -> list[Outcome]:
    """Admit the submissions of many requests, those of one space together."""
    tx.keeps_memory = True  # usage changes events, counters and costs: nobody remembers those
    outcomes: dict[Submission, Outcome] = {}
    groups: dict[tuple[int, bool, bool], tuple[Space, list[Submission]]] = {}
    for submission in submissions:
        try:
            space = submission.who(tx)
        except Refusal as refusal:
            outcomes[submission] = refusal
            continue
        group = (space.id, submission.backfill, submission.strict)
        groups.setdefault(group, (space, []))[1].append(submission)
    for space, members in groups.values():
        received_at = max(member.received_at for member in members)
        arrival = Arrival(
            now=space.now(clock.now()),
            received_at=received_at,
            backfill=members[0].backfill,
            strict=members[0].strict,
        )
        joined = [item for member in members for item in member.items]
        verdicts = iter(admit(tx, space, joined, arrival))
        for member in members:
            outcomes[member] = [next(verdicts) for _ in member.items]
    return [outcomes[submission] for submission in submissions]
