"""A server as its users run it: a child process on a data directory, or on PostgreSQL."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from tallybook import Tallybook

START_S_MAX: Final = 60.0
STOP_S_MAX: Final = 10.0
COMMAND: Final = (sys.executable, "-m", "tallybook")


@dataclass
class Server:
    """`tallybook serve`, and the commands beside it."""

    directory: Path
    database_url: str | None = None  # None: the embedded database
    url: str = ""
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TALLYBOOK_")}
        env |= {"TALLYBOOK_DATA_DIR": str(self.directory / "data"), "NO_COLOR": "1"}
        if self.database_url:
            env["TALLYBOOK_DATABASE_URL"] = self.database_url
        return env

    def command(
        self, *args: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this installation to its end."""
        done = subprocess.run(
            [*COMMAND, *args],
            cwd=self.directory,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *args: str) -> Any:
        """Run a command and return what it answers."""
        return json.loads(self.command(*args, "--json").stdout)

    def start(self, *args: str, port: int = 0, command: str = "serve") -> "Server":
        """Start serving; return when it says that it answers."""
        where = ("--port", str(port)) if command == "serve" else ()
        with (self.directory / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*COMMAND, command, *where, *args],
                cwd=self.directory,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S_MAX)
        line = self.process.stdout.readline().strip() if ready else ""
        if not line:
            self.kill()
            pytest.fail(f"the server did not start:\n{self.log}", pytrace=False)
        self.said.append(line)
        self.url = line.rsplit(" ", 1)[-1]
        return self

    @property
    def log(self) -> str:
        return (self.directory / "server.log").read_text()

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[-1])

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: int = signal.SIGTERM) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = STOP_S_MAX) -> int:
        """Return the exit code of the server, which is about to end."""
        assert self.process is not None
        code = self.process.wait(timeout_s)
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.said.extend(self.process.stdout.read().splitlines())
            self.process.stdout.close()
        self.process = None
        return code

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End the server as a power cut would; nothing happens if it has ended."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def client(self, key: str, **options: Any) -> Tallybook:
        return Tallybook(key, base_url=self.url, **options)

    def get(self, path: str, key: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.get(f"{self.url}/api/v1{path}", headers=headers, timeout=15)


def empty_postgres(fresh: Callable[[], str]) -> str:
    """Return the URL of a database without any tables."""
    url = fresh()
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture
def installation(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """An installation on either database, migrated, with no server running."""
    server = Server(tmp_path)
    if engine_name == "postgresql":
        server.database_url = empty_postgres(request.getfixturevalue("postgres"))
        server.command("migrate")
    yield server
    server.kill()


@pytest.fixture
def server(installation: Server) -> Server:
    """A running server."""
    return installation.start()


def eventually(check: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.05)
