"""A project that meters and sells, in a line each: what tests of usage begin with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from starlette.testclient import TestClient

from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.kernel import clock
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.storage import Database, Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Negotiated, Opening, Order, Subscription

_keys = count(1)


@dataclass
class Desk:
    """Calls must succeed unless a status is named."""

    http: TestClient
    db: Database
    where: Space
    now: datetime = field(default_factory=clock.now)

    def post(self, path: str, body: Any, *, status: int | None = None, **headers: str) -> Any:
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": f"d{next(_keys)}"})
        assert answer.status_code in ((200, 201) if status is None else (status,)), answer.text
        return answer.json()

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def customer(self, name: str = "acme") -> str:
        return str(self.post("/customers", {"name": name, "external_id": name})["id"])

    def meter(self, key: str = "calls", aggregation: str = "count", **fields: Any) -> str:
        body = {"name": key, "key": key, "aggregation": aggregation, **fields}
        return str(self.post("/meters", body)["id"])

    def plan(self, key: str = "pro", **meter_prices: dict[str, Any]) -> str:
        made = self.post("/plans", {"name": key, "key": key})
        price = {"market": "global", "base_price": "0", "billing_period": "monthly"}
        self.post(f"/plans/{key}/prices", price)
        for meter, shape in meter_prices.items():
            body = {"meter": meter, "pricing_model": "per_unit", "unit_price": "0.01", **shape}
            self.post(f"/plans/{key}/meter-prices", body)
        return str(made["id"])

    def subscribe(
        self, customer_id: str, plan: str = "pro", *, start: datetime, end: datetime
    ) -> Subscription:
        def work(tx: Tx) -> Subscription:
            order = Order(
                plan=plan,
                billing_period=BillingPeriod.MONTHLY,
                opening=Opening(start=start, period_start=start, period_end=end),
                negotiated=Negotiated(),
            )
            customer = customers.get(tx, self.where.id, customer_id)
            return subscriptions.create(tx, self.where, customer, order, at=start)

        return self.db.write_now(work)

    def sell(self, *, days: int = 10, **shape: Any) -> Subscription:
        """Make a customer `acme` on a plan that prices `calls`, since some days."""
        customer_id = self.customer()
        self.meter()
        self.plan(calls=shape)
        start = (self.now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        return self.subscribe(customer_id, start=start, end=start + timedelta(days=30))

    def ago(self, **span: float) -> str:
        return (self.now - timedelta(**span)).astimezone(UTC).isoformat().replace("+00:00", "Z")

    def batch(self, *events: dict[str, Any], backfill: bool = False) -> Any:
        full = [{"customer_external_id": "acme", "meter": "calls", **event} for event in events]
        return self.post("/events/batch", {"events": full, "backfill": backfill})

    def statuses(self, *events: dict[str, Any]) -> list[str]:
        return [result["status"] for result in self.batch(*events)["results"]]
