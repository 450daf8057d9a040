"""The examples do what they say: each receives what the server signs, and nothing else."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.kernel import clock
from tallybook.server.webhooks.rules import signing

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = signing.format_secret(b"s" * 32)
PATH = "/webhooks/tallybook"
EVENT = {
    "id": "msg_1",
    "event": "subscription.suspended",
    "created_at": "2026-03-01T12:00:00Z",
    "data": {"customer_id": "cus_1", "subscription_id": "sub_1"},
}


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TALLYBOOK_WEBHOOK_SECRET", SECRET)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["webhooks_fastapi", "webhooks_flask"])
def test_an_example_takes_what_is_signed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    example = load(name, monkeypatch)
    client: Any = example.app.test_client() if name.endswith("flask") else TestClient(example.app)
    kind = "data" if name.endswith("flask") else "content"
    body = json.dumps(EVENT).encode()
    headers = signing.headers(
        body, message_id="msg_1", sent_at_s=int(clock.now().timestamp()), secrets=[SECRET]
    )
    assert client.post(PATH, headers=headers, **{kind: body + b" "}).status_code == 400
    assert example.blocked == set()
    assert client.post(PATH, headers=headers, **{kind: body}).status_code == 204
    assert example.blocked == {"cus_1"}
