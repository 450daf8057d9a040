"""The command line in process, and a server that answers as the API's contract says."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tallybook.server.cli.app import app


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of who runs it."""
    for name in ("API_KEY", "BASE_URL", "CONFIG", "DATA_DIR", "DATABASE_URL", "HOST", "PORT"):
        monkeypatch.delenv(f"TALLYBOOK_{name}", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command: `run("projects", "create", "Acme")`."""

    def run(*args: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(args), env=environment)

    return run


@dataclass
class BatchServer:
    """Keeps events by key, as `POST /events/batch` does; `faults` are statuses sent first."""

    url: str = ""
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    busy: int = 0  # items that are told to come again
    backfill: list[bool] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.sizes.append(len(body["events"]))
        self.backfill.append(body["backfill"])
        results = [
            {"index": index, **self._take(event)} for index, event in enumerate(body["events"])
        ]
        said = [result["status"] for result in results]
        return {
            "accepted": said.count("accepted") + said.count("unmatched"),
            "unmatched": said.count("unmatched"),
            "duplicates": said.count("duplicate"),
            "rejected": said.count("rejected"),
            "retry": said.count("retry"),
            "results": results,
        }

    def _take(self, event: dict[str, Any]) -> dict[str, Any]:
        key = event["idempotency_key"]
        if self.busy:
            self.busy -= 1
            return {"status": "retry", "idempotency_key": key}
        if event.get("quantity", "1").startswith("-"):
            return {"status": "rejected", "code": "invalid_quantity", "detail": "negative"}
        if key in self.events:
            same = self.events[key] == event
            return {"status": "duplicate", "code": None if same else "conflict"}
        self.events[key] = event
        known = event["customer_external_id"] != "nobody"
        return {"status": "accepted" if known else "unmatched", "idempotency_key": key}


@pytest.fixture
def batches() -> Iterator[BatchServer]:
    state = BatchServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.keys.add(self.headers["authorization"].removeprefix("Bearer "))
            status = state.faults.pop(0) if state.faults else 200
            if status == 200:
                answer = state.answer(json.loads(body))
            else:
                answer = {"code": "unavailable", "detail": "not now", "status": status}
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(written)))
            if status == 503:
                self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)
