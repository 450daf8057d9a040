"""A small world: a project, its catalog, a customer, and one call a step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from tallybook.server.catalog import service as catalog
from tallybook.server.customers import service as customers
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering import meters
from tallybook.server.metering.models import MeterKind
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.tables import outbox
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Opening, Order, Subscription
from tests.conftest import NOW, Home

T = TypeVar("T")


@dataclass
class World:
    db: Database
    where: Space
    customer: Customer

    def do(
        self, use_case: Callable[..., T], *args: Any, at: datetime | None = NOW, **rest: Any
    ) -> T:
        """Run one use case in a transaction; `at` of None is not handed on."""
        space = rest.pop("space", self.where.id)
        timed = rest if at is None else {**rest, "at": at}
        return self.db.write_now(lambda tx: use_case(tx, space, *args, **timed))

    def ask(self, use_case: Callable[..., T], *args: Any, **rest: Any) -> T:
        return self.do(use_case, *args, at=None, **rest)

    def add_plan(self, key: str, base: str = "99", **fields: Any) -> str:
        def work(tx: Tx) -> str:
            period = fields.pop("billing_period", BillingPeriod.MONTHLY)
            plan = catalog.create_plan(
                tx, self.where.id, {"name": key.title(), "key": key, **fields}, at=NOW
            )
            catalog.add_price_to_plan(
                tx,
                self.where.id,
                key,
                market="global",
                base_price=Decimal(base),
                billing_period=period,
                at=NOW,
            )
            return plan.id

        return self.db.write_now(work)

    def add_price(self, key: str, base: str, period: BillingPeriod) -> None:
        self.do(
            catalog.add_price_to_plan,
            key,
            market="global",
            base_price=Decimal(base),
            billing_period=period,
        )

    def price_meter(self, plan: str, meter: str, **terms: Any) -> None:
        def work(tx: Tx) -> None:
            if meters.find_meters(tx, self.where.id, {meter}) == {}:
                fields = {"name": meter, "key": meter, "kind": MeterKind.BILLABLE}
                meters.create_meter(tx, self.where.id, fields, at=NOW)
            locked = catalog.get_plan(tx, self.where.id, plan, lock="update")
            price = catalog.choose_price(tx, self.where.id, locked)
            catalog.add_meter_price(tx, self.where.id, locked, price, terms, meter=meter, at=NOW)

        self.db.write_now(work)

    def subscribe(
        self,
        plan: str = "pro",
        *,
        customer: Customer | None = None,
        at: datetime = NOW,
        start: datetime | None = None,
        opening: Opening | None = None,
        **order: Any,
    ) -> Subscription:
        wanted = Order(plan=plan, opening=opening or Opening(start=start), **order)
        buyer = customer or self.customer
        return self.do(subscriptions.create, buyer, wanted, space=self.where, at=at)

    def get(self, sub: Subscription) -> Subscription:
        return self.ask(subscriptions.get, sub.id)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        t = outbox.c
        query = select(t.event, t.data).where(t.space_id == self.where.id).order_by(t.position)
        rows = self.db.read(lambda tx: tx.execute(query).all())
        return [(row.event, row.data) for row in rows if row.event.startswith("subscription.")]

    def told(self) -> list[str]:
        return [event.removeprefix("subscription.") for event, _ in self.events()]


@pytest.fixture
def world(db: Database, home: Home) -> World:
    """A customer, and the plan `pro` at 99 a month with 100 calls included."""
    fields = {"name": "Acme", "external_id": "acme"}
    customer, _ = db.write_now(lambda tx: customers.create(tx, home.live.id, fields, at=NOW))
    made = World(db, home.live, customer)
    made.add_plan("pro")
    made.price_meter(
        "pro",
        "calls",
        pricing_model="per_unit",
        unit_price=Decimal("0.01"),
        included_units=Decimal(100),
    )
    return made
