"""docs/openapi.json is what the server serves."""

import json
from pathlib import Path

from starlette.testclient import TestClient

from tallybook.server.api.openapi import standalone, written

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def test_the_committed_document_is_the_servers() -> None:
    assert COMMITTED.read_text("utf-8") == written(standalone()), "run `make openapi`"


def test_the_served_document_is_the_same(api: TestClient) -> None:
    assert api.get("/openapi.json").json() == json.loads(COMMITTED.read_text("utf-8"))


def test_every_operation_is_named_described_and_refuses_in_one_form(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    names = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation.get("description"), f"{method} {path}"
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(answer["content"]) == ["application/problem+json"], path
    assert len(names) == len(set(names))


def test_a_browser_is_led_to_the_pages(api: TestClient) -> None:
    answer = api.get("http://testserver/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/api/v1/docs")
