"""A project with one of everything, and the ids under which it all stands."""

from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient
from tests.conftest import NOW

from .pictures import chunk, png

CANARY = "kanarie"
"""Stands in every name, key and text of the project: no other project may ever read it."""


def fill(api: TestClient) -> dict[str, str]:
    """Make one of everything; return an id for each parameter of a path."""

    def post(path: str, body: dict[str, Any], **headers: str) -> Any:
        sent = {"Idempotency-Key": f"{CANARY}-{path}", **headers}
        answer = api.post(path, json=body, headers=sent)
        assert answer.status_code in (200, 201, 202), (path, answer.text)
        return answer.json()

    ids = {"customer_external_id": f"{CANARY}-customer", "currency": "USD"}
    customer = post(
        "/customers",
        {"name": f"{CANARY} customer", "external_id": ids["customer_external_id"]},
    )
    ids["customer_id"] = customer["id"]
    ids["meter"] = post(
        "/meters", {"name": f"{CANARY} meter", "key": f"{CANARY}-meter", "aggregation": "sum"}
    )["id"]
    plan = ids["plan"] = post("/plans", {"name": f"{CANARY} plan", "key": f"{CANARY}-plan"})["id"]
    price = post(
        f"/plans/{plan}/prices",
        {"market": "global", "base_price": "10", "billing_period": "monthly"},
    )
    ids["price_id"] = price["id"]
    meter_price = post(
        f"/plans/{plan}/meter-prices",
        {
            "meter": ids["meter"],
            "pricing_model": "graduated",
            "tiers": [{"start_unit": "0", "unit_price": "0.01"}],
        },
    )
    ids["meter_price_id"] = meter_price["id"]
    ids["tier_id"] = meter_price["tiers"][0]["id"]
    ids["charge_id"] = post(
        f"/plans/{plan}/charges",
        {
            "name": f"{CANARY} charge",
            "key": f"{CANARY}-charge",
            "charge_type": "one_time",
            "amount": "1",
        },
    )["id"]
    ids["rehearsal_id"] = post(f"/plans/{plan}/rehearsals", {"start": DAY, "end": DAY})["id"]
    agent = post("/agents", {"name": f"{CANARY} agent", "external_id": f"{CANARY}-agent"})
    ids["agent"] = agent["id"]
    ids["action_id"] = post(
        f"/agents/{agent['id']}/actions",
        {
            "name": f"{CANARY} action",
            "action_type": "task",
            "billable_meter": {"name": f"{CANARY} tasks", "key": f"{CANARY}-tasks"},
        },
    )["id"]
    mine = {"customer_id": customer["id"]}
    subscription = post("/subscriptions", {**mine, "plan": plan})
    ids["subscription_id"] = subscription["id"]
    ids["contract_id"] = subscription["contract_id"]
    event = post("/events", {**mine, "meter": ids["meter"], "quantity": "5"})
    ids["event_id"] = event["id"]
    wallet = post("/wallets", {**mine, "name": f"{CANARY} wallet", "currency": "USD"})
    ids["wallet_id"] = wallet["id"]
    topped = post(f"/wallets/{wallet['id']}/top-ups", {"amount": "50"})
    ids["payment_id"] = topped["transaction"]["payment_id"]
    invoice = post(
        "/invoices",
        {
            **mine,
            "currency": "USD",
            "line_items": [{"description": CANARY, "quantity": "1", "unit_price": "3"}],
        },
    )
    ids["invoice_id"] = invoice["id"]
    ids["line_id"] = invoice["line_items"][0]["id"]
    issued = post(
        "/invoices",
        {**mine, "currency": "USD", "total": "3", "status": "open"},
        **{"Idempotency-Key": CANARY},
    )
    ids["credit_note_id"] = post(
        "/credit-notes", {"invoice_id": issued["id"], "amount": "1", "reason": CANARY}
    )["id"]
    ids["hold_id"] = post("/holds", {**mine, "feature": ids["meter"], "quantity": "1"})["id"]
    ids["endpoint_id"] = post(
        "/webhook-endpoints", {"url": "https://93.184.215.14/hook", "description": CANARY}
    )["id"]
    ids["cost_id"] = post("/costs", {**mine, "amount": "1", "metadata": {"n": CANARY}})["id"]
    ids["budget_id"] = post(
        "/budgets", {**mine, "name": f"{CANARY} budget", "amount": "9", "metadata": {"n": CANARY}}
    )["id"]
    assert api.patch("/seller", json={"footer": CANARY}).status_code == 200
    logo = png(more=(chunk(b"tEXt", CANARY.encode()),))
    sent = api.put("/seller/logo", content=logo, headers={"Content-Type": "image/png"})
    assert sent.status_code == 200, sent.text
    ids["project_id"] = "prj_none"
    return ids


