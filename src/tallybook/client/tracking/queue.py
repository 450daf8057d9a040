"""What to send, drop and try again: a queue without I/O, clock or lock."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from tallybook.client.options import OnOverflow
from tallybook.client.retries import backoff_s
from tallybook.wire.events import EventResult
from tallybook.wire.limits import BODY_BYTES_MAX

from .events import QueuedEvent
from .models import Answered, Batch, Counts, Drop, Failed, Outcome, Reason

PAUSE_S_MAX: Final = 3_600.0  # the longest wait that a server can ask for
_ENVELOPE_BYTES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    flush_at: int = 20
    flush_interval_s: float = 10.0  # 0: no timer
    max_batch_size: int = 100
    max_queue_size: int = 1000
    max_retries: int = 3
    on_overflow: OnOverflow = "drop_oldest"
    durable: bool = False  # what fails for now stays, however often


@dataclass(slots=True)
class Watch:
    """What becomes of the events up to `target`, from now on."""

    target: int
    results: list[EventResult] = field(default_factory=list)


class TrackQueue:
    """Events in their order, of which one batch at most is being sent.

    Holds: an event leaves by an answer of the server or by a Drop, and never otherwise; what is
    tried again keeps its place, its key and its bytes; nothing is sent while the lane pauses.
    """

    def __init__(self, options: QueueOptions) -> None:
        self.options = options
        self.counts = Counts()
        self.outside: int | None = None  # the sequence of the first event on disk only
        self._pending: deque[QueuedEvent] = deque()
        self._sending: Batch | None = None
        self._settled = False  # the batch is done with, and about to be told
        self.paused_until_s = 0.0
        self._drain_to = -1
        self.batch_max = options.max_batch_size
        self._watches: list[Watch] = []

    def __len__(self) -> int:
        return len(self._pending) + len(self._in_flight())

    @property
    def is_full(self) -> bool:
        return len(self._pending) >= self.options.max_queue_size

    @property
    def room(self) -> int:
        return max(0, self.options.max_queue_size - len(self._pending))

    def put(self, event: QueuedEvent) -> Drop | None:
        """Take an event in; a full queue drops its oldest, or this one."""
        dropped = None
        if self.is_full and not self.options.durable:
            newest = self.options.on_overflow != "drop_oldest"
            victim = event if newest else self._pending.popleft()
            dropped = self._drop(Reason.OVERFLOW, [victim], "the queue was full")
            if newest:
                return dropped
        self._pending.append(event)
        return dropped

    def take(self, now_s: float) -> Batch | None:
        """Return the batch to send now; it must come back through `settle` and `release`."""
        due = self.due_at()
        if self._sending is not None or due is None or due > now_s:
            return None
        size, events = _ENVELOPE_BYTES, list[QueuedEvent]()
        while self._pending and len(events) < self.batch_max:
            size += len(self._pending[0].body) + 1
            if size > BODY_BYTES_MAX and events:
                break
            events.append(self._pending.popleft())
        self._sending, self._settled = Batch(tuple(events)), False
        return self._sending

    def due_at(self) -> float | None:
        """Return when there is something to send; None while there is nothing to wait for."""
        if self._sending is not None or not self._pending:
            return None
        first, options = self._pending[0], self.options
        blocks = options.on_overflow == "block" and self.is_full
        if (
            len(self._pending) >= options.flush_at
            or first.sequence <= self._drain_to
            or first.tries
            or blocks
        ):
            return self.paused_until_s
        if options.flush_interval_s:
            return max(self.paused_until_s, first.enqueued_at_s + options.flush_interval_s)
        return None

    def settle(
        self, batch: Batch, outcome: Outcome, *, now_s: float, chance: float = 0.0
    ) -> tuple[list[QueuedEvent], list[Drop]]:
        """Return the events that are done with, and those of them that were dropped."""
        if batch is not self._sending:  # given up meanwhile
            return [], []
        self._settled = True
        match outcome:
            case Answered():
                return self._answered(batch, outcome, now_s, chance)
            case Failed(kind="smaller") if len(batch.events) > 1:
                # One bad item spoils the request: find it by halves, without counting a try.
                self.batch_max = max(1, len(batch.events) // 2)
                self._put_back(batch.events)
                return [], []
            case Failed(kind="later"):
                return self._again(batch.events, outcome, now_s, chance)
            case Failed(kind="refused") if self.options.durable:  # a key can be mended
                return self._again(batch.events, outcome, now_s, chance)
            case Failed():
                self._grow()
                reason = Reason.REFUSED if outcome.kind == "refused" else Reason.REJECTED
                drop = self._drop(reason, batch.events, str(outcome.cause), outcome.cause)
                return list(batch.events), [drop]

    def release(self, batch: Batch) -> None:
        """Let the next batch go: what became of this one has been told."""
        if batch is self._sending:
            self._sending = None

    def watch(self, last: int) -> Watch | None:
        """Drain up to `last`, and learn what becomes of it; None where nothing waits."""
        first = self.first_sequence()
        if first is None or first > last:
            return None
        self.drain(last)
        watch = Watch(last)
        self._watches.append(watch)
        return watch

    def drain(self, last: int) -> None:
        """Send all up to `last` without waiting for a number or a timer."""
        self._drain_to = max(self._drain_to, last)

    def is_over(self, watch: Watch) -> bool:
        first = self.first_sequence()
        return first is None or first > watch.target

    def unwatch(self, watch: Watch) -> list[EventResult]:
        """Return what became of the events; those that still wait are told as `retry`."""
        if watch in self._watches:
            self._watches.remove(watch)
        waiting = [*self._in_flight(), *self._pending]
        late = [
            EventResult(index=0, idempotency_key=event.key, status="retry", code="still_queued")
            for event in waiting
            if event.sequence <= watch.target
        ]
        results = [*watch.results, *late]
        return [item.model_copy(update={"index": n}) for n, item in enumerate(results)]

    def first_sequence(self) -> int | None:
        """Return the sequence of the oldest event that is not done with."""
        if self._sending is not None:
            return self._sending.events[0].sequence
        if self._pending:
            return self._pending[0].sequence
        return self.outside

    def cancel_sending(self) -> None:
        """Put the batch back that was being sent: what became of it will not be known."""
        events = self._in_flight()
        self._sending = None
        self._put_back(events)

    def give_back(self) -> list[QueuedEvent]:
        """Hand out what is not done with, to whom these events came from."""
        events = [*self._in_flight(), *self._pending]
        self._sending = None
        self._pending.clear()
        return events

    def abandon(self, reason: Reason, message: str) -> list[Drop]:
        """Empty the queue; a durable one loses nothing by it."""
        events = self.give_back()
        if not events or self.options.durable:
            return []
        return [self._drop(reason, events, message)]

    def _answered(
        self, batch: Batch, outcome: Answered, now_s: float, chance: float
    ) -> tuple[list[QueuedEvent], list[Drop]]:
        told = {item.index: item for item in outcome.results}
        again, rejected, done = [], [], []
        for index, event in enumerate(batch.events):
            result = told.get(index)
            if result is None or result.status == "retry":
                again.append(event)
                continue
            done.append(event)
            if result.status == "rejected":
                rejected.append((event, result))
            else:
                self.counts.delivered += 1
                self._tell(event, result)
        drops = []
        if rejected:
            why = sorted({f"{result.code}: {result.detail}" for _, result in rejected})
            events = [event for event, _ in rejected]
            drops.append(self._drop(Reason.REJECTED, events, "; ".join(why[:3]), tell=False))
            for event, result in rejected:
                self._tell(event, result)
        self._grow()
        if again:
            late = Failed(TimeoutError("the server asked to try again"), "later")
            gone, more = self._again(again, late, now_s, chance)
            return done + gone, drops + more
        return done, drops

    def _again(
        self, events: Iterable[QueuedEvent], failed: Failed, now_s: float, chance: float
    ) -> tuple[list[QueuedEvent], list[Drop]]:
        tried = [replace(event, tries=event.tries + 1) for event in events]
        given_up = [
            event
            for event in tried
            if event.tries > self.options.max_retries and not self.options.durable
        ]
        kept = [event for event in tried if event not in given_up]
        delay_s = backoff_s(max((event.tries for event in tried), default=1) - 1, chance)
        if failed.retry_after_s is not None:
            delay_s = min(failed.retry_after_s, PAUSE_S_MAX)
        if kept or failed.retry_after_s is not None:
            self.paused_until_s = max(self.paused_until_s, now_s + delay_s)
        self._put_back(kept)
        if not given_up:
            return [], []
        drop = self._drop(Reason.UNDELIVERED, given_up, str(failed.cause), failed.cause)
        return given_up, [drop]

    def _put_back(self, events: Iterable[QueuedEvent]) -> None:
        self._pending.extendleft(reversed(list(events)))

    def _in_flight(self) -> tuple[QueuedEvent, ...]:
        return self._sending.events if self._sending and not self._settled else ()

    def _grow(self) -> None:
        self.batch_max = min(self.batch_max * 2, self.options.max_batch_size)

    def _drop(
        self,
        reason: Reason,
        events: Iterable[QueuedEvent],
        message: str,
        cause: Exception | None = None,
        *,
        tell: bool = True,
    ) -> Drop:
        dropped = list(events)
        self.counts.dropped[reason] += len(dropped)
        for event in dropped if tell else ():
            result = EventResult(
                index=0,
                idempotency_key=event.key,
                status="rejected",
                code=reason.value,
                detail=message,
            )
            self._tell(event, result)
        return Drop(reason, [event.fields for event in dropped], message, cause)

    def _tell(self, event: QueuedEvent, result: EventResult) -> None:
        for watch in self._watches:
            if event.sequence <= watch.target:
                watch.results.append(result)
