"""The queue alone: no thread, no clock, no network; time is what the test says."""

import httpx2
import pytest

from tallybook.client.errors import APIConnectionError, error_from_response
from tallybook.client.tracking.events import QueuedEvent
from tallybook.client.tracking.models import Answered, Batch, Failed, Reason
from tallybook.client.tracking.outcomes import outcome_of
from tallybook.client.tracking.queue import QueueOptions, TrackQueue
from tallybook.wire.events import EventResult
from tests.conftest import NOW

LATER = Failed(APIConnectionError("no route"), "later")


def event(sequence: int, *, at_s: float = 0.0, size: int = 0) -> QueuedEvent:
    body = b'{"n":%d,"pad":"%b"}' % (sequence, b"x" * size)
    return QueuedEvent(sequence, f"k{sequence}", body, at_s)


def queue(number: int = 0, **options: object) -> TrackQueue:
    made = TrackQueue(QueueOptions(**options))  # type: ignore[arg-type]
    for sequence in range(number):
        made.put(event(sequence))
    return made


def numbers(batch: Batch | None) -> list[int]:
    return [item.sequence for item in batch.events] if batch else []


def answered(*statuses: str) -> Answered:
    return Answered([EventResult(index=n, status=status) for n, status in enumerate(statuses)])


def finish(made: TrackQueue, batch: Batch | None, outcome: Answered | Failed, now_s: float = 0.0):
    assert batch is not None
    done, drops = made.settle(batch, outcome, now_s=now_s)
    made.release(batch)
    return [item.sequence for item in done], drops


def test_a_batch_goes_at_the_number_or_at_the_timer() -> None:
    made = queue(2, flush_at=3, flush_interval_s=10.0)
    assert (made.take(9.9), made.due_at()) == (None, 10.0)
    assert numbers(made.take(10.0)) == [0, 1]
    made = queue(3, flush_at=3)
    assert numbers(made.take(0.0)) == [0, 1, 2]


def test_without_a_timer_only_the_number_counts() -> None:
    made = queue(2, flush_at=3, flush_interval_s=0)
    assert (made.due_at(), made.take(1e9)) == (None, None)


def test_one_batch_at_a_time_and_no_larger_than_allowed() -> None:
    made = queue(5, flush_at=1, max_batch_size=2)
    first = made.take(0.0)
    assert numbers(first) == [0, 1]
    assert made.take(0.0) is None
    finish(made, first, answered("accepted", "accepted"))
    assert numbers(made.take(0.0)) == [2, 3]


def test_a_request_stays_below_what_the_server_reads() -> None:
    made = queue(flush_at=1)
    for sequence in range(40):
        made.put(event(sequence, size=60_000))
    batch = made.take(0.0)
    assert batch is not None
    assert len(batch.events) == 17
    assert sum(len(item.body) + 1 for item in batch.events) < 1 << 20


@pytest.mark.parametrize(
    ("policy", "dropped", "kept"), [("drop_oldest", 0, [1, 2, 3]), ("drop_newest", 3, [0, 1, 2])]
)
def test_a_full_queue_drops_and_tells(policy: str, dropped: int, kept: list[int]) -> None:
    made = queue(3, max_queue_size=3, flush_at=1, on_overflow=policy)
    drop = made.put(event(3))
    assert drop is not None
    assert (drop.reason, [item["n"] for item in drop.events]) == (Reason.OVERFLOW, [dropped])
    assert numbers(made.take(0.0)) == kept
    assert made.counts.dropped == {Reason.OVERFLOW: 1}


def test_only_what_says_retry_is_sent_again_the_same_and_first() -> None:
    made = queue(4, flush_at=4)
    before = made.take(0.0)
    assert before is not None
    outcome = answered("accepted", "retry", "rejected", "retry")
    done, drops = finish(made, before, outcome)
    assert done == [0, 2]
    assert [(drop.reason, [item["n"] for item in drop.events]) for drop in drops] == [
        (Reason.REJECTED, [2])
    ]
    made.put(event(4))
    assert made.take(0.4) is None
    after = made.take(0.5)
    assert numbers(after) == [1, 3, 4]
    assert after is not None
    assert [(item.key, item.body) for item in after.events[:2]] == [
        (item.key, item.body) for item in (before.events[1], before.events[3])
    ]


def test_what_an_answer_leaves_out_is_sent_again() -> None:
    made = queue(2, flush_at=2)
    assert finish(made, made.take(0.0), answered("accepted"))[0] == [0]
    assert numbers(made.take(9.0)) == [1]


def test_statuses_of_a_newer_server_are_answers() -> None:
    made = queue(2, flush_at=2)
    assert finish(made, made.take(0.0), answered("duplicate", "quarantined")) == ([0, 1], [])
    assert made.counts.delivered == 2


