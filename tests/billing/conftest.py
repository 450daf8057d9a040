"""A test space over HTTP, in process, on a set clock."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.storage import Database
from tests.conftest import Home, application


class Books:
    """What a project does, in a line each; every call must succeed unless asked otherwise."""

    def __init__(self, http: TestClient) -> None:
        self.http = http
        self._keys = iter(range(1, 1_000_000))

    def post(self, path: str, body: Any = None, *, status: int | None = None) -> Any:
        headers = {"Idempotency-Key": f"test-{next(self._keys)}"}
        answer = self.http.post(path, json=body if body is not None else {}, headers=headers)
        expected = (200, 201) if status is None else (status,)
        assert answer.status_code in expected, answer.text
        return answer.json()

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, to: str) -> None:
        self.post("/test-clock/advance", {"to": to})

    def customer(self, name: str = "acme", **fields: Any) -> str:
        made = self.post("/customers", {"name": name, "external_id": name, **fields})
        return str(made["id"])

    def meter(self, key: str, aggregation: str = "sum", **fields: Any) -> str:
        made = self.post("/meters", {"name": key, "key": key, "aggregation": aggregation, **fields})
        return str(made["id"])

    def plan(self, key: str = "pro", base: str = "0", **fields: Any) -> str:
        made = self.post("/plans", {"name": key.title(), "key": key, **fields})
        period = fields.get("billing_period", "monthly")
        price = {"market": "global", "base_price": base, "billing_period": period}
        self.post(f"/plans/{key}/prices", price)
        return str(made["id"])

    def price(self, plan: str, meter: str, **shape: Any) -> None:
        self.post(f"/plans/{plan}/meter-prices", {"meter": meter, **shape})

    def subscribe(self, customer: str = "acme", plan: str = "pro", **fields: Any) -> Any:
        body = {"customer_external_id": customer, "plan": plan, **fields}
        return self.post("/subscriptions", body)

    def use(self, meter: str, quantity: str, at: str, customer: str = "acme", **fields: Any) -> Any:
        event = {
            "customer_external_id": customer,
            "meter": meter,
            "quantity": quantity,
            "timestamp": at,
            **fields,
        }
        result = self.post("/events/batch", {"events": [event], "backfill": True})
        assert result["rejected"] == 0, result
        return result["results"][0]

    def wallet(self, customer_id: str, amount: str | None = None, currency: str = "USD") -> Any:
        path = f"/customers/{customer_id}/wallets/{currency}"
        answer = self.http.put(path, headers={"Idempotency-Key": f"w{next(self._keys)}"})
        assert answer.status_code in (200, 201), answer.text
        wallet = answer.json()
        if amount is not None:
            self.post(f"/wallets/{wallet['id']}/top-ups", {"amount": amount})
        return self.get(f"/wallets/{wallet['id']}")

    def invoices(self, **params: Any) -> list[Any]:
        """List them by time, then by customer and subscription, the older first."""
        page = self.get("/invoices", **{"order": "asc", **params})["data"]
        found = [self.get(f"/invoices/{one['id']}") for one in page]
        # What falls due at one instant is run side by side: its order is nobody's promise.
        return sorted(found, key=_age)


def _age(invoice: Any) -> tuple[str, str, str]:
    return invoice["created_at"], invoice["customer_id"], invoice["subscription_id"] or ""


@pytest.fixture
def books(db: Database, home: Home) -> Iterator[Books]:
    app = application(db)
    headers = {"Authorization": f"Bearer {home.test_key}"}
    with TestClient(app, base_url="http://testserver/api/v1", headers=headers) as http:
        yield Books(http)
