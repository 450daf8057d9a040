"""CloudEvents 1.0 in: the three modes, and one event once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tallybook.server.ingest.formats.cloudevents import key_of
from tallybook.server.kernel import clock

STRUCTURED = "application/cloudevents+json"
EVENT = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "https://example.com/gateway",
    "type": "tokens",
    "subject": "acme",
    "data": {"tokens": 12.5, "model": "m"},
}


@pytest.fixture(autouse=True)
def sold(api: TestClient) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})
    meter = {"name": "T", "key": "tokens", "aggregation": "sum", "value_field": "tokens"}
    api.post("/meters", json=meter)
    api.post("/meters", json={"name": "C", "key": "calls", "aggregation": "sum"})


def send(api: TestClient, body: Any, kind: str = STRUCTURED, **more: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.post("/cloudevents", content=content, headers={"Content-Type": kind, **more})


def stored(api: TestClient) -> list[Any]:
    found: list[Any] = api.get("/events").json()["data"]
    return found


def test_structured(api: TestClient) -> None:
    at = f"{clock.now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    sent = {**EVENT, "time": at, "traceparent": "00-1", "datacontenttype": "application/json"}
    answer = send(api, sent, "application/cloudevents+json; charset=UTF-8")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    (event,) = stored(api)
    assert (event["meter"], event["status"], event["timestamp"]) == ("tokens", "accepted", at)
    assert event["attributes"] == EVENT["data"]
    assert event["metadata"]["cloudevent"] == {
        "source": EVENT["source"],
        "id": EVENT["id"],
        "traceparent": "00-1",
    }


def test_the_same_source_and_id_count_once_in_every_mode(api: TestClient) -> None:
    assert send(api, EVENT).json()["accepted"] == 1
    assert send(api, EVENT).json()["duplicates"] == 1
    batch = send(api, [EVENT, {**EVENT, "id": "2"}], "application/cloudevents-batch+json").json()
    assert (batch["accepted"], batch["duplicates"]) == (1, 1)
    headers = {f"ce-{name}": str(EVENT[name]) for name in EVENT if name != "data"}
    again = send(api, EVENT["data"], "application/json", **headers).json()
    assert (again["duplicates"], again["results"][0]["code"]) == (1, None)
    other = send(api, {**EVENT, "source": "/elsewhere"}).json()
    assert other["accepted"] == 1
    assert len(stored(api)) == 3


def test_binary(api: TestClient) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/gate%20way",
        "ce-type": "calls",
        "ce-subject": "acme",
        "ce-tenant": "x",
    }
    answer = send(api, {"quantity": "2.5"}, "application/json", **headers)
    assert answer.json()["accepted"] == 1
    bare = {**headers, "ce-id": "2"}
    assert api.post("/cloudevents", headers=bare).json()["accepted"] == 1
    second, first = stored(api)
    assert (first["quantity"], second["quantity"]) == ("2.5", "1")
    assert first["metadata"]["cloudevent"]["source"] == "/gate way"
    assert first["metadata"]["cloudevent"]["tenant"] == "x"
    refused = send(api, b"\x00", "application/octet-stream", **{**headers, "ce-id": "3"})
    assert refused.json()["errors"][0]["pointer"] == "/data"


def test_a_batch_is_answered_item_by_item(api: TestClient) -> None:
    bad = {name: value for name, value in EVENT.items() if name != "id"}
    unknown = {**EVENT, "id": "2", "type": "unheard"}
    answer = send(api, [EVENT, bad, unknown, 7], "application/cloudevents-batch+json").json()
    assert [item["status"] for item in answer["results"]] == [
        "accepted",
        "rejected",
        "unmatched",
        "rejected",
    ]
    assert answer["results"][1]["detail"] == "id: must be a text that is not empty"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"specversion": "0.3"}, "/specversion"),
        ({"id": ""}, "/id"),
        ({"source": None}, "/source"),
        ({"type": 5}, "/type"),
        ({"subject": ""}, "/subject"),
        ({"time": "2026-01-01T00:00:00"}, "/time"),
        ({"time": "2020-01-01T00:00:00Z"}, "/time"),
        ({"data": [1]}, "/data"),
        ({"data": {"quantity": -1}}, "/data/quantity"),
        ({"data_base64": "AA=="}, "/data"),
        ({"datacontenttype": "text/plain"}, "/data"),
        ({"actiontype": "dance"}, "/actiontype"),
    ],
)
def test_what_is_no_cloudevent_is_refused_and_nothing_is_stored(
    api: TestClient, change: Any, pointer: str
) -> None:
    answer = send(api, {**EVENT, **change})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert stored(api) == []


def test_another_kind_of_request_is_told_what_to_send(api: TestClient) -> None:
    for content, kind in ((EVENT, "application/json"), ({}, "application/cloudevents-batch+json")):
        answer = send(api, content, kind)
        assert (answer.status_code, answer.json()["code"]) == (400, "not_a_cloudevent")
    broken = send(api, b"{", "application/cloudevents+json")
    assert broken.json()["code"] == "malformed_json"
    many = send(api, [EVENT] * 1001, "application/cloudevents-batch+json")
    assert (many.status_code, many.json()["code"]) == (422, "too_many_events")


def test_keys_tell_sources_and_ids_apart() -> None:
    assert key_of("/a", "1") == "/a 1"
    odd = [("/a b", "c"), ("/a", "b c"), ("/ä", "1"), ("/a", "x" * 300), ("x" * 200, "y" * 200)]
    keys = {key_of(source, event_id) for source, event_id in odd}
    assert len(keys) == len(odd)
    assert all(len(key) <= 255 and key.isascii() for key in keys)
