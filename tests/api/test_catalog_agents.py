"""Meters, agents and their actions over HTTP, on both databases."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.metering import meters
from tallybook.server.storage import Database

from .test_catalog import meter, post, refused

QUERY = {
    "name": "Answer",
    "action_type": "task",
    "billable_meter": {"name": "Queries", "key": "queries", "aggregation": "count"},
}


def test_a_meter_is_created_found_changed_and_archived(api: TestClient) -> None:
    fields = {"unit_label": "requests", "description": "All of them", "metadata": {"a": 1}}
    made = meter(api, **fields)
    assert made["id"].startswith("mtr_")
    assert (made["aggregation"], made["kind"], made["status"]) == ("count", "billable", "active")
    assert api.get("/meters/api_calls").json() == api.get(f"/meters/{made['id']}").json() == made
    changed = api.patch("/meters/api_calls", json={"status": "inactive", "description": None})
    assert (changed.json()["status"], changed.json()["description"]) == ("inactive", None)
    problem = refused(
        api.post("/meters", json={"name": "x", "key": "api_calls", "kind": "billable"}),
        409,
        "key_taken",
    )
    assert problem["existing_id"] == made["id"]
    assert api.delete("/meters/api_calls").status_code == 204
    assert api.get("/meters").json()["data"] == []
    assert api.get("/meters/api_calls").json()["status"] == "archived"
    refused(api.get("/meters/nope"), 404, "meter_not_found")


def test_a_cost_meter_says_what_a_unit_costs(api: TestClient) -> None:
    cost = {"name": "Tokens", "key": "tokens", "kind": "cost"}
    made = post(
        api,
        "/meters",
        **cost,
        cost_type="variable",
        cost_per_unit="0.000003",
        category="llm",
        value_field="total_tokens",
    )
    assert (made["cost_per_unit"], made["category"]) == ("0.000003", "llm")
    for wrong in (
        {"cost_type": "variable", "cost_per_unit": 1},
        {"cost_type": "fixed"},
        {"cost_per_unit": 1},
        {"kind": "billable", "category": "llm"},
    ):
        answer = api.post("/meters", json={**cost, "key": "other", **wrong})
        refused(answer, 422, "meter_invalid")
    post(api, "/meters", **{**cost, "key": "plain"}, aggregation="sum", value_field="total_tokens")


def test_meters_are_listed_by_filter(api: TestClient) -> None:
    meter(api, "calls")
    meter(api, "tokens", kind="cost")
    meter(api, "old", description="x")
    api.patch("/meters/old", json={"status": "inactive"})

    def keys(query: str) -> list[str]:
        return [m["key"] for m in api.get(f"/meters?sort=key&order=asc&{query}").json()["data"]]

    assert keys("") == ["calls", "old", "tokens"]
    assert keys("kind=cost") == ["tokens"]
    assert keys("status=inactive") == ["old"]
    assert keys("search=KE") == ["tokens"]
    assert api.get("/meters?kind=free").status_code == 422


def test_a_meter_with_events_is_frozen(api: TestClient, db: Database, space: Any) -> None:
    made = meter(api)
    db.write_now(lambda tx: meters.mark_events_seen(tx, space, [made["id"]]))
    answer = api.patch("/meters/api_calls", json={"aggregation": "sum"})
    assert refused(answer, 409, "meter_has_events")["errors"][0]["pointer"] == "/aggregation"
    assert api.patch("/meters/api_calls", json={"name": "Calls"}).status_code == 200
    assert api.patch("/meters/api_calls", json={"aggregation": "count"}).status_code == 200


def test_an_agent_is_created_found_changed_and_archived(api: TestClient) -> None:
    agent = post(
        api,
        "/agents",
        name="Support",
        external_id="bots/support",
        tags=["a", "a", "b"],
        config={"temperature": 0.5},
    )
    assert agent["id"].startswith("agt_")
    assert (agent["status"], agent["tags"], agent["config"]) == (
        "draft",
        ["a", "b"],
        {"temperature": 0.5},
    )
    by_id = api.get(f"/agents/{agent['id']}").json()
    assert by_id == {**agent, "actions": []}
    assert api.get("/agents/bots/support").json() == by_id
    changed = api.patch("/agents/bots/support", json={"status": "active", "description": "x"})
    assert (changed.json()["status"], changed.json()["description"]) == ("active", "x")
    problem = refused(
        api.post("/agents", json={"name": "x", "external_id": "bots/support"}),
        409,
        "external_id_taken",
    )
    assert problem["existing_id"] == agent["id"]
    assert api.post("/agents", json={"name": "x", "external_id": "agt_1"}).status_code == 422
    post(api, "/agents", name="Nameless")

    def names(query: str) -> list[str]:
        return [a["name"] for a in api.get(f"/agents?sort=name&order=asc&{query}").json()["data"]]

    assert names("") == ["Nameless", "Support"]
    assert names("has_external_id=true") == ["Support"]
    assert names("has_external_id=false") == ["Nameless"]
    assert names("status=active") == ["Support"]
    assert names("search=SUPP") == ["Support"]
    assert api.delete("/agents/bots/support").status_code == 204
    refused(api.get("/agents/bots/support"), 404, "agent_not_found")
    assert api.get(f"/agents/{agent['id']}").json()["status"] == "archived"
    assert names("") == ["Nameless"]
    post(api, "/agents", name="Next", external_id="bots/support")
    answer = api.patch(f"/agents/{agent['id']}", json={"status": "active"})
    refused(answer, 409, "external_id_taken")


def test_an_action_comes_with_its_meter(api: TestClient) -> None:
    agent = post(api, "/agents", name="A", external_id="a")
    first, second = meter(api, "llm", kind="cost"), meter(api, "gpu", kind="cost")
    action = post(
        api,
        "/agents/a/actions",
        **QUERY,
        cost_meter_ids=[first["id"]],
        value={"fte_equivalent": "0.25", "default_price": 2},
    )
    assert action["id"].startswith("act_")
    assert (action["agent_id"], action["billable_meter"]["key"]) == (agent["id"], "queries")
    assert action["cost_meter_ids"] == [first["id"]]
    assert action["value"] == {
        "fte_equivalent": "0.25",
        "revenue_per_unit": None,
        "default_price": "2",
    }
    assert api.get("/meters/queries").json() == action["billable_meter"]
    path = f"/agents/a/actions/{action['id']}"
    assert api.get(path).json() == action
    changed = api.patch(
        path,
        json={
            "name": "Reply",
            "billable_meter": {"unit_label": "replies"},
            "add_cost_meter_ids": ["gpu"],
            "remove_cost_meter_ids": [first["id"]],
            "value": {"default_price": None},
        },
    ).json()
    assert (changed["name"], changed["billable_meter"]["unit_label"]) == ("Reply", "replies")
    assert changed["cost_meter_ids"] == [second["id"]]
    assert changed["value"]["default_price"] is None
    assert changed["value"]["fte_equivalent"] == "0.25"
    assert api.get(path).json() == changed
    both = {"cost_meter_ids": [], "add_cost_meter_ids": ["gpu"]}
    assert api.patch(path, json=both).status_code == 422
    assert api.patch(path, json={"cost_meter_ids": []}).json()["cost_meter_ids"] == []
    refused(api.patch(path, json={"cost_meter_ids": ["queries"]}), 422, "meter_does_not_fit")
    refused(api.patch(path, json={"cost_meter_ids": ["nope"]}), 404, "meter_not_found")
    refused(api.delete("/meters/queries"), 409, "meter_in_use")
    listed = api.get("/agents/a/actions?action_type=task&search=rep").json()["data"]
    assert [item["id"] for item in listed] == [action["id"]]
    assert api.get("/agents/a/actions?action_type=outcome").json()["data"] == []
    assert api.delete(path).status_code == 204
    refused(api.get(path), 404, "agent_action_not_found")
    assert api.delete("/meters/queries").status_code == 204


def test_a_meter_of_the_same_definition_is_attached(api: TestClient) -> None:
    post(api, "/agents", name="A", external_id="a")
    post(api, "/agents", name="B", external_id="b")
    first = post(api, "/agents/a/actions", **QUERY)
    again = post(api, "/agents/b/actions", **QUERY)
    assert again["billable_meter"]["id"] == first["billable_meter"]["id"]
    for other in ({"aggregation": "sum"}, {"value_field": "x"}, {"name": "Other"}):
        body = {**QUERY, "billable_meter": {**QUERY["billable_meter"], **other}}  # type: ignore[dict-item]
        answer = api.post("/agents/b/actions", json=body)
        refused(answer, 409, "meter_definition_differs")


def test_an_agent_and_its_actions_are_made_together_or_not_at_all(api: TestClient) -> None:
    second = {**QUERY, "name": "Close", "billable_meter": {"name": "Closed", "key": "closed"}}
    body = {"agent": {"name": "A", "external_id": "a"}, "actions": [QUERY, second]}
    broken = {**second, "cost_meter_ids": ["nope"]}
    answer = api.post("/agents/with-actions", json={**body, "actions": [QUERY, broken]})
    problem = refused(answer, 404, "meter_not_found")
    assert problem["errors"][0]["pointer"] == "/actions/1/cost_meter_ids"
    assert api.get("/agents").json()["data"] == []
    assert api.get("/meters").json()["data"] == []
    agent = post(api, "/agents/with-actions", **body)
    assert [action["name"] for action in agent["actions"]] == ["Answer", "Close"]
    assert api.get("/agents/a").json() == agent
    assert len(api.get("/meters").json()["data"]) == 2


def test_an_action_is_priced_by_its_meter_or_another(api: TestClient) -> None:
    post(api, "/agents", name="A", external_id="a")
    action = post(api, "/agents/a/actions", **QUERY)
    meter(api)
    post(api, "/plans", name="Pro", key="pro")
    terms = {"agent_action_id": action["id"], "pricing_model": "per_unit", "unit_price": "0.5"}
    price = post(api, "/plans/pro/meter-prices", **terms)
    assert (price["agent_action_id"], price["meter_key"]) == (action["id"], "queries")
    price = post(api, "/plans/pro/meter-prices", **terms, meter="api_calls")
    assert (price["agent_action_id"], price["meter_key"]) == (action["id"], "api_calls")
    answer = api.post("/plans/pro/meter-prices", json={**terms, "agent_action_id": "act_nope"})
    refused(answer, 404, "agent_action_not_found")
    answer = api.post("/plans/pro/meter-prices", json={"pricing_model": "per_unit"})
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/meters", "/agents", "/plans"])
def test_another_space_sees_nothing(api: TestClient, home: Any, path: str) -> None:
    other = {"Authorization": f"Bearer {home.test_key}"}
    made = {
        "/meters": lambda: meter(api),
        "/agents": lambda: post(api, "/agents", name="A"),
        "/plans": lambda: post(api, "/plans", name="Pro", key="pro"),
    }[path]()
    assert api.get(f"{path}/{made['id']}").status_code == 200
    assert api.get(f"{path}/{made['id']}", headers=other).status_code == 404
    assert api.patch(f"{path}/{made['id']}", json={}, headers=other).status_code == 404
    assert api.delete(f"{path}/{made['id']}", headers=other).status_code == 404
    assert api.get(path, headers=other).json()["data"] == []
