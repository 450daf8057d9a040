"""The spool: what is on disk is what is not done with, whatever happened in between."""

import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tallybook import DeliveryError, Tallybook
from tallybook.client.tracking import spool as spools
from tallybook.client.tracking.spool import Spool

from .stand_in import Blocking, problem
from .tracked import Taker, inside, track, until

USE: dict[str, Any] = {"customer_id": "cus_1", "meter": "calls"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def bodies(spool: Spool, number: int = 1_000) -> list[bytes]:
    return [item.body for item in spool.read(number)]


def body(number: int) -> bytes:
    return b'{"n":%d}' % number


def test_what_is_not_done_with_is_there_at_the_next_start(path: Path) -> None:
    spool = Spool(path)
    for number in range(4):
        assert spool.append(body(number), handed_out=True) == number
    spool.done([0, 2])
    spool.leave()
    again = Spool(path)
    assert again.waiting == 2
    assert again.next_sequence() == 1
    assert bodies(again) == [body(1), body(3)]
    assert again.append(body(4), handed_out=True) == 4
    again.close()


def test_a_file_whose_events_are_all_done_with_is_empty(path: Path) -> None:
    spool = Spool(path)
    for number in range(3):
        spool.append(body(number), handed_out=True)
    spool.done([0, 1, 2])
    assert path.stat().st_size == 0
    spool.append(body(3), handed_out=True)
    spool.leave()
    assert bodies(Spool(path)) == [body(3)]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_was_cut_short_costs_only_itself(path: Path, cut: int) -> None:
    spool = Spool(path)
    spool.append(body(0), handed_out=True)
    spool.append(body(1), handed_out=True)
    spool.leave()
    size = path.stat().st_size
    os.truncate(path, size - min(cut, size // 2))
    again = Spool(path)
    assert bodies(again) == [body(0)]
    again.append(body(2), handed_out=True)
    again.leave()
    assert bodies(Spool(path)) == [body(0), body(2)]


def test_lines_of_garbage_are_passed_over(path: Path) -> None:
    path.write_bytes(b'\0\0\0\n+1 {"n":1}\n+x {}\n-\n+2 {"n":2}\n')
    assert bodies(Spool(path)) == [body(1), body(2)]


def test_more_than_memory_takes_is_read_in_order_from_disk(path: Path) -> None:
    spool = Spool(path)
    for number in range(10):
        spool.append(body(number), handed_out=False)
    assert [item.sequence for item in spool.read(4)] == [0, 1, 2, 3]
    spool.done([0, 1])
    spool.append(body(10), handed_out=False)
    assert [item.sequence for item in spool.read(100)] == list(range(4, 11))
    assert (spool.waiting, spool.next_sequence()) == (0, None)
    spool.close()


def test_a_long_life_does_not_grow_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "COMPACT_BYTES_MIN", 1_000)
    spool = Spool(path)
    for number in range(2_000):
        spool.append(body(number), handed_out=True)
        if number >= 5:
            spool.done([number - 5])
    assert path.stat().st_size < 4_000
    spool.append(body(2_000), handed_out=False)
    spool.leave()
    assert bodies(Spool(path)) == [body(number) for number in range(1_995, 2_001)]


def test_a_living_process_keeps_its_file_and_a_dead_ones_is_taken_over(path: Path) -> None:
    first, second = Spool(path), Spool(path)
    assert first.path != second.path
    first.append(body(0), handed_out=True)
    second.append(body(1), handed_out=True)
    second.leave()
    third = Spool(path)  # the file that became free is its own
    assert bodies(third) == [body(1)]
    first.leave()
    third.leave()
    last = Spool(path)
    assert sorted(bodies(last)) == [body(0), body(1)]
    assert not third.path.exists()
    last.leave()
    assert sorted(bodies(Spool(path))) == [body(0), body(1)]


def test_the_next_start_sends_what_the_last_one_could_not(form: Blocking, path: Path) -> None:
    errors: list[DeliveryError] = []
    down = Taker(*[httpx2.ConnectError("down")] * 99)
    client = form.client(down, spool=path, max_retries=0, on_error=errors.append)
    for number in range(3):
        track(form, client, number)
    form.do(client.shutdown(timeout=0.05))
    assert errors == []
    up = Taker()
    again = form.client(up, spool=str(path), flush_interval=0)
    assert again.queue_stats().recovered == 3
    inside(form, lambda: None)
    if form.name == "sync":
        until(form, lambda: up.numbers == [0, 1, 2])
    else:
        assert form.do(again.flush()).accepted == 3
    assert up.events == down.batches[0]
    form.do(again.shutdown())
    assert path.stat().st_size == 0


def test_a_spool_outlasts_more_events_than_memory_takes(form: Blocking, path: Path) -> None:
    taker = Taker(problem(503))
    client = form.client(taker, spool=path, max_queue_size=10, flush_at=5, max_batch_size=4)
    for number in range(100):
        track(form, client, number)
    assert client.queue_stats().queued == 100
    told = form.do(client.flush())
    assert (told.accepted, told.retry) == (100, 0)
    assert list(dict.fromkeys(taker.numbers)) == list(range(100))
    stats = client.queue_stats()
    assert (stats.delivered, stats.dropped, stats.queued) == (100, 0, 0)
    form.do(client.shutdown())


def test_a_rejected_event_leaves_the_spool(form: Blocking, path: Path) -> None:
    errors: list[DeliveryError] = []
    taker = Taker(judge=lambda n, item: "rejected")
    client = form.client(taker, spool=path, on_error=errors.append)
    track(form, client, 0)
    form.do(client.flush())
    assert [error.reason for error in errors] == ["rejected"]
    form.do(client.shutdown())
    assert path.stat().st_size == 0


def test_a_spool_that_cannot_be_opened_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    taker = Taker()
    http = httpx2.Client(transport=httpx2.MockTransport(taker))
    with Tallybook("tb_test_x", http_client=http, spool=tmp_path / "file" / "spool") as client:
        client.track(**USE)
    assert len(taker.events) == 1
    assert "cannot keep tracked events" in caplog.text


def test_a_disk_that_fills_up_costs_the_durability_and_no_event(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taker = Taker()
    http = httpx2.Client(transport=httpx2.MockTransport(taker))
    client = Tallybook("tb_test_x", http_client=http, spool=path)
    client.track(**USE, attributes={"n": 0})

    def refuse(self: Spool, line: bytes) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Spool, "_write", refuse)
    client.track(**USE, attributes={"n": 1})
    client.shutdown()
    assert taker.numbers == [0, 1]
    assert "no space left" in caplog.text
