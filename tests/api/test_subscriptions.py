"""Subscriptions and contracts over HTTP, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

NEGOTIATED = {
    "base_price": "700",
    "notes": "launch",
    "meter_overrides": [
        {
            "meter": "api_calls",
            "pricing_model": "per_unit",
            "unit_price": 0.01,
            "included_units": 50000,
            "overage": "bill",
            "limit_type": "event_quota",
            "event_quota_window": "billing_period",
        }
    ],
}


@pytest.fixture
def shop(api: TestClient) -> TestClient:
    """A customer `user_123`, and plans `pro` (with a meter) and `max`."""
    api.post("/customers", json={"name": "Acme", "external_id": "user_123"})
    api.post("/meters", json={"name": "Calls", "key": "api_calls", "kind": "billable"})
    for key, base in (("pro", "99"), ("max", "199")):
        api.post("/plans", json={"name": key.title(), "key": key})
        price = {"market": "global", "base_price": base, "billing_period": "monthly"}
        assert api.post(f"/plans/{key}/prices", json=price).status_code == 201
    priced = {"meter": "api_calls", "pricing_model": "per_unit", "unit_price": "0.02"}
    assert api.post("/plans/pro/meter-prices", json=priced).status_code == 201
    return api


def subscribe(shop: TestClient, **fields: Any) -> dict[str, Any]:
    body = {"customer_external_id": "user_123", "plan": "pro", **fields}
    answer = shop.post("/subscriptions", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(shop: TestClient, **fields: Any) -> tuple[int, str, list[str]]:
    body = {"customer_external_id": "user_123", "plan": "pro", **fields}
    answer = shop.post("/subscriptions", json=body)
    problem = answer.json()
    return answer.status_code, problem["code"], [e["pointer"] for e in problem["errors"]]


def test_a_customer_subscribes_with_negotiated_terms(shop: TestClient) -> None:
    now = datetime.now(UTC)
    end = now + timedelta(days=30)
    made = subscribe(
        shop,
        market="global",
        billing_period="monthly",
        current_period_start=now.isoformat(),
        current_period_end=end.isoformat(),
        contract=NEGOTIATED,
        metadata={"a": 1},
    )
    assert made["status"] in ("active", "past_due")
    assert (made["plan"], made["market"], made["currency"]) == ("pro", "global", "USD")
    assert datetime.fromisoformat(made["current_period_end"]) == end
    assert made["metadata"] == {"a": 1}
    read = shop.get(f"/subscriptions/{made['id']}")
    assert read.json() == made

    terms = shop.get(f"/subscriptions/{made['id']}/resolved-terms").json()
    assert terms["base_price"] == {"amount": "700", "currency": "USD", "source": "contract"}
    (meter,) = terms["meters"]
    assert (meter["meter"], meter["source"], meter["unit_price"]) == (
        "api_calls",
        "contract",
        "0.01",
    )
    assert (meter["included_units"], meter["limit_type"]) == ("50000", "event_quota")
    assert terms["contract_id"] == made["contract_id"]

    history = shop.get(f"/subscriptions/{made['id']}/contracts").json()
    (contract,) = history["data"]
    assert (contract["id"], contract["version"]) == (made["contract_id"], 1)
    assert (contract["source"], contract["notes"]) == ("contract", "launch")
    assert contract["meter_overrides"][0]["unit_price"] == "0.01"


def test_plan_terms_say_that_they_are_the_plans(shop: TestClient) -> None:
    made = subscribe(shop)
    terms = shop.get(f"/subscriptions/{made['id']}/resolved-terms").json()
    assert terms["base_price"]["source"] == terms["meters"][0]["source"] == "plan"


def test_days_are_inclusive_ends(shop: TestClient) -> None:
    made = subscribe(shop, current_period_start="2026-01-01", current_period_end="2026-01-31")
    assert made["current_period_start"] == "2026-01-01T00:00:00Z"
    bounds = shop.get(f"/subscriptions/{made['id']}").json()
    assert bounds["started_at"] == "2026-01-01T00:00:00Z"


def test_subscriptions_are_listed_and_filtered(shop: TestClient) -> None:
    first, second = subscribe(shop), subscribe(shop, plan="max", status="draft")
    ids = [second["id"], first["id"]]
    customer = shop.get("/customers/external/user_123").json()["id"]
    for path in (
        "/subscriptions",
        f"/subscriptions?customer_id={customer}",
        "/subscriptions?customer_external_id=user_123&market=global",
        f"/customers/{customer}/subscriptions",
        "/customers/external/user_123/subscriptions",
    ):
        assert [sub["id"] for sub in shop.get(path).json()["data"]] == ids, path
    for query in ("plan=max", f"plan={second['plan_id']}", "status=draft"):
        found = shop.get(f"/subscriptions?{query}").json()["data"]
        assert [sub["id"] for sub in found] == [second["id"]]
    assert shop.get("/subscriptions?status=nonsense").status_code == 422
    assert shop.get("/customers/external/nobody/subscriptions").status_code == 404
    page = shop.get("/subscriptions?limit=1").json()
    rest = shop.get(f"/subscriptions?limit=1&cursor={page['next_cursor']}").json()
    assert [page["data"][0]["id"], rest["data"][0]["id"]] == ids


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"customer_external_id": "nobody"}, 404, "customer_not_found", None),
        ({"customer_id": "cus_x"}, 422, "validation_failed", ""),
        ({"plan": "nope"}, 404, "plan_not_found", None),
        ({"market": "nowhere"}, 404, "market_not_found", None),
        ({"billing_period": "annual"}, 422, "price_not_configured", None),
        ({"billing_period": "fortnightly"}, 422, "validation_failed", "/billing_period"),
        ({"currency": "EUR"}, 422, "price_not_configured", None),
        ({"status": "canceled"}, 422, "validation_failed", "/status"),
        ({"status": "trialing"}, 422, "trial_not_offered", "/status"),
        (
            {"status": "active", "trial_end": "2099-01-01"},
            422,
            "validation_failed",
            "/trial_end",
        ),
        ({"start_date": "2026-03-01T12:00:00"}, 422, "validation_failed", "/start_date"),
        (
            {"current_period_start": "2026-03-02", "current_period_end": "2026-03-01"},
            422,
            "validation_failed",
            "/current_period_end",
        ),
        (
            {"start_date": "2026-03-02", "contract": {"end_date": "2026-03-02"}},
            422,
            "validation_failed",
            "/contract/end_date",
        ),
        (
            {"contract": {"meter_overrides": [{"meter": "x"}]}},
            422,
            "validation_failed",
            "/contract/meter_overrides/0/meter",
        ),
        ({"contract": {"base_price": "-1"}}, 422, "validation_failed", "/contract/base_price"),
        ({"payment_terms": -1}, 422, "validation_failed", "/payment_terms"),
        ({"typo": 1}, 422, "validation_failed", "/typo"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    shop: TestClient, fields: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    found = refused(shop, **fields)
    assert found[:2] == (status, code)
    if pointer is not None:
        assert pointer in found[2]
    assert shop.get("/subscriptions").json()["data"] == []


def test_a_second_subscription_on_the_plan_is_a_conflict(shop: TestClient) -> None:
    first = subscribe(shop)
    body = {"customer_external_id": "user_123", "plan": "pro"}
    answer = shop.post("/subscriptions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")
    assert answer.json()["subscription_id"] == first["id"]


def test_suspend_and_resume(shop: TestClient) -> None:
    path = f"/subscriptions/{subscribe(shop)['id']}"
    suspended = shop.post(f"{path}/suspend", json={"reason": "overdue"})
    assert suspended.json()["status"] == "suspended"
    again = shop.post(f"{path}/suspend")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state_transition")
    assert again.json()["current_state"] == "suspended"
    assert shop.post(f"{path}/resume").json()["status"] in ("active", "past_due")
    assert shop.post(f"{path}/resume").status_code == 409
    behind = shop.post(f"{path}/suspend", json={"resume_date": "2020-01-01"})
    assert behind.json()["errors"][0]["pointer"] == "/resume_date"
    assert shop.post("/subscriptions/sub_no/suspend").json()["code"] == "subscription_not_found"


CONTRACT = {
    "customer_external_id": "user_123",
    "plan": "pro",
    "name": "Acme Enterprise",
    "start_date": "2026-04-01",
}


class TestContracts:
    def draft(self, shop: TestClient, **fields: Any) -> dict[str, Any]:
        answer = shop.post("/contracts", json={**CONTRACT, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def test_a_draft_is_made_read_edited_and_activated(self, shop: TestClient) -> None:
        made = self.draft(shop, end_date="2027-04-01", metadata={"a": 1})
        assert (made["status"], made["version"], made["start_date"]) == ("draft", 1, "2026-04-01")
        assert (made["base_price"], made["billing_period"]) == ("99", "monthly")
        assert (made["end_date"], made["payment_terms"]) == ("2027-04-01", 30)
        path = f"/contracts/{made['id']}"
        assert shop.get(path).json() == made
        edited = shop.patch(path, json={"name": "New", "payment_terms": 14, "end_date": None})
        assert edited.json()["name"] == "New"
        assert (edited.json()["payment_terms"], edited.json()["end_date"]) == (14, None)
        activated = shop.post(f"{path}/activate", json={"activation_date": "2099-01-01"})
        assert (activated.json()["status"], activated.json()["start_date"]) == (
            "scheduled",
            "2099-01-01",
        )
        again = shop.post(f"{path}/activate")
        assert again.json()["code"] == "invalid_state_transition"
        sub = shop.get(f"/subscriptions/{made['subscription_id']}").json()
        assert (sub["status"], sub["contract_id"]) == ("scheduled", made["id"])

    def test_a_running_ones_prices_make_a_version(self, shop: TestClient) -> None:
        made = self.draft(shop, start_date=datetime.now(UTC).date().isoformat())
        path = f"/contracts/{made['id']}"
        assert shop.post(f"{path}/activate").status_code == 200
        edited = shop.patch(path, json={"base_price": "80"})
        assert (edited.json()["version"], edited.json()["base_price"]) == (2, "80")
        frozen = shop.patch(path, json={"currency": "EUR"})
        assert (frozen.status_code, frozen.json()["code"]) == (409, "invalid_state_transition")
        history = shop.get(f"/subscriptions/{made['subscription_id']}/contracts").json()["data"]
        assert [version["version"] for version in history] == [2, 1]
        page = shop.get(f"/subscriptions/{made['subscription_id']}/contracts?limit=1").json()
        assert [version["version"] for version in page["data"]] == [2]
        assert (page["limit"], page["has_more"]) == (1, True)
        terms = shop.get(f"/subscriptions/{made['subscription_id']}/resolved-terms").json()
        assert terms["base_price"]["amount"] == "99"

    def test_suspend_and_resume_answer_the_contract(self, shop: TestClient) -> None:
        made = self.draft(shop, start_date=datetime.now(UTC).date().isoformat())
        path = f"/contracts/{made['id']}"
        assert shop.post(f"{path}/suspend").status_code == 409
        shop.post(f"{path}/activate")
        assert shop.post(f"{path}/suspend", json={"reason": "x"}).json()["status"] == "suspended"
        assert shop.post(f"{path}/resume").json()["status"] in ("active", "past_due")

    def test_they_are_listed_and_filtered(self, shop: TestClient) -> None:
        first = self.draft(shop)
        second = self.draft(shop, plan="max")
        listed = shop.get("/contracts").json()["data"]
        assert [one["id"] for one in listed] == [second["id"], first["id"]]
        for query in ("plan=max&status=draft", f"plan={second['plan_id']}"):
            found = shop.get(f"/contracts?{query}").json()["data"]
            assert [one["id"] for one in found] == [second["id"]]
        assert shop.get("/contracts?status=active").json()["data"] == []
        assert len(shop.get("/contracts?customer_external_id=user_123").json()["data"]) == 2

    @pytest.mark.parametrize(
        ("fields", "code", "pointer"),
        [
            ({"end_date": "2026-04-01"}, "validation_failed", "/end_date"),
            ({"start_date": "2026-04-01T00:00:00Z"}, "validation_failed", "/start_date"),
            ({"name": ""}, "validation_failed", "/name"),
            ({"billing_period": "annual"}, "price_not_configured", None),
            ({"plan": "nope"}, "plan_not_found", None),
        ],
    )
    def test_bad_input_is_refused(
        self, shop: TestClient, fields: dict[str, Any], code: str, pointer: str | None
    ) -> None:
        problem = shop.post("/contracts", json={**CONTRACT, **fields}).json()
        assert problem["code"] == code
        if pointer is not None:
            assert pointer in [error["pointer"] for error in problem["errors"]]
        assert shop.get("/contracts").json()["data"] == []

    def test_an_unknown_one_is_not_found(self, shop: TestClient) -> None:
        for answer in (
            shop.get("/contracts/ctr_no"),
            shop.patch("/contracts/ctr_no", json={}),
            shop.post("/contracts/ctr_no/activate"),
            shop.post("/contracts/ctr_no/suspend"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "contract_not_found")
