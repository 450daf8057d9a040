"""Cost meters whose cost changes: each event at what was said at its time, on both databases."""

from tests.billing.conftest import Books


def test_a_late_event_costs_what_its_time_said(books: Books) -> None:
    books.advance("2026-01-10T00:00:00Z")
    books.customer()
    cost = {"kind": "cost", "cost_type": "fixed", "category": "api"}
    books.meter("search", cost_per_unit="0.01", **cost)
    books.post("/agents", {"name": "Bot", "external_id": "bot"})
    action = {
        "name": "Look up",
        "action_type": "task",
        "billable_meter": {"name": "Look ups", "key": "lookups"},
        "cost_meter_ids": ["search"],
    }
    books.post("/agents/bot/actions", action)
    books.advance("2026-01-15T00:00:00Z")
    changed = books.http.patch("/meters/search", json={"cost_per_unit": "0.02"}).json()
    assert changed["earlier_costs"] == [
        {
            "until": "2026-01-15T00:00:00Z",
            "cost_type": "fixed",
            "cost_per_unit": "0.01",
            "value_field": None,
        }
    ]
    books.advance("2026-01-20T00:00:00Z")
    for at in ("2026-01-14T23:59:59.999999Z", "2026-01-15T00:00:00Z", "2026-01-20T00:00:00Z"):
        event = {"customer_external_id": "acme", "agent": "bot", "action_type": "task"}
        books.post("/events/batch", {"events": [{**event, "quantity": "10", "timestamp": at}]})
    rows = books.get("/costs", order="asc")["data"]
    assert [(row["amount"], row["price"]["cost_per_unit"]) for row in rows] == [
        ("0.1", "0.01"),
        ("0.2", "0.02"),
        ("0.2", "0.02"),
    ]
    replayed = {"customer_external_id": "later", "agent": "bot", "action_type": "task"}
    waiting = {**replayed, "quantity": "10", "timestamp": "2026-01-12T00:00:00Z"}
    books.post("/events/batch", {"events": [waiting]})
    books.customer("later")
    books.post("/events/replay", {})
    (cost_of_later,) = books.get("/costs", customer_external_id="later")["data"]
    assert cost_of_later["amount"] == "0.1"
