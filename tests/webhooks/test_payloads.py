"""What the server tells is what the models say: a story's events, and the names in the code."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import tallybook.server
from tallybook import webhooks
from tallybook.server.kernel import clock
from tallybook.server.storage import Database
from tallybook.wire.base import format_instant
from tallybook.wire.webhooks import SCHEMAS
from tests.conftest import Home
from tests.ingest.desk import Desk

SERVER = Path(tallybook.server.__file__).parent
ROOMS = (
    "usage",
    "subscription",
    "customer",
    "invoice",
    "credit_note",
    "payment",
    "wallet",
    "budget",
)


def test_every_event_of_a_story_fits_its_model(api: TestClient, db: Database, home: Home) -> None:
    desk = Desk(api, db, home.live)
    customer = desk.customer()
    api.patch(f"/customers/{customer}", json={"name": "Acme Corp"})
    desk.meter()
    desk.plan(calls={"included_units": "10", "overage": "deny"})
    now = clock.now()
    body = {"customer_id": customer, "plan": "pro"}
    desk.post("/subscriptions", body)
    for number in range(2):
        event = {"customer_id": customer, "meter": "calls", "idempotency_key": f"e{number}"}
        at = format_instant(now + timedelta(minutes=1))
        desk.post("/events", {**event, "quantity": "9" if number == 0 else "3", "timestamp": at})
    wallet = api.put(f"/customers/{customer}/wallets/USD").json()["id"]
    desk.post(f"/wallets/{wallet}/top-ups", {"amount": "50"})
    desk.post(f"/wallets/{wallet}/grants", {"amount": "5"})
    desk.post(f"/wallets/{wallet}/deductions", {"amount": "7"})
    paid = desk.post("/payments", {"customer_id": customer, "amount": "9", "status": "completed"})
    desk.post("/payments", {"customer_id": customer, "amount": "9", "status": "failed"})
    desk.post(f"/payments/{paid['id']}/refunds", {"amount": "4"})
    line = {"description": "Work", "quantity": "2", "unit_price": "3"}
    for action in ("pay", "void"):
        invoice = desk.post("/invoices", {"customer_id": customer, "line_items": [line]})
        desk.post(f"/invoices/{invoice['id']}/finalize", {})
        desk.post(f"/invoices/{invoice['id']}/send", {})
        desk.post(
            f"/invoices/{invoice['id']}/{action}", {"reason": "no"} if action == "void" else {}
        )
    told: list[dict[str, Any]] = desk.get("/webhook-events", limit=100)["data"]
    for event in told:
        typed = webhooks.validate_webhook_payload(event)
        assert type(typed) is SCHEMAS[event["event"]]
        assert typed.data.customer_id == customer
        extra = typed.data.model_extra or {}
        assert extra == {}, f"{event['event']} has fields without a model"
        assert webhooks.to_webhook_update(event).customer_external_id == "acme"
    assert {event["event"] for event in told} >= {
        "customer.created",
        "customer.updated",
        "subscription.created",
        "subscription.activated",
        "usage.limit_approaching",
        "usage.limit_reached",
        "wallet.topped_up",
        "wallet.credited",
        "wallet.deducted",
        "payment.completed",
        "payment.failed",
        "payment.refunded",
        "invoice.created",
        "invoice.finalized",
        "invoice.sent",
        "invoice.paid",
        "invoice.voided",
    }


def names_in_code() -> set[str]:
    """Texts of the form `room.something_done` that are handed to a function or stand in a table."""
    found = set()
    for path in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if "announce" in name or name in {"append", "_append"}:
                    texts = [*node.args, *(keyword.value for keyword in node.keywords)]
                    found |= {
                        text.value
                        for text in texts
                        if isinstance(text, ast.Constant)
                        and isinstance(text.value, str)
                        and text.value.partition(".")[0] in ROOMS
                        and "." in text.value
                    }
    return found


def test_every_name_that_the_code_tells_has_a_model() -> None:
    names = names_in_code()
    assert len(names) > 10
    assert names <= set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_model_says_what_it_is(name: str) -> None:
    assert SCHEMAS[name].__doc__
