"""Real processes: forks, ends of the interpreter, kills, and a server on a real socket."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .tracked import answer

ROOT = Path(__file__).parents[2]
SETUP = """
import os, sys, time
from tallybook import Tallybook
client = Tallybook("tb_test_x", base_url=os.environ["SERVER"], flush_interval=60.0,
                   flush_at=int(os.environ.get("FLUSH_AT", 1000)), max_queue_size=100_000,
                   spool=os.environ.get("SPOOL"))
def track(n):
    client.track(customer_id="cus_1", meter="calls", attributes={"n": n})
"""


class Server:
    """Stores the first of each key, and counts how often each key came."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.numbers: list[Any] = []
        self.batches = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                events = json.loads(self.rfile.read(length))["events"]
                body = json.dumps(outer.store(events)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def store(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        self.batches += 1

        def judge(n: int, item: dict[str, Any]) -> str:
            key = item["idempotency_key"]
            self.keys[key] = self.keys.get(key, 0) + 1
            if self.keys[key] > 1:
                return "duplicate"
            self.numbers.append(item["attributes"]["n"])
            return "accepted"

        return answer(events, judge)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def start(code: str, server: Server, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + code],
        env={"PYTHONPATH": str(ROOT / "src"), "SERVER": server.url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(code: str, server: Server, **environment: str) -> str:
    process = start(code, server, **environment)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 0, told
    return told


def test_the_end_of_the_interpreter_sends_the_one_that_waits(server: Server) -> None:
    run("track(1)", server)
    assert server.numbers == [1]


def test_the_end_of_the_interpreter_does_not_wait_for_a_server_that_is_gone() -> None:
    gone = Server()
    gone.close()
    started_s = time.monotonic()
    told = run("track(1)", gone)
    assert time.monotonic() - started_s < 20.0
    assert "1 tracked events dropped: shutdown" in told


def test_an_exception_that_ends_the_program_loses_nothing(server: Server) -> None:
    process = start("track(1)\nraise SystemExit(3)", server)
    process.communicate(timeout=30)
    assert (process.returncode, server.numbers) == (3, [1])


def test_a_child_of_a_fork_sends_its_own_and_nothing_of_the_parents(server: Server) -> None:
    code = """
track("before")
client.track_immediate(customer_id="cus_1", meter="calls", attributes={"n": "warm"})
if os.fork() == 0:
    assert client.queue_stats().queued == 0
    track("child")
    assert client.flush(5).accepted == 1
    sys.exit()
track("parent")
client.shutdown()
os.wait()
"""
    run(code, server)
    assert sorted(server.numbers) == ["before", "child", "parent", "warm"]
    assert set(server.keys.values()) == {1}


def test_many_children_of_a_fork_amid_the_work_of_other_threads(server: Server) -> None:
    code = """
import threading
def work(start):
    for n in range(start, start + 200):
        track(n)
threads = [threading.Thread(target=work, args=(k * 200,)) for k in range(3)]
for thread in threads: thread.start()
for k in range(5):
    if os.fork() == 0:
        track(10_000 + k)
        assert client.flush(10).accepted == 1
        os._exit(0)
for thread in threads: thread.join()
for _ in range(5): assert os.wait()[1] == 0
client.shutdown()
"""
    run(code, server, FLUSH_AT="20")
    assert sorted(server.numbers) == [*range(600), *range(10_000, 10_005)]
    assert set(server.keys.values()) == {1}


def test_a_fork_of_a_fork_of_a_client_with_a_spool(server: Server, tmp_path: Path) -> None:
    code = """
track("parent")
if os.fork() == 0:
    track("child")
    if os.fork() == 0:
        track("grandchild")
        os._exit(0)  # no more is said of it: its event is on disk
    os.wait()
    os._exit(0)
os.wait()
os._exit(0)
"""
    run(code, server, SPOOL=str(tmp_path / "spool"))
    assert server.numbers == []
    run("client.flush(10)", server, SPOOL=str(tmp_path / "spool"))
    assert sorted(server.numbers) == ["child", "grandchild", "parent"]
    assert set(server.keys.values()) == {1}


@pytest.mark.parametrize("flush_at", ["1000", "7"])
def test_a_killed_process_loses_no_event_that_it_tracked(
    server: Server, tmp_path: Path, flush_at: str
) -> None:
    code = """
for n in range(10_000_000):
    track(n)
    print(n, flush=True)
"""
    spool = str(tmp_path / "spool")
    process = start(code, server, SPOOL=spool, FLUSH_AT=flush_at)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    tracked = [int(line) for line in told + rest if line.endswith("\n")]
    run("client.flush(20); assert client.queue_stats().queued == 0", server, SPOOL=spool)
    assert len(tracked) >= 500
    assert set(tracked) <= set(server.numbers)
    assert len(server.numbers) == len(set(server.numbers))


def test_a_server_that_comes_back_gets_what_the_spool_kept(tmp_path: Path) -> None:
    gone = Server()
    gone.close()
    run("for n in range(50): track(n)\nclient.flush(0.3)", gone, SPOOL=str(tmp_path / "spool"))
    back = Server()
    run("client.flush(10)", back, SPOOL=str(tmp_path / "spool"))
    back.close()
    assert back.numbers == list(range(50))
    assert os.path.getsize(tmp_path / "spool") == 0  # noqa: PTH202
