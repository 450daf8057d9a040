"""The short way round the framework answers as the long one does."""

import logging

import pytest
from starlette.testclient import TestClient

from tallybook.server.access import service as access

CHECK = {"customer_external_id": "acme", "feature": "calls"}


def test_a_failure_on_the_short_way_is_told_and_logged(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api.post("/customers", json={"name": "x", "external_id": "acme"})

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(access, "check", fail)
    with caplog.at_level(logging.ERROR):
        answer = api.post("/access/check", json=CHECK, headers={"X-Request-Id": "req-7"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"] == "req-7"
    assert "ZeroDivisionError" in caplog.text


def test_both_ways_have_the_same_headers(api: TestClient) -> None:
    api.post("/customers", json={"name": "x", "external_id": "acme"})
    short, long = api.post("/access/check", json=CHECK), api.get("/customers/external/acme")
    assert short.status_code == long.status_code == 200
    assert sorted(short.headers) == sorted(long.headers)
    same = set(short.headers) - {"content-length", "x-request-id"}
    assert {name: short.headers[name] for name in same} == {
        name: long.headers[name] for name in same
    }


def test_a_question_asked_before_is_still_checked(api: TestClient) -> None:
    """Bodies are remembered; who asks, and what is wrong with them, is not."""
    for _ in range(2):
        assert api.post("/access/check", json={**CHECK, "quantity": "-1"}).status_code == 422
        assert api.post("/access/check", json=CHECK).status_code == 404
        assert (
            api.post("/access/check", json=CHECK, headers={"Authorization": "x"}).status_code == 401
        )
        assert api.post("/access/check?project_id=prj_other", json=CHECK).status_code == 403
