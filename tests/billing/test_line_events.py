"""What stands behind a usage line: its events, all of them, and no others."""

from decimal import Decimal

from .conftest import Books


def test_the_events_of_a_line_add_up_to_its_quantity(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.customer(), books.customer("other")
    books.meter("calls"), books.meter("tokens")
    books.plan("pro", base="10")
    for meter in ("calls", "tokens"):
        books.price("pro", meter, pricing_model="per_unit", unit_price="0.01")
    books.subscribe(), books.subscribe("other")
    books.advance("2026-01-20T00:00:00Z")
    for day in range(1, 8):
        books.use("calls", f"{day}.5", f"2026-01-0{day}T00:00:00Z")
        books.use("tokens", "1", f"2026-01-0{day}T00:00:00Z")
        books.use("calls", "100", f"2026-01-0{day}T00:00:00Z", customer="other")
    gone = books.use("calls", "50", "2026-01-09T00:00:00Z")
    books.post(f"/events/{gone['id']}/void")
    books.advance("2026-02-01T02:00:00Z")
    books.use("calls", "9", "2026-02-01T01:00:00Z")
    invoice = next(
        one for one in books.invoices(customer_external_id="acme") if len(one["line_items"]) > 1
    )
    for line in invoice["line_items"]:
        path = f"/invoices/{invoice['id']}/lines/{line['id']}/events"
        found, cursor = [], None
        while True:
            page = books.get(path, limit=3, **({"cursor": cursor} if cursor else {}))
            found += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        if line["meter_id"] is None:
            assert found == []
            continue
        total = sum(Decimal(event["quantity"]) for event in found)
        assert total == Decimal(line["quantity"]), line["description"]
    first = invoice["line_items"][0]["id"]
    none = books.http.get(f"/invoices/{invoice['id']}/lines/ili_none/events")
    assert none.json()["code"] == "invoice_line_not_found", first
