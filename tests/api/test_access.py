"""Who may ask for access, and that no tenant sees another's holds."""

from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import NOW, Home, open_project
from tests.ingest.desk import Desk

from tallybook.server.api.app import build_app
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Scope, Space
from tallybook.server.storage import Database

QUESTION = {"customer_external_id": "acme", "feature": "calls"}


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> Desk:
    made = Desk(api, db, home.live)
    made.sell(included_units="10", overage="deny")
    return made


def key_for(db: Database, space: Space, scope: Scope) -> dict[str, str]:
    text = db.write_now(lambda tx: identity.create_key(tx, space, scope=scope, at=NOW)[1])
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("scope", "may_check", "may_record", "may_hold"),
    [
        (Scope.FULL, True, True, True),
        (Scope.READ, True, False, False),
        (Scope.INGEST, False, True, False),
    ],
)
def test_each_scope_may_do_its_own(
    desk: Desk, home: Home, scope: Scope, may_check: bool, may_record: bool, may_hold: bool
) -> None:
    headers = key_for(desk.db, home.live, scope)

    def status(path: str, **fields: Any) -> int:
        answer = desk.http.post(path, json={**QUESTION, **fields}, headers=headers)
        if answer.status_code == 403:
            assert answer.json()["code"] == "scope_missing"
        return answer.status_code

    assert status("/access/check") == (200 if may_check else 403)
    assert status("/access/check", record=True) == (200 if may_record else 403)
    assert status("/holds", quantity="1") == (201 if may_hold else 403)
    state = desk.http.get("/customers/external/acme/state", headers=headers)
    assert state.status_code == (200 if may_check else 403)


def test_no_tenant_sees_anothers_access(desk: Desk, db: Database, home: Home) -> None:
    hold = desk.post("/holds", {**QUESTION, "quantity": "1"})
    customer_id = hold["customer_id"]
    other = open_project(db, "Other")
    for key in (other.live_key, home.test_key):
        headers = {"Authorization": f"Bearer {key}"}
        for method, path, body in [
            ("GET", f"/holds/{hold['id']}", None),
            ("POST", f"/holds/{hold['id']}/settle", {"quantity": "1"}),
            ("POST", f"/holds/{hold['id']}/release", None),
            ("POST", "/holds", {"customer_id": customer_id, "feature": "calls", "quantity": "1"}),
            ("POST", "/access/check", {"customer_id": customer_id, "feature": "calls"}),
            ("POST", "/access/check", {**QUESTION, "record": True}),
            ("GET", f"/customers/{customer_id}/state", None),
        ]:
            answer = desk.http.request(method, path, json=body, headers=headers)
            assert answer.status_code == 404, (method, path, answer.text)
    assert desk.get(f"/holds/{hold['id']}")["status"] == "held"


def test_a_hold_is_made_once_for_a_key(desk: Desk) -> None:
    body, headers = {**QUESTION, "quantity": "4"}, {"Idempotency-Key": "one"}
    first = desk.http.post("/holds", json=body, headers=headers)
    again = desk.http.post("/holds", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert desk.post("/access/check", QUESTION)["used"] == "4"


def test_a_hold_lives_on_after_its_answer(desk: Desk) -> None:
    """Another process, on the same database, knows it."""
    hold = desk.post("/holds", {**QUESTION, "quantity": "4"})
    with TestClient(
        build_app(desk.db), base_url="http://testserver/api/v1", headers=dict(desk.http.headers)
    ) as other:
        assert other.get(f"/holds/{hold['id']}").json() == hold
        assert other.post("/access/check", json=QUESTION).json()["remaining"] == "6"


def test_events_with_usage_past_a_hold_are_kept(desk: Desk) -> None:
    hold = desk.post("/holds", {**QUESTION, "quantity": "8"})
    assert desk.statuses({"quantity": "10"}) == ["accepted"]
    decision = desk.post("/access/check", QUESTION)
    assert (decision["reason"], decision["used"], decision["remaining"]) == (
        "limit_reached",
        "18",
        "0",
    )
    settled = desk.post(f"/holds/{hold['id']}/settle", {"quantity": "3"})
    assert desk.get(f"/events/{settled['event_id']}")["over_limit"] is True
    assert desk.post("/access/check", QUESTION)["used"] == "13"
