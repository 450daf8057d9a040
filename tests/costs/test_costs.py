"""Costs over HTTP, in the real application, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tallybook.server.kernel import clock

TODAY = f"{clock.now():%Y-%m-%d}"
MONTH = {"start": f"{clock.now() - timedelta(days=40):%Y-%m-%d}", "end": TODAY}


@pytest.fixture(autouse=True)
def agent(api: TestClient) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})
    api.post(
        "/meters",
        json={
            "name": "Search",
            "key": "search",
            "kind": "cost",
            "category": "api",
            "cost_type": "fixed",
            "cost_per_unit": "0.01",
        },
    )
    api.post("/agents", json={"name": "Bot", "external_id": "bot"})
    made = api.post(
        "/agents/bot/actions",
        json={
            "name": "Look up",
            "action_type": "task",
            "billable_meter": {"name": "Look ups", "key": "lookups"},
            "cost_meter_ids": ["search"],
        },
    )
    assert made.status_code == 201, made.text


def post(api: TestClient, path: str, status: int = 201, **body: Any) -> Any:
    answer = api.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def costs(api: TestClient, **query: Any) -> list[Any]:
    found: list[Any] = api.get("/costs", params=query).json()["data"]
    return found


def use(api: TestClient, **fields: Any) -> Any:
    event = {"customer_external_id": "acme", "agent": "bot", **fields}
    return post(api, "/events/batch", 200, events=[event])["results"][0]


@pytest.mark.parametrize("aggregation", ["sum", "unique_count"])
def test_an_event_with_a_cost_needs_nothing_else_that_its_meter_reads(
    api: TestClient, aggregation: str
) -> None:
    fields = {"kind": "cost", "aggregation": aggregation, "value_field": "total_tokens"}
    post(api, "/meters", name="LLM", key="llm", category="llm", **fields)
    given = {"cost_usd": "0.0069", "input_tokens": 1900}
    assert use(api, meter="llm", attributes=given)["status"] == "accepted"
    one = {"customer_external_id": "acme", "meter": "llm"}
    assert post(api, "/events", **one, attributes=given)["status"] == "accepted"
    assert [cost["amount"] for cost in costs(api)] == ["0.0069", "0.0069"]
    lacking = post(api, "/events", 422, **one, attributes={"input_tokens": 1900})
    assert lacking["code"] == "value_missing"
    span = {"start_date": "2020-01-01", "end_date": "2900-01-01", "meter": "llm"}
    used = api.get("/customers/external/acme/usage/aggregate", params=span).json()
    assert [item["quantity"] for item in used["items"]] == ["0"]


def test_an_event_with_a_cost_brings_it_once(api: TestClient) -> None:
    event = {"meter": "search", "attributes": {"cost_usd": 0.0069}, "idempotency_key": "k"}
    assert use(api, **event)["status"] == "accepted"
    assert use(api, **event)["status"] == "duplicate"
    (cost,) = costs(api)
    assert (cost["amount"], cost["currency"], cost["category"]) == ("0.0069", "USD", "api")
    assert (cost["source"], cost["attribution"]) == ("direct", "explicit")
    assert costs(api, event_id=cost["event_id"]) == [cost]
    assert costs(api, customer_external_id="acme", agent="bot") == [cost]


def test_an_event_without_a_meter_costs_what_its_agents_actions_do(api: TestClient) -> None:
    use(api, action_type="task", quantity=5)
    (cost,) = costs(api)
    assert (cost["amount"], cost["source"]) == ("0.05", "derived")
    assert cost["price"] == {"cost_per_unit": "0.01", "units": "5"}
    assert cost["action_id"].startswith("act_")
    use(api, action_type="outcome")
    assert len(costs(api)) == 1


def test_a_cost_that_is_none_refuses_its_event_alone(api: TestClient) -> None:
    bad = {"customer_external_id": "acme", "meter": "search", "attributes": {"cost_usd": "NaN"}}
    good = {**bad, "attributes": {"cost_usd": "1"}}
    result = post(api, "/events/batch", 200, events=[bad, good])
    assert [item["status"] for item in result["results"]] == ["rejected", "accepted"]
    assert result["results"][0]["code"] == "invalid_cost"
    refused = api.post("/events", json=bad)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/attributes/cost_usd"
    assert [cost["amount"] for cost in costs(api)] == ["1"]


def test_a_voided_event_costs_nothing_any_more(api: TestClient) -> None:
    event = use(api, meter="search", attributes={"cost_usd": "1"})
    api.post(f"/events/{event['id']}/void")
    (cost,) = costs(api)
    assert (cost["status"], cost["amount"]) == ("voided", "1")
    report = api.get("/margins", params={"group_by": "customer", **MONTH}).json()
    assert report["totals"] == []


def test_what_waited_for_its_customer_takes_its_cost_along(api: TestClient) -> None:
    event = {"customer_external_id": "later", "agent": "bot", "action_type": "task"}
    post(api, "/events/batch", 200, events=[event])
    (cost,) = costs(api)
    assert (cost["customer_id"], cost["customer_external_id"]) == (None, "later")
    made = post(api, "/customers", name="Later", external_id="later")
    assert api.post("/events/replay", json={}).json()["matched"] == 1
    (cost,) = costs(api)
    assert (cost["customer_id"], cost["customer_external_id"]) == (made["id"], None)


def test_a_model_call_is_priced_by_the_book_and_counted_once(api: TestClient) -> None:
    call = {
        "customer_external_id": "acme",
        "agent": "bot",
        "action": "lookups",
        "provider": "openai",
        "model": "gpt-4o",
        "response_id": "chatcmpl-1",
        "tokens": {"input": 86, "cache_read": 1920, "output": 300},
    }
    first = post(api, "/costs", **call)
    assert (first["amount"], first["source"], first["category"]) == (
        "0.005615",
        "price_book",
        "llm",
    )
    assert first["price"]["prices"]["input_mtok"] == "2.5"
    again = api.post("/costs", json={**call, "provider": "OpenAI"})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    batch = post(api, "/costs/batch", 200, costs=[call, {**call, "response_id": "chatcmpl-2"}])
    assert (batch["accepted"], batch["duplicates"]) == (1, 1)
    assert len(costs(api)) == 2


def test_a_key_of_the_callers_counts_once(api: TestClient) -> None:
    first = post(api, "/costs", amount="0.1", idempotency_key="k")
    again = post(api, "/costs", 200, amount="0.2", idempotency_key="k")
    assert (again["id"], again["amount"]) == (first["id"], "0.1")
    assert first["attribution"] == "none"


def test_an_unknown_model_is_unpriced_until_it_has_a_price(api: TestClient) -> None:
    at = clock.now() - timedelta(hours=1)
    call = {
        "customer_external_id": "acme",
        "provider": "self",
        "model": "ours-7b",
        "tokens": {"input": 1_000_000, "output": 1_000},
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }
    cost = post(api, "/costs", **call)
    assert (cost["amount"], cost["status"], cost["reason"]) == (None, "unpriced", "model_unknown")
    (waiting,) = api.get("/model-prices/unpriced").json()["data"]
    assert (waiting["provider"], waiting["model"], waiting["costs"]) == ("self", "ours-7b", 1)
    margin = {"group_by": "customer", **MONTH}
    assert api.get("/margins", params=margin).json()["unpriced_costs"] == 1
    price = {
        "provider": "self",
        "model": "ours-7b",
        "prices": {"input": "0.2", "output": "0.6"},
        "effective_from": f"{at - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    put = api.put("/model-prices", json=price)
    assert put.status_code == 200, put.text
    span = {"start": price["effective_from"], "end": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"}
    would = post(api, "/costs/reprice", 200, **span, dry_run=True)
    assert (would["adjusted"], would["difference"]) == (1, "0.2006")
    assert len(costs(api)) == 1
    done = post(api, "/costs/reprice", 200, **span)
    assert (done["looked_at"], done["adjusted"], done["difference"]) == (1, 1, "0.2006")
    again = post(api, "/costs/reprice", 200, **span)
    assert (again["adjusted"], again["difference"]) == (0, "0")
    adjustment = costs(api, source="adjustment")[0]
    assert (adjustment["adjusts"], adjustment["amount"]) == (cost["id"], "0.2006")
    assert api.get(f"/costs/{cost['id']}").json()["status"] == "repriced"
    assert api.get("/model-prices/unpriced").json()["data"] == []
    report = api.get("/margins", params=margin).json()
    assert (report["totals"][0]["cost"], report["unpriced_costs"]) == ("0.2006", 0)


def test_a_stream_that_broke_off_is_unknown_and_not_free(api: TestClient) -> None:
    cost = post(api, "/costs", provider="openai", model="gpt-4o", tokens=None)
    assert (cost["amount"], cost["reason"]) == (None, "usage_unknown")


def test_own_prices_are_dated_and_do_not_overlap(api: TestClient) -> None:
    price = {"provider": "openai", "model": "gpt-4o", "prices": {"input": "1", "output": "2"}}
    first = api.put("/model-prices", json={**price, "effective_from": "2026-01-01T00:00:00Z"})
    assert first.json()["effective_to"] is None
    second = {
        **price,
        "effective_from": "2026-03-01T00:00:00Z",
        "effective_to": "2026-04-01T00:00:00Z",
    }
    assert api.put("/model-prices", json=second).status_code == 200
    mine = {"provider": "openai", "origin": "own"}
    listed = api.get("/model-prices", params=mine).json()["data"]
    assert [one["effective_to"] for one in listed] == [
        "2026-03-01T00:00:00Z",
        "2026-04-01T00:00:00Z",
    ]
    clash = api.put("/model-prices", json={**price, "effective_from": "2026-02-01T00:00:00Z"})
    assert (clash.status_code, clash.json()["code"]) == (409, "model_price_overlaps")
    alias = {
        "provider": "azure",
        "model": "my-deployment",
        "alias_of": "openai/gpt-4o",
        "effective_from": "2026-01-01T00:00:00Z",
    }
    assert api.put("/model-prices", json=alias).status_code == 200
    call = {"provider": "azure.ai.openai", "model": "my-deployment", "tokens": {"input": 1_000_000}}
    january = post(api, "/costs", **call, timestamp="2026-01-05T00:00:00Z")
    assert january["amount"] == "1"
    assert january["price"]["list"] == "own"
    later = post(api, "/costs", **call, timestamp="2026-06-05T00:00:00Z")
    assert later["amount"] == "2.5", "the bundled list, where no price of ours reaches"
    bundled = api.get("/model-prices", params={"origin": "bundled", "model": "gpt-4o"}).json()
    assert any(one["model"] == "gpt-4o" for one in bundled["data"])


def test_own_prices_come_before_the_bundled_list_page_by_page(api: TestClient) -> None:
    at = "2026-01-01T00:00:00Z"
    prices = {"input": "1", "output": "2"}
    mine = {"provider": "openai", "model": "zz", "prices": prices, "effective_from": at}
    assert api.put("/model-prices", json=mine).status_code == 200
    first = api.get("/model-prices", params={"limit": 2, "include_total": True}).json()
    assert [one["origin"] for one in first["data"]] == ["own", "bundled"]
    assert (first["limit"], first["has_more"]) == (2, True)
    seen, cursor = len(first["data"]), first["next_cursor"]
    while cursor is not None:
        page = api.get("/model-prices", params={"limit": 100, "cursor": cursor})
        assert page.status_code == 200, page.text
        seen, cursor = seen + len(page.json()["data"]), page.json()["next_cursor"]
    assert seen == first["total_count"]
    numbered = api.get("/model-prices", params={"limit": 1, "page": 2}).json()
    assert numbered["data"] == first["data"][1:]
    for wrong in ({"cursor": first["next_cursor"], "page": 1}, {"limit": 101}):
        assert api.get("/model-prices", params=wrong).status_code == 422


def test_an_adjustment_may_be_below_zero(api: TestClient) -> None:
    cost = post(api, "/costs", customer_external_id="acme", amount="5", category="compute")
    less = post(api, "/costs", adjusts=cost["id"], amount="-2")
    assert (less["amount"], less["category"], less["source"]) == ("-2", "compute", "adjustment")
    report = api.get("/margins", params={"group_by": "customer", **MONTH}).json()
    assert report["totals"][0]["cost_by_category"] == {"compute": "3"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"amount": "-1"}, 422, "invalid"),
        ({"amount": "NaN"}, 422, "invalid"),
        ({"amount": "1", "currency": "XYZ"}, 422, "unknown_currency"),
        ({"amount": "1", "customer_external_id": "nobody"}, 404, "customer_not_found"),
        ({"amount": "1", "agent": "nobody"}, 404, "agent_not_found"),
        ({"amount": "1", "meter": "lookups"}, 422, "cost_meter_expected"),
        ({"amount": "1", "adjusts": "cst_none"}, 404, "cost_not_found"),
        ({"provider": "openai"}, 422, "invalid"),
        ({"provider": "openai", "model": "m", "tokens": {"input": -1}}, 422, "invalid"),
        ({"amount": "1", "customer_id": "a", "customer_external_id": "b"}, 422, "invalid"),
    ],
)
def test_bad_costs_are_refused(api: TestClient, body: Any, status: int, code: str) -> None:
    answer = api.post("/costs", json=body)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    codes = {problem["code"], *(field["code"] for field in problem["errors"])}
    assert code in codes, problem
    assert costs(api) == []
