"""The feed: whoever follows it misses nothing, in whatever order transactions commit."""

import threading
from typing import Any

import pytest

from tallybook.server.kernel import clock
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.pages import PageRequest
from tallybook.server.webhooks import feed
from tallybook.server.webhooks.errors import WebhookEventNotFound

from .conftest import Desk
from .receiver import Receiver


def read(desk: Desk, after: str | None = None, limit: int = 100) -> list[str]:
    """Follow the feed once, as the route does."""
    desk.db.write_now(lambda tx: feed.publish_all(tx, now=clock.now()))

    def work(tx: Tx) -> list[str]:
        rows = feed.page_after(tx, desk.space, PageRequest(limit), after=after)
        return [row["message"].id for row in rows.rows]

    return desk.db.read(work)


def test_the_feed_goes_on_after_an_event(desk: Desk) -> None:
    told = [desk.tell(object_id=f"cus_{number}") for number in range(5)]
    assert read(desk) == told
    assert read(desk, told[1], limit=2) == told[2:4]
    assert read(desk, told[-1]) == []
    later = desk.tell()
    assert read(desk, told[-1]) == [later]
    with pytest.raises(WebhookEventNotFound):
        read(desk, "msg_none")


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_the_lower_position_commits_last_and_is_not_missed(desk: Desk, receiver: Receiver) -> None:
    """Two writers; the first to take a position is the last to commit; readers in between.

    SQLite has one writer: there positions rise as they commit.
    """
    desk.endpoint(receiver.url)
    first_wrote, may_commit = threading.Event(), threading.Event()
    ids: dict[str, str] = {}

    def slow(tx: Any) -> None:
        ids["slow"] = outbox.append(
            tx, desk.space, event="invoice.paid", object_id="inv_1", data={}, at=clock.now()
        )
        first_wrote.set()
        assert may_commit.wait(10)

    running = desk.db.write(slow)
    assert first_wrote.wait(10)
    ids["fast"] = desk.tell()
    seen = read(desk)
    assert seen == [ids["fast"]]
    assert desk.deliver() == 1
    may_commit.set()
    running.result(10)
    seen += read(desk, seen[-1])
    assert seen == [ids["fast"], ids["slow"]]
    assert desk.deliver() == 1
    assert len(receiver.got) == 2


def test_many_writers_and_readers_miss_nothing(desk: Desk) -> None:
    writers, each = 6, 25
    done = threading.Event()
    seen: list[str] = []
    told: list[str] = []

    def write(number: int) -> None:
        for _ in range(each):
            told.append(desk.tell(object_id=f"cus_{number % 3}"))

    def follow() -> None:
        while True:
            over = done.is_set()
            new = read(desk, seen[-1] if seen else None)
            seen.extend(new)
            if over and not new:
                return

    follower = threading.Thread(target=follow)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in [follower, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    assert len(seen) == len(set(seen)) == writers * each
    assert set(seen) == set(told)


def test_two_publishers_give_each_message_one_position(desk: Desk) -> None:
    for number in range(30):
        desk.tell(object_id=f"cus_{number}")
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(desk.publish())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 30
    assert len(read(desk)) == 30