DAY = f"{NOW:%Y-%m-%d}"
QUERIES = {
    "start_date": DAY,
    "end_date": DAY,
    "start": DAY,
    "end": DAY,
    "market": "global",
    "group_by": "customer",
    "project_id": "prj_none",
}
"""Values of the query parameters that some routes require."""


def bodies(ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What each route that requires a body is sent, by its operation id: whole and valid.

    It names the objects in `ids`, so that a route without an id in its path has something to guard.
    """
    mine = {"customer_id": ids["customer_id"]}
    usage = {**mine, "meter": ids["meter"], "quantity": "1"}
    tomorrow = f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "usage.create": usage,
        "usage.create_batch": {"events": [usage]},
        "access.check": {**mine, "feature": ids["meter"]},
        "holds.create": {**mine, "feature": ids["meter"], "quantity": "1"},
        "costs.create": {**mine, "amount": "1"},
        "costs.create_batch": {"costs": [{**mine, "amount": "1"}]},
        "costs.reprice": {"start": "2026-01-01T00:00:00Z", "end": tomorrow, "dry_run": True},
        "budgets.create": {**mine, "name": "x", "amount": "1"},
        "otlp.traces": {"resourceSpans": []},
        "model_prices.put": {
            "provider": "openai",
            "model": "x",
            "prices": {"input": "1", "output": "1"},
            "effective_from": "2026-01-01T00:00:00Z",
        },
        "cloudevents.create": {
            "specversion": "1.0",
            "id": "1",
            "source": "/test",
            "type": ids["meter"],
            "subject": ids["customer_external_id"],
        },
        "events.replay": {"event_ids": [ids["event_id"]]},
        "holds.settle": {"quantity": "1"},
        "invoices.preview": mine,
        "customers.upsert": {"name": "x"},
        "test_clock.advance": {"to": tomorrow},
        "wallets.create": {**mine, "name": "x", "currency": "USD"},
        "wallets.top_up": {"amount": "1"},
        "wallets.grant_credit": {"amount": "1"},
        "wallets.deduct": {"amount": "1"},
        "payments.create": {**mine, "amount": "1", "currency": "USD"},
        "credit_notes.create": {"invoice_id": ids["invoice_id"], "amount": "1", "reason": "x"},
        "meters.create": {"name": "x", "key": "x"},
        "plans.create": {"name": "x", "key": "x"},
        "plans.meter_prices.create": {
            "meter": "x",
            "pricing_model": "per_unit",
            "unit_price": "1",
        },
        "plans.meter_prices.tiers.create": {"start_unit": "0", "unit_price": "1"},
        "plans.charges.create": {
            "name": "x",
            "key": "x",
            "charge_type": "one_time",
            "amount": "1",
        },
        "pricing.update_price": {"base_price": "1"},
        "pricing.update_price_of_plan": {"base_price": "1"},
        "pricing.rehearse": {"start": DAY, "end": DAY, "plan_price_id": ids["price_id"]},
        "pricing.estimate": {"pricing_model": "per_unit", "quantity": "1", "unit_price": "1"},
        "pricing.add_price_to_plan": {
            "market": "global",
            "base_price": "1",
            "billing_period": "annual",
        },
        "agents.create_with_actions": {"agent": {"name": "x"}, "actions": []},
        "agents.create": {"name": "x"},
        "agents.actions.create": {
            "name": "x",
            "action_type": "task",
            "billable_meter": {"name": "x", "key": "x"},
        },
        "invoices.create": mine,
        "invoices.add_line_item": {"description": "x", "unit_price": "1"},
        "invoices.void": {"reason": "x"},
        "subscriptions.create": {**mine, "plan": ids["plan"]},
        "subscriptions.change_plan": {"new_plan": ids["plan"]},
        "contracts.create": {**mine, "plan": ids["plan"], "name": "x", "start_date": DAY},
        "webhook_endpoints.create": {"url": "https://93.184.215.14/hook"},
        "webhook_endpoints.replay": {"message_id": "msg_none"},
        "customers.create": {"name": "x"},
    }
