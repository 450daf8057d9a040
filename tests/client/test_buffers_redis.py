"""The buffer in a real Redis, with real processes: each use is sent once, none is lost."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from tallybook import AsyncRedisUsageBuffer, DeliveryError, RedisUsageBuffer, Tallybook
from tallybook.client.tracking.redis_keys import RedisKeys

from .redis_server import running_redis
from .stand_in import Blocking, problem
from .test_tracking_processes import ROOT, Server
from .tracked import Taker, inside, pause, until

KEYS = RedisKeys("tallybook:")


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def store(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


class Buffers:
    """Buffers of one form on the same Redis, closed at the end."""

    def __init__(self, form: Blocking, url: str) -> None:
        self.form = form
        self.url = url
        self.closers: list[Any] = []

    def make(self, taker: Taker, *, url: str | None = None, **options: Any) -> Any:
        chosen = {"flush_interval": 0, "max_buffer_size": 1_000, **options}
        client = self.form.client(taker, **chosen.pop("client", {}))
        if self.form.name == "sync":
            own: Any = redis.Redis.from_url(url or self.url)
            self.closers.append(own.close)
            return RedisUsageBuffer(client, own, **chosen)
        own = redis.asyncio.Redis.from_url(url or self.url)
        self.closers.append(own.aclose)
        return AsyncRedisUsageBuffer(client, own, **chosen)

    def close(self) -> None:
        for close in self.closers:
            self.form.do(inside(self.form, close))


@pytest.fixture
def buffers(form: Blocking, redis_url: str, store: Any) -> Iterator[Buffers]:
    made = Buffers(form, redis_url)
    yield made
    made.close()


def use(number: int, **more: Any) -> dict[str, Any]:
    return {"customer_id": "c", "meter": "m", "attributes": {"n": number}, **more}


def test_instances_share_what_waits_and_each_event_is_sent_once(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    taker, other = Taker(), Taker()
    first, second = buffers.make(taker), buffers.make(other)
    for number in range(5):
        form.do(first.track(**use(number)))
    assert store.llen(KEYS.waiting) == 5
    assert form.do(second.flush()).accepted == 5
    assert form.do(first.flush()) is None
    assert (taker.numbers, other.numbers) == ([], [0, 1, 2, 3, 4])
    assert store.keys("*") == []
    form.do(first.shutdown())
    form.do(second.shutdown())


def test_a_key_that_any_instance_saw_is_a_duplicate(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    taker = Taker()
    first, second = buffers.make(taker), buffers.make(taker, idempotency_ttl=60)
    assert form.do(second.track_with_dedup(**use(0, idempotency_key="k"))) is True
    assert form.do(first.track_with_dedup(**use(1, idempotency_key="k"))) is False
    assert 0 < store.ttl(KEYS.seen("k")) <= 60
    form.do(first.flush())
    assert form.do(first.track_with_dedup(**use(2, idempotency_key="k"))) is False
    form.do(first.shutdown())
    form.do(second.shutdown())
    assert taker.numbers == [0]


def test_another_prefix_is_another_buffer(form: Blocking, buffers: Buffers, store: Any) -> None:
    first, second = buffers.make(Taker()), buffers.make(Taker(), key_prefix="other:")
    assert form.do(first.track_with_dedup(**use(0, idempotency_key="k")))
    assert form.do(second.track_with_dedup(**use(0, idempotency_key="k")))
    assert {bytes(name).split(b"{")[0] for name in store.keys("*")} == {b"tallybook:", b"other:"}


def test_dedup_needs_a_key_of_the_callers(form: Blocking, buffers: Buffers) -> None:
    buffer = buffers.make(Taker())
    with pytest.raises(ValueError, match="idempotency_key"):
        form.do(buffer.track_with_dedup(**use(0)))


def test_a_shut_buffer_takes_nothing(form: Blocking, buffers: Buffers) -> None:
    told: list[Any] = []
    taker = Taker()
    buffer = buffers.make(taker, on_flush_error=lambda error, events: told.append(error.reason))
    form.do(buffer.track(**use(0)))
    form.do(buffer.shutdown())
    form.do(buffer.shutdown())
    assert taker.numbers == [0]
    form.do(buffer.track(**use(1)))
    assert told == ["closed"]
    with pytest.raises(DeliveryError):
        form.do(buffer.track_with_dedup(**use(1, idempotency_key="k")))


def test_a_shut_buffer_leaves_redis_alone(form: Blocking, buffers: Buffers, store: Any) -> None:
    buffer = buffers.make(Taker(), flush_interval=60)
    form.do(buffer.track(**use(0)))
    form.do(buffer.shutdown())
    asked = store.info()["total_commands_processed"]
    pause(form, 0.05)
    assert store.info()["total_commands_processed"] == asked + 1  # of this test


def test_a_disabled_client_puts_nothing_into_redis(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    buffer = buffers.make(Taker(), client={"disabled": True})
    form.do(buffer.track(**use(0)))
    assert form.do(buffer.track_with_dedup(**use(0, idempotency_key="k"))) is True
    assert store.keys("*") == []


def test_enough_or_time_sends_by_itself(form: Blocking, buffers: Buffers) -> None:
    taker, timed = Taker(), Taker()
    buffer = buffers.make(taker, max_buffer_size=2)
    form.do(buffer.track(**use(0)))
    pause(form, 0.05)
    assert taker.batches == []
    form.do(buffer.track(**use(1)))
    until(form, lambda: taker.numbers == [0, 1])
    form.do(buffer.shutdown())
    other = buffers.make(timed, flush_interval=0.02)
    form.do(other.track(**use(2)))
    until(form, lambda: timed.numbers == [2])
    form.do(other.shutdown())


def test_what_fails_for_now_stays_and_is_sent_the_same(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    taker = Taker(problem(503), judge=lambda n, item: "accepted")
    buffer = buffers.make(taker)
    for number in range(3):
        form.do(buffer.track(**use(number)))
    assert form.do(buffer.flush(timeout=0.3)) is None
    assert store.llen(KEYS.waiting) == 3
    assert form.do(buffer.flush()).accepted == 3
    assert taker.batches[0] == taker.batches[1]
    assert store.keys("*") == []
    form.do(buffer.shutdown())


def test_only_retry_items_go_back_and_rejected_ones_are_told(
    form: Blocking, buffers: Buffers
) -> None:
    told: list[Any] = []
    taker = Taker()
    taker.judge = lambda n, item: (
        ["accepted", "rejected", "retry"][item["attributes"]["n"]]
        if len(taker.batches) == 1
        else "accepted"
    )
    buffer = buffers.make(taker, on_flush_error=lambda error, events: told.extend(events))
    for number in range(3):
        form.do(buffer.track(**use(number)))
    assert [item.status for item in form.do(buffer.flush()).results] == [
        "accepted",
        "rejected",
        "accepted",
    ]
    assert taker.numbers == [0, 1, 2, 2]
    assert [item["attributes"]["n"] for item in told] == [1]
    form.do(buffer.shutdown())


def test_one_bad_event_takes_no_other_with_it(form: Blocking, buffers: Buffers) -> None:
    told: list[Any] = []
    taker = Taker(problem(422), problem(422), problem(422))
    buffer = buffers.make(taker, on_flush_error=lambda error, events: told.extend(events))
    for number in range(4):
        form.do(buffer.track(**use(number)))
    assert form.do(buffer.flush()).rejected == 1
    assert [len(batch) for batch in taker.batches[:3]] == [4, 2, 1]
    assert [item["attributes"]["n"] for item in told] == [0]
    assert sorted(set(taker.numbers)) == [0, 1, 2, 3]
    form.do(buffer.shutdown())


def test_without_redis_events_wait_in_the_process(form: Blocking, buffers: Buffers) -> None:
    taker = Taker()
    buffer = buffers.make(taker, url="redis://127.0.0.1:1/0")
    form.do(inside(form, lambda: buffer.track(**use(0))))
    assert form.do(buffer.track_with_dedup(**use(1, idempotency_key="k"))) is True
    assert form.do(buffer.flush()).accepted == 2
    assert taker.numbers == [0, 1]
    form.do(buffer.shutdown())


def test_a_batch_that_was_taken_and_not_finished_is_anothers_after_the_lease(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    taker, dead = Taker(), Taker()
    buffer = buffers.make(taker)
    gone = buffers.make(dead, lease=2.0)
    for number in range(3):
        form.do(gone.track(**use(number)))

    def die(*_: Any) -> Any:
        raise KeyboardInterrupt

    gone._send = die
    with pytest.raises(KeyboardInterrupt):
        form.do(gone.flush())
    assert store.llen(KEYS.waiting) == 0
    assert form.do(buffer.flush()) is None
    pause(form, 2.1)
    assert form.do(buffer.flush()).accepted == 3
    assert (taker.numbers, store.keys("*")) == ([0, 1, 2], [])
    form.do(buffer.shutdown())


def test_who_was_too_slow_puts_nothing_back_that_another_has(
    form: Blocking, buffers: Buffers, store: Any
) -> None:
    fast = Taker()
    quick = buffers.make(fast)
    slow_taker = Taker(problem(503))
    slow = buffers.make(slow_taker, lease=0.01)
    form.do(slow.track(**use(0)))
    real = slow._client.transport.send
    if form.name == "sync":

        def late(*given: Any) -> Any:
            time.sleep(0.05)
            quick.flush()
            return real(*given)
    else:

        async def late(*given: Any) -> Any:
            await asyncio.sleep(0.05)
            await quick.flush()
            return await real(*given)

    slow._client.transport.send = late
    form.do(slow.flush(timeout=0.3))
    assert fast.numbers == [0]
    assert store.llen(KEYS.waiting) == 0


def test_a_redis_of_the_other_form_is_refused(redis_url: str) -> None:
    with Tallybook("tb_test_x") as client, pytest.raises(TypeError, match="own form"):
        RedisUsageBuffer(client, redis.asyncio.Redis.from_url(redis_url))


WORKER = """
import os, sys, redis
from tallybook import RedisUsageBuffer, Tallybook
client = Tallybook("tb_test_x", base_url=os.environ["SERVER"])
buffer = RedisUsageBuffer(client, redis.Redis.from_url(os.environ["REDIS"]), max_buffer_size=7,
                          flush_interval=0.01, lease=float(os.environ.get("LEASE", 60)))
