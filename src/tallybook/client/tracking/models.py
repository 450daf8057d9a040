"""What is said of a queue, and of what became of a batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tallybook.client.types.usage import BatchResult
from tallybook.wire.events import EventResult

from .events import QueuedEvent


class Reason(StrEnum):
    """Why an event was dropped."""

    OVERFLOW = "queue_overflow"
    OVERSIZE = "oversize"
    INVALID = "invalid"  # cannot be written, or `redact` failed
    REDACTED = "redacted"
    REJECTED = "rejected"  # by the server, alone
    REFUSED = "refused"  # with the whole request: a revoked key, say
    UNDELIVERED = "undelivered"  # tried as often as allowed
    SHUTDOWN = "shutdown"  # still waiting when the time was over
    CLOSED = "closed"  # tracked after shutdown
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class QueueStats:
    """What a queue holds and has done, in events, in this process.

    Holds: tracked + recovered = queued + delivered + dropped, when nothing is being sent.
    """

    queued: int  # waiting or being sent; with a spool, also what waits on disk only
    tracked: int
    recovered: int  # found in the spool at the start
    delivered: int  # the server has it: stored now, or a duplicate
    dropped: int
    dropped_by_reason: Mapping[str, int]


@dataclass(slots=True)
class Counts:
    """The numbers behind QueueStats."""

    tracked: int = 0
    recovered: int = 0
    delivered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are sent together."""

    events: tuple[QueuedEvent, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Events that will not be delivered, and why."""

    reason: Reason
    events: Sequence[dict[str, object]]
    message: str
    cause: Exception | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered item by item."""

    results: Sequence[EventResult]


@dataclass(frozen=True, slots=True)
class Failed:
    """The request failed as a whole."""

    cause: Exception
    kind: Literal["later", "smaller", "refused"]  # try again, try fewer, or never
    retry_after_s: float | None = None


Outcome = Answered | Failed


def add_up(results: Sequence[EventResult]) -> BatchResult:
    """Return one answer for all of them."""
    found = Counter(item.status for item in results)
    return BatchResult(
        accepted=found["accepted"] + found["unmatched"],
        unmatched=found["unmatched"],
        duplicates=found["duplicate"],
        rejected=found["rejected"],
        retry=found["retry"],
        results=list(results),
    )
