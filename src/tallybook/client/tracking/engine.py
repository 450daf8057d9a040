"""What both drivers share: taking events in, and telling what became of them."""

import json
import logging
import os
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import httpx2

from tallybook.client.calls import Call, prepare
from tallybook.client.errors import DeliveryError
from tallybook.client.keys import new_key
from tallybook.client.options import ClientOptions, OnError
from tallybook.client.responses import parse_model
from tallybook.client.types.usage import BatchResult

from .events import OversizeEvent, QueuedEvent, batch_body, write_cost, write_event
from .forks import survive_forks
from .models import Answered, Batch, Drop, Outcome, QueueStats, Reason
from .outcomes import outcome_of
from .queue import QueueOptions, TrackQueue, Watch
from .spool import Spool

logger = logging.getLogger("tallybook")
SYNC_INTERVAL_S: Final = 1.0  # what a spool may lose when the machine loses power
EXIT_BUDGET_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    queue: QueueOptions
    on_error: OnError | None = None
    spool: str | os.PathLike[str] | None = None
    shutdown_timeout_s: float = 30.0
    make_key: Callable[[], str] = new_key
    room: Literal["events", "costs"] = "events"  # what it queues, and where that goes


class Engine(ABC):
    """One queue, its lock, its spool and its numbers. A driver adds what sends."""

    def __init__(self, client: Any, options: EngineOptions) -> None:
        self.client = client
        self.options = options
        self.clock = time.monotonic
        self.chance = random.random
        self.registered: dict[str, Any] = {}
        self.closed = False
        self.beside: Engine | None = None  # a second queue of the same client
        self._start_anew()
        with self.changed:
            self.open_spool()
        survive_forks(self)

    def _start_anew(self) -> None:
        """Begin with nothing: at first, and in the child of a fork."""
        self.pid = os.getpid()
        self.changed = threading.Condition()
        # The parser has locks of its own, and a child would find them taken for ever.
        self.unforkable = threading.RLock()
        durable = self.options.spool is not None
        self.queue = TrackQueue(replace(self.options.queue, durable=durable))
        self.spool: Spool | None = None
        self._next = 0
        self._sync_at_s: float | None = None
        self._spool_is_due = durable

    def open_spool(self) -> None:
        """Open the spool that is asked for; the lock is held. A fork does it when it tracks."""
        if not self._spool_is_due or self.client.options.disabled or self.closed:
            return
        self._spool_is_due = False
        path = Path(self.options.spool or "")
        try:
            self.spool = Spool(path)
        except OSError as error:  # memory is better than nothing, and than an exception
            self.queue.options = replace(self.queue.options, durable=False)
            logger.error("cannot keep tracked events in %s: %s", path, error)
            return
        self.queue.counts.recovered = self.spool.waiting
        self._next = self.spool.first_free
        self._refill()
        if self.queue.counts.recovered:
            logger.info("%d tracked events of an earlier run", self.queue.counts.recovered)
            self.queue.drain(self._next - 1)
            self.wake()

    # Taking in

    def track(self, given: Mapping[str, Any], *, disabled: bool = False) -> None:
        """Queue an event; whatever is wrong with it is counted and told, not raised.

        Errors: DeliveryError, where `on_overflow` is "raise" and the queue is full.
        """
        written = self.accept(given, disabled=disabled)
        if written is not None:
            self.put(*written)

    def accept(
        self, given: Mapping[str, Any], *, disabled: bool = False
    ) -> tuple[str, bytes] | None:
        """Return the key and the JSON of an event; None where it was dropped, and told."""
        if os.getpid() != self.pid:  # forked in a way that told nobody
            self.after_fork_in_child()
        if disabled or self.client.options.disabled:
            self.queue.counts.tracked += 1
            self.queue.counts.dropped[Reason.DISABLED] += 1
            return None
        try:
            written = self.write(given)
        except OversizeEvent as error:
            self._refuse(Reason.OVERSIZE, given, str(error), error)
            return None
        except Exception as error:  # noqa: BLE001 - `track` never raises
            self._refuse(Reason.INVALID, given, f"{type(error).__name__}: {error}", error)
            return None
        if written is None:
            self._refuse(Reason.REDACTED, given, "taken out by redact")
        return written

    def put(self, key: str, body: bytes) -> None:
        """Queue what was accepted. Errors: DeliveryError, as `track`."""
        if (drop := self._put(key, body)) is not None:
            self.report([drop])

    def write(self, given: Mapping[str, Any]) -> tuple[str, bytes] | None:
        """Return the key and the JSON of an event. Errors: TypeError, ValueError."""
        if self.options.room == "costs":
            return write_cost(given, make_key=self.options.make_key)
        return write_event(
            given,
            registered=self.registered,
            redact=self.client.options.redact,
            make_key=self.options.make_key,
        )

    def write_one(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the body that sends one event alone. Errors: TypeError, ValueError."""
        written = write_event(
            given,
            registered=self.registered,
            redact=self.client.options.redact,
            make_key=self.options.make_key,
            now=None,
        )
        return None if written is None else {"events": [json.loads(written[1])]}

    def register(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes to every event from now on."""
        self.registered = {**self.registered, **deepcopy(dict(attributes))}

    def unregister(self, key: str) -> None:
        self.registered = {name: v for name, v in self.registered.items() if name != key}

    def _put(self, key: str, body: bytes) -> Drop | None:
        with self.changed:
            self.open_spool()
            self.queue.counts.tracked += 1
            if self.queue.is_full and self.spool is None:
                if self.queue.options.on_overflow == "raise":
                    self.queue.counts.tracked -= 1
                    fields = [json.loads(body)]
                    raise DeliveryError("the queue is full", events=fields, reason=Reason.OVERFLOW)
                if self.queue.options.on_overflow == "block":
                    self.wait_for_room()
            if self.closed:
                self.queue.counts.dropped[Reason.CLOSED] += 1
                return Drop(Reason.CLOSED, [json.loads(body)], "the client is shut down")
            drop = self._enqueue(key, body)
            self.wake()
            return drop

    def _enqueue(self, key: str, body: bytes) -> Drop | None:
        sequence = self._next
        if self.spool is not None:
            outside = self.queue.is_full or self.spool.waiting > 0
            self.spool.first_free = max(self.spool.first_free, sequence)
            try:
                sequence = self.spool.append(body, handed_out=not outside)
            except OSError as error:
                logger.error("cannot write to the spool: %s", error)
                self.queue.options = replace(self.queue.options, durable=False)
                outside = False
            if self._sync_at_s is None:
                self._sync_at_s = self.clock() + SYNC_INTERVAL_S
            if outside:
                self._next = sequence + 1
                self.queue.outside = self.spool.next_sequence()
                return None
        self._next = sequence + 1
        return self.queue.put(QueuedEvent(sequence, key, body, self.clock()))

    def _refill(self) -> None:
        """Take events into memory that wait on disk."""
        if self.spool is None:
            return
        for sequence, body in self.spool.read(self.queue.room):
            event = QueuedEvent(sequence, "", body, self.clock())
            self.queue.put(replace(event, key=event.fields["idempotency_key"]))
        self.queue.outside = self.spool.next_sequence()

    # For the drivers

    @abstractmethod
    def wake(self) -> None:
        """Let the driver look at the queue; the lock is held."""

    @abstractmethod
    def wait_for_room(self) -> None:
        """Wait until the queue has room or is closed; the lock is held."""

    def due_in(self) -> float | None:
        """Return the seconds until there is something to do; None: until woken."""
        due = [at for at in (self.queue.due_at(), self._sync_at_s) if at is not None]
        return max(0.0, min(due) - self.clock()) if due else None

    def take(self) -> Batch | None:
        """Return the batch to send now; the lock is held."""
        batch = self.queue.take(self.clock())
        if self._sync_at_s is not None and (batch or self._sync_at_s <= self.clock()):
            self.sync_spool()
        return batch

    def sync_spool(self) -> None:
        self._sync_at_s = None
        if self.spool is not None:
            try:
                self.spool.sync()
            except OSError as error:
                logger.error("cannot sync the spool: %s", error)

    def call_of(self, batch: Batch) -> Call:
        """Return the request that sends a batch: one try, the queue does the rest."""
        options: ClientOptions = self.client.options
        asked = {"timeout": options.request_timeout, "max_retries": 0}
        room = self.options.room
        call = prepare(options, "POST", f"/{room}/batch", body={}, options=asked)
        return replace(call, content=batch_body([event.body for event in batch.events], room))

    def read(self, response: httpx2.Response) -> Outcome:
        """Return what an answer says. Errors: UnreadableResponseError."""
        with self.unforkable:
            return Answered(parse_model(response, BatchResult, self.client).results)

    def outcome_of(self, error: Exception) -> Outcome:
        logger.debug("a batch was not delivered: %s", type(error).__name__)
        return outcome_of(error, datetime.now(UTC))

    def settle(self, batch: Batch, outcome: Outcome) -> None:
        """Act on what became of a batch, tell of drops, and let the next one go."""
        with self.changed:
            done, drops = self.queue.settle(
                batch, outcome, now_s=self.clock(), chance=self.chance()
            )
        self.report(drops)  # before the events leave the spool, and before `flush` returns
        with self.changed:
            if self.spool is not None and done:
                try:
                    self.spool.done(event.sequence for event in done)
                except OSError as error:
                    logger.error("cannot write to the spool: %s", error)
            self._refill()
            self.queue.release(batch)

    def watch(self) -> Watch | None:
        with self.changed:
            return self.queue.watch(self._next - 1)

    def finish(self) -> None:
        """Give up what is left, and close the spool."""
        with self.changed:
            self.closed = True
            drops = self.queue.abandon(Reason.SHUTDOWN, "not sent before the time was over")
            spool, self.spool = self.spool, None
            if spool is not None:
                spool.close()
        self.report(drops)

    # Telling

    def stats(self) -> QueueStats:
        with self.changed:
            counts = self.queue.counts
            return QueueStats(
                queued=len(self.queue) + (self.spool.waiting if self.spool else 0),
                tracked=counts.tracked,
                recovered=counts.recovered,
                delivered=counts.delivered,
                dropped=counts.dropped.total(),
                dropped_by_reason={str(reason): n for reason, n in counts.dropped.items()},
            )

    def report(self, drops: list[Drop]) -> None:
        """Hand drops to `on_error`, or log them; never with what the events hold."""
        for drop in drops:
            number = len(drop.events)
            error = DeliveryError(
                f"{number} tracked event{'s' * (number != 1)} dropped ({drop.reason}): "
                f"{drop.message}",
                events=drop.events,
                reason=drop.reason,
            )
            error.__cause__ = drop.cause
            on_error = self.options.on_error
            level = logging.ERROR if on_error is None else logging.WARNING
            kind = type(drop.cause).__name__ if drop.cause else "no error"
            logger.log(level, "%d tracked events dropped: %s (%s)", number, drop.reason, kind)
            if on_error is None:
                continue
            try:
                on_error(error)
            except Exception:
                logger.exception("on_error failed")

    def _refuse(
        self,
        reason: Reason,
        given: Mapping[str, Any],
        message: str,
        cause: Exception | None = None,
    ) -> None:
        with self.changed:
            self.queue.counts.tracked += 1
            self.queue.counts.dropped[reason] += 1
        if reason is not Reason.REDACTED:  # that one was wished for
            self.report([Drop(reason, [dict(given)], message, cause)])

    # Forks

    def before_fork(self) -> None:
        self.changed.acquire()
        self.unforkable.acquire()

    def after_fork_in_parent(self) -> None:
        self.unforkable.release()
        self.changed.release()

    def after_fork_in_child(self) -> None:
        if self.spool is not None:
            self.spool.leave()
        self._start_anew()
        self.client.transport.after_fork()
