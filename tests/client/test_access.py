"""Access and holds: what is sent, in both forms, and what the real application makes of it."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import ConflictError, Tallybook, UnprocessableEntityError
from tallybook.server.storage import Database
from tests.conftest import Home
from tests.ingest.desk import Desk

from .stand_in import CUSTOMER, Blocking, StandIn, customer, problem

DECISION = {
    "allowed": True,
    "reason": "ok",
    "feature": "calls",
    "meter_id": "mtr_1",
    "subscription_id": "sub_1",
    "used": "3",
    "limit": "10",
    "remaining": "7",
    "overage_allowed": False,
    "limit_type": "event_quota",
    "event_quota_window": "day",
    "reset_at": "2026-03-02T00:00:00Z",
    "checked_at": "2026-03-01T12:00:00Z",
    "event_id": None,
}
HOLD = {
    "id": "hld_1",
    "customer_id": "cus_1",
    "feature": "calls",
    "meter_id": "mtr_1",
    "subscription_id": "sub_1",
    "quantity": "5",
    "status": "held",
    "settled_quantity": None,
    "event_id": None,
    "expires_at": "2026-03-01T12:15:00Z",
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:00Z",
}
STATE = {
    "customer": CUSTOMER,
    "subscriptions": [],
    "wallets": [],
    "entitlements": [
        {
            "feature": "calls",
            "meter_id": "mtr_1",
            "subscription_id": "sub_1",
            "plan_version_id": "plv_1",
            "allowed": True,
            "reason": "ok",
            "used": "3",
            "limit": None,
            "remaining": None,
            "included_units": "0",
            "overage": "bill",
            "over_limit": "0",
            "limit_type": "none",
            "event_quota_window": None,
            "reset_at": None,
        }
    ],
    "as_of": "2026-03-01T12:00:00Z",
}


def answered(document: dict[str, Any], **fields: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**document, **fields})


def test_a_question_is_sent_as_asked(form: Blocking) -> None:
    server = StandIn(answered(DECISION), answered(DECISION, allowed=False, reason="limit_reached"))
    access = form.client(server).access
    decision = form.do(access.check(customer_external_id="acme", feature="calls", quantity=0.1))
    assert server.line == "POST /access/check"
    assert server.body == {"customer_external_id": "acme", "feature": "calls", "quantity": "0.1"}
    assert (decision.used, decision.remaining) == (Decimal(3), Decimal(7))
    assert decision
    denied = form.do(access.check(customer_id="cus_1", feature="calls"))
    assert server.body == {"customer_id": "cus_1", "feature": "calls"}
    assert not denied
    with pytest.raises(TypeError, match="exactly one"):
        form.do(access.check(feature="calls"))


def test_recording_carries_one_key_in_every_try(form: Blocking) -> None:
    server = StandIn(problem(503), answered(DECISION, event_id="evt_1"))
    decision = form.do(
        form.client(server).access.check(
            customer_id="cus_1",
            feature="calls",
            quantity=2,
            record=True,
            agent="bot",
            action_type="task",
            attributes={"tokens": 5},
            metadata={"run": 1},
        )
    )
    assert decision.event_id == "evt_1"
    key = server.body["idempotency_key"]
    assert server.body == {
        "customer_id": "cus_1",
        "feature": "calls",
        "quantity": "2",
        "record": True,
        "agent": "bot",
        "action_type": "task",
        "attributes": {"tokens": 5},
        "metadata": {"run": 1},
        "idempotency_key": key,
    }
    assert {request.headers["Idempotency-Key"] for request in server.requests} == {key}
    assert server.requests[0].content == server.requests[1].content


def test_a_plain_check_keeps_its_key_out_of_the_body(form: Blocking) -> None:
    server = StandIn(answered(DECISION))
    access = form.client(server).access
    form.do(access.check(customer_id="cus_1", feature="calls", idempotency_key="k"))
    assert server.body == {"customer_id": "cus_1", "feature": "calls"}
    assert server.last.headers["Idempotency-Key"] == "k"


def test_a_customer_can(form: Blocking) -> None:
    server = StandIn(customer(), answered(DECISION))
    acme = form.do(form.client(server).customers.get("cus_1"))
    assert form.do(acme.can("calls", 3))
    assert server.body == {"customer_id": "cus_1", "feature": "calls", "quantity": "3"}


def test_a_state_holds_objects_that_call(form: Blocking) -> None:
    server = StandIn(answered(STATE), answered(DECISION))
    client = form.client(server)
    state = form.do(client.access.get_customer_state(customer_external_id="acme/eu"))
    assert server.line == "GET /customers/external/acme%2Feu/state"
    entitlement = state.find("calls")
    assert entitlement is not None
    assert (entitlement.used, entitlement.limit) == (Decimal(3), None)
    assert state.find("mtr_1") == entitlement
    assert state.find("other") is None
    assert form.do(state.customer.can("calls"))
    assert server.line == "POST /access/check"


def test_a_hold_settles_and_releases_itself(form: Blocking) -> None:
    server = StandIn(answered(HOLD))
    client = form.client(server)
    hold = form.do(
        client.holds.create(customer_id="cus_1", feature="calls", quantity=5, expires_in=60)
    )
    assert server.line == "POST /holds"
    assert server.body == {
        "customer_id": "cus_1",
        "feature": "calls",
        "quantity": "5",
        "expires_in": 60,
    }
    done = form.do(hold.settle(Decimal("2.5"), metadata={"run": 1}))
    assert server.line == "POST /holds/hld_1/settle"
    assert server.body == {"quantity": "2.5", "metadata": {"run": 1}}
    form.do(done.release(idempotency_key="k"))
    assert server.line == "POST /holds/hld_1/release"
    assert server.last.headers["Idempotency-Key"] == "k"
    assert form.do(client.holds.get("hld_1")).quantity == 5
    assert server.line == "GET /holds/hld_1"


def test_raw_answers_are_there(form: Blocking) -> None:
    server = StandIn(answered(DECISION), answered(HOLD))
    client = form.client(server)
    raw = form.do(client.access.with_raw_response.check(customer_id="c", feature="f"))
    assert (raw.status_code, raw.parse().reason) == (200, "ok")
    assert form.do(client.holds.with_raw_response.get("hld_1")).parse().id == "hld_1"


def test_the_application_agrees(api: TestClient, db: Database, home: Home) -> None:
    client = Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)
    Desk(api, db, home.live).sell(included_units="10", overage="deny")
    acme = client.customers.get(external_id="acme")
    assert acme.can("calls", 10)
    assert not acme.can("calls", 11)
    made = client.access.check(
        customer_id=acme.id, feature="calls", quantity=4, record=True, idempotency_key="k"
    )
    assert (made.reason, made.used, made.idempotent) == ("ok", 4, False)
    again = client.access.check(
        customer_id=acme.id, feature="calls", quantity=4, record=True, idempotency_key="k"
    )
    assert (again.event_id, again.used, again.idempotent) == (made.event_id, 4, True)
    hold = client.holds.create(customer_id=acme.id, feature="calls", quantity=6)
    with pytest.raises(ConflictError) as denied:
        client.holds.create(customer_id=acme.id, feature="calls", quantity=1)
    assert denied.value.code == "access_denied"
    done = hold.settle(1, metadata={"run": 1})
    assert (done.status, done.settled_quantity) == ("settled", 1)
    with pytest.raises(ConflictError) as over:
        hold.release()
    assert (over.value.code, over.value.current_state) == ("hold_over", "settled")
    state = client.access.get_customer_state(acme.id)
    entitlement = state.find("calls")
    assert entitlement is not None
    assert (entitlement.used, entitlement.remaining) == (5, 5)
    assert state.customer.can("calls", 5)
    assert [sub.is_active() for sub in state.subscriptions] == [True]
    with pytest.raises(UnprocessableEntityError):
        client.access.check(customer_id=acme.id, feature="calls", metadata={"run": 1})
