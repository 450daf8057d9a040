"""Runs due work: claimed with a lease, each piece in a transaction of its own."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Final

from tallybook.server.identity import service as identity
from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.mail.smtp import MailServer
from tallybook.server.payments import orders
from tallybook.server.storage import Database, Tx, due, idempotency
from tallybook.server.storage.due import Due
from tallybook.server.storage.errors import LeaseLost
from tallybook.server.webhooks import delivering, feed
from tallybook.server.webhooks.rules.addresses import Network
from tallybook.server.webhooks.sender import Sender

from .charging import Charger, Gateways
from .jobs import JobRunner
from .mailing import Mailer
from .schedule import KINDS, TOGETHER, Work

log = logging.getLogger("tallybook.worker")
CLAIM_MAX: Final = 50
GROUP_MAX: Final = 50  # pieces of work in one transaction: others wait for it
IDLE_S: Final = 1.0
RETRY: Final = timedelta(seconds=5)
FORGET_EVERY_S: Final = 3600.0


def claim(db: Database, *, only: SpaceId | None = None, limit: int = CLAIM_MAX) -> list[Due]:
    """Lease what is due now, by each space's own time."""

    def work(tx: Tx) -> list[Due]:
        tx.keeps_memory = True
        clocks = identity.list_clocks(tx)
        return due.claim(tx, now=clock.now(), clocks=clocks, limit=limit, only=only)

    return db.write_now(work)


def together(db: Database, items: Sequence[Due]) -> Future[None]:
    """Begin work of one kind and space, one after another in one transaction (ADR 0012).

    Should one fail, nothing is done.
    """

    def work(tx: Tx) -> None:
        first = items[0]
        with tx.gather():
            due.finish_all(tx, items)
            space = identity.get_space(tx, first.space)
            TOGETHER[first.kind](tx, space, [item.subject_id for item in items])
            for item in items:
                KINDS[item.kind](tx, space, item.subject_id, item.due_at, space.now(clock.now()))

    return db.write(work)


def start(db: Database, item: Due, kinds: Mapping[str, Work] = KINDS) -> Future[None]:
    """Begin one piece of claimed work; its effect and its end are one transaction."""

    def work(tx: Tx) -> None:
        due.finish(tx, item)
        space = identity.get_space(tx, item.space)
        kinds[item.kind](tx, space, item.subject_id, item.due_at, space.now(clock.now()))

    return db.write(work)


def settle(db: Database, item: Due, future: Future[None], *, retry: timedelta) -> bool:
    """Wait for begun work; give it back when it failed. Tell whether it was done."""
    try:
        future.result()
    except LeaseLost:
        return False
    except Exception as error:
        log.warning("%s of %s failed: %s", item.kind, item.subject_id, error, exc_info=error)
        message = f"{type(error).__name__}: {error}"
        retry_at = clock.now() + retry * 2 ** (item.attempts - 1)
        db.write_now(lambda tx: due.fail(tx, item, error=message, retry_at=retry_at))
        return False
    return True


def run_claimed(db: Database, items: list[Due], *, retry: timedelta = RETRY) -> int:
    """Run claimed work, in groups where its kind allows; return how much was done.

    What is alone is begun together, so that its commits are shared. A group that fails is undone,
    and run one by one: what is wrong with one holds up no other.
    """
    groups = list(_groups(items))
    alone = [group[0] for group in groups if len(group) == 1]
    begun = [(group, together(db, group)) for group in groups if len(group) > 1]
    done = 0
    for group, future in begun:
        try:
            future.result()
        except Exception as error:  # noqa: BLE001 - each tells its own
            log.info("%d of %s run one by one: %s", len(group), group[0].kind, error)
            alone += group
        else:
            done += len(group)
    each = [(item, start(db, item)) for item in alone]
    return done + sum(settle(db, item, future, retry=retry) for item, future in each)


def _groups(items: Sequence[Due]) -> Iterator[list[Due]]:
    """Split work, in its order, into what runs in one transaction."""
    group: list[Due] = []
    for item in items:
        if group and (len(group) == GROUP_MAX or not _is_like(group[0], item)):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _is_like(first: Due, item: Due) -> bool:
    """Tell whether two may share a transaction: what failed before breaks no fresh group."""
    same = ("space", "kind", "attempts")
    return item.kind in TOGETHER and all(getattr(item, n) == getattr(first, n) for n in same)


def _forget(tx: Tx) -> None:
    idempotency.forget(tx, clock.now())
    feed.forget(tx, now=clock.now())
    orders.forget(tx, now=clock.now())


def _take_over(tx: Tx) -> None:
    due.take_over(tx)
    delivering.take_over(tx)
    orders.take_over(tx)


class Worker:
    """A thread each for due work, webhooks, mails, charges and jobs, until they are stopped."""

    def __init__(
        self,
        db: Database,
        *,
        idle_s: float = IDLE_S,
        webhook_networks: Sequence[Network] = (),
        mail_server: MailServer | None = None,
        gateways: Gateways | None = None,
    ) -> None:
        self._db = db
        self._mailer = Mailer(db, mail_server)
        self._jobs = JobRunner(db)
        self._charger = Charger(db, gateways or {})
        self._sender = Sender(db, allowed=webhook_networks)
        self._idle_s = idle_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._db.is_sqlite:  # its lock is ours: who had leases was killed
            self._db.write_now(_take_over)
        self._thread = threading.Thread(target=self.run, name="tallybook-worker", daemon=True)
        self._thread.start()
        self._sender.start()
        self._mailer.start()
        self._jobs.start()
        self._charger.start()

    def stop(self, timeout_s: float = 8.0) -> None:
        """Stop after the work at hand."""
        self._stopping.set()
        self._sender.stop(timeout_s)
        self._mailer.stop(timeout_s)
        self._jobs.stop(timeout_s)
        self._charger.stop(timeout_s)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Run due work until `stop`."""
        forgotten = 0.0
        while not self._stopping.is_set():
            try:
                items = claim(self._db)
                run_claimed(self._db, items)
                if time.monotonic() - forgotten > FORGET_EVERY_S:
                    forgotten = time.monotonic()
                    self._db.write_now(_forget)
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                log.warning("the worker waits: %s", error)
                items = []
            if not items:
                self._stopping.wait(self._idle_s)