def test_failures_wait_longer_each_time_and_then_drop() -> None:
    made = queue(1, flush_at=1, max_retries=2)
    assert finish(made, made.take(0.0), LATER) == ([], [])
    assert (made.take(0.4), made.due_at()) == (None, 0.5)
    assert finish(made, made.take(0.5), LATER, 0.5) == ([], [])
    assert made.due_at() == 1.5
    done, drops = finish(made, made.take(1.5), LATER, 1.5)
    assert done == [0]
    assert (drops[0].reason, drops[0].cause) == (Reason.UNDELIVERED, LATER.cause)
    assert len(made) == 0


def test_a_durable_queue_keeps_what_fails_for_now_and_what_a_key_refuses() -> None:
    made = queue(1, flush_at=1, max_retries=0, durable=True)
    now_s = 0.0
    for outcome in [LATER] * 20 + [Failed(ValueError("revoked"), "refused")] * 20:
        assert finish(made, made.take(now_s), outcome, now_s) == ([], [])
        now_s += 8.0
    assert numbers(made.take(now_s)) == [0]


def test_nothing_is_sent_while_the_server_wants_quiet() -> None:
    made = queue(1, flush_at=1)
    asked = Failed(ValueError("slow down"), "later", retry_after_s=60.0)
    finish(made, made.take(0.0), asked)
    made.put(event(1))
    assert made.watch(1) is not None
    assert (made.take(59.9), made.due_at()) == (None, 60.0)
    assert numbers(made.take(60.0)) == [0, 1]


def test_one_bad_event_takes_no_other_with_it() -> None:
    made = queue(9, flush_at=1)
    delivered, dropped = [], []
    for _ in range(40):
        batch = made.take(0.0)
        if batch is None:
            break
        bad = any(item.sequence == 5 for item in batch.events)
        refused = Failed(ValueError("unknown field"), "smaller")
        statuses = ["accepted"] * len(batch.events)
        done, drops = finish(made, batch, refused if bad else answered(*statuses))
        (dropped if drops else delivered).extend(done)
    assert (delivered, dropped) == ([0, 1, 2, 3, 4, 6, 7, 8], [5])


def test_what_is_refused_as_a_whole_is_dropped_as_a_whole() -> None:
    made = queue(3, flush_at=1)
    done, drops = finish(made, made.take(0.0), Failed(ValueError("revoked"), "refused"))
    assert done == [0, 1, 2]
    assert [(drop.reason, len(drop.events)) for drop in drops] == [(Reason.REFUSED, 3)]


def test_a_watch_sees_its_own_events_to_the_end() -> None:
    made = queue(2, flush_at=100)
    watch = made.watch(1)
    assert watch is not None
    made.put(event(2))
    first = made.take(0.0)
    made.settle(first, answered("accepted", "retry", "accepted"), now_s=0.0)  # type: ignore[arg-type]
    assert not made.is_over(watch)
    made.release(first)  # type: ignore[arg-type]
    assert not made.is_over(watch)
    finish(made, made.take(0.5), answered("duplicate"))
    assert made.is_over(watch)
    assert [item.status for item in made.unwatch(watch)] == ["accepted", "duplicate"]
    assert made.watch(2) is None


def test_what_is_still_queued_is_told_as_retry() -> None:
    made = queue(2, flush_at=1, max_batch_size=1)
    watch = made.watch(1)
    assert watch is not None
    made.take(0.0)
    assert [(item.index, item.status) for item in made.unwatch(watch)] == [
        (0, "retry"),
        (1, "retry"),
    ]


def test_an_interrupted_batch_goes_back_to_its_place() -> None:
    made = queue(3, flush_at=1, max_batch_size=2)
    batch = made.take(0.0)
    made.cancel_sending()
    assert numbers(made.take(0.0)) == [0, 1]
    assert batch is not None
    assert made.settle(batch, answered("accepted", "accepted"), now_s=0.0) == ([], [])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, "later"),
        (503, "later"),
        (429, "later"),
        (408, "later"),
        (400, "smaller"),
        (413, "smaller"),
        (422, "smaller"),
        (401, "refused"),
        (403, "refused"),
        (404, "refused"),
        (302, "refused"),
    ],
)
def test_what_a_status_means(status: int, kind: str) -> None:
    response = httpx2.Response(status, headers={"Retry-After": "7"})
    failed = outcome_of(error_from_response(response), NOW)
    assert failed.kind == kind
    assert failed.retry_after_s == (7.0 if kind == "later" else None)


def test_what_broke_on_this_side_is_tried_again() -> None:
    assert outcome_of(APIConnectionError("x"), NOW).kind == "later"
    assert outcome_of(RuntimeError("x"), NOW).kind == "later"