"""


def start(code: str, server: Server, redis_url: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER + code],
        env={"PYTHONPATH": str(ROOT / "src"), "SERVER": server.url, "REDIS": redis_url, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.mark.usefixtures("store")
def test_processes_on_one_redis_send_each_event_once(server: Server, redis_url: str) -> None:
    code = """
use = {"customer_id": "c", "meter": "m"}
new = sum(
    buffer.track_with_dedup(**use, attributes={"n": n}, idempotency_key=f"k{n}")
    for n in range(300)
)
buffer.shutdown()
print(new)
"""
    workers = [start(code, server, redis_url) for _ in range(3)]
    told = [worker.communicate(timeout=60)[0] for worker in workers]
    assert sum(int(text) for text in told) == 300, told
    assert sorted(server.numbers) == list(range(300))
    assert set(server.keys.values()) == {1}


@pytest.mark.usefixtures("store")
def test_a_process_that_is_killed_between_taking_and_sending_loses_nothing(
    server: Server, redis_url: str
) -> None:
    code = """
import time
def hang(batch):
    print("taken", len(batch.events), flush=True)
    time.sleep(60)
buffer._send = hang
for n in range(7):
    buffer.track(customer_id="c", meter="m", attributes={"n": n})
time.sleep(60)
"""
    process = start(code, server, redis_url, LEASE="0.5")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("taken")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.6)
    told, _ = start("buffer.shutdown(10)", server, redis_url).communicate(timeout=60)
    assert sorted(server.numbers) == list(range(7)), told
    assert set(server.keys.values()) == {1}


@pytest.mark.usefixtures("store")
def test_a_child_of_a_fork_has_a_buffer_of_its_own(server: Server, redis_url: str) -> None:
    code = """
buffer.track(customer_id="c", meter="m", attributes={"n": 0})
if os.fork() == 0:
    buffer.track(customer_id="c", meter="m", attributes={"n": 1})
    buffer.shutdown(10)
    os._exit(0)
buffer.track(customer_id="c", meter="m", attributes={"n": 2})
assert os.wait()[1] == 0
buffer.shutdown(10)
"""
    told, _ = start(code, server, redis_url).communicate(timeout=60)
    assert sorted(server.numbers) == [0, 1, 2], told
    assert set(server.keys.values()) == {1}


def test_importing_the_sdk_loads_no_redis() -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(ROOT, 'src'))!r}); import tallybook.client"
    code += "; print('redis' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
