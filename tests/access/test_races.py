"""Many at once: together they never go past a limit, on either database."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.access import service as access
from tallybook.server.access.errors import AccessDenied
from tallybook.server.customers import service as customers
from tallybook.server.customers.models import Customer
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.ingest.models import Incoming, Named
from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import uuid7_hex
from tallybook.server.reports import verify
from tallybook.server.storage import Database, Tx
from tests.conftest import Home
from tests.ingest.desk import Desk

THREADS = 32
ONE = Decimal(1)


@dataclass
class Gate:
    """A customer with a quota of `calls`, asked by many threads."""

    db: Database
    where: Space
    customer_id: str

    def all_at_once(self, act: Callable[[int], Any], count: int = THREADS) -> list[Any]:
        barrier = Barrier(count)

        def run(number: int) -> Any:
            barrier.wait()
            return act(number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run, range(count)))

    def write(self, work: Callable[[Tx, Customer], Any]) -> Any:
        def whole(tx: Tx) -> Any:
            return work(tx, customers.get(tx, self.where.id, self.customer_id))

        return self.db.write_now(whole)

    def record(self, key: str | None = None, quantity: Decimal = ONE) -> bool:
        named = Named(customer_id=self.customer_id, meter_ref="calls")
        item = Incoming(named, quantity, None, key or uuid7_hex())

        def work(tx: Tx, customer: Customer) -> bool:
            now = clock.now()
            done = access.check_and_record(
                tx, self.where, customer, "calls", item, now=now, received_at=now
            )
            return done.decision.is_allowed

        return bool(self.write(work))

    def hold(self, quantity: Decimal = ONE) -> str | None:
        def work(tx: Tx, customer: Customer) -> str:
            made = access.create_hold(
                tx,
                self.where,
                customer,
                "calls",
                quantity,
                expires_in=timedelta(seconds=900),
                now=clock.now(),
            )
            return made.id

        try:
            return str(self.write(work))
        except AccessDenied:
            return None

    def settle(self, hold_id: str, quantity: Decimal) -> str:
        def work(tx: Tx, _customer: Customer) -> str:
            now = clock.now()
            done, _ = access.settle_hold(
                tx, self.where, hold_id, quantity, now=now, received_at=now
            )
            return done.status.value

        try:
            return str(self.write(work))
        except Exception as error:  # noqa: BLE001 - its class is what the test looks at
            return type(error).__name__

    def used(self) -> Decimal:
        def work(tx: Tx) -> Decimal:
            customer = customers.get(tx, self.where.id, self.customer_id)
            now = clock.now()
            return access.check(tx, self.where, customer, "calls", ONE, now=now).used

        return self.db.read(work)


@pytest.fixture
def gate(api: TestClient, db: Database, home: Home) -> Iterator[Gate]:
    desk = Desk(api, db, home.live)
    sub = desk.sell(included_units="20", overage="deny")
    made = Gate(db, home.live, sub.customer_id)
    yield made
    problems = db.read(lambda tx: list(verify.verify_counters(tx, home.live.id)))
    assert not problems, problems


def test_records_at_once_use_up_the_limit_and_no_more(gate: Gate) -> None:
    allowed = gate.all_at_once(lambda _: gate.record())
    assert Counter(allowed) == {True: 20, False: 12}
    assert gate.used() == 20


def test_retries_of_one_key_at_once_record_once(gate: Gate) -> None:
    assert gate.record(quantity=Decimal(19))
    assert gate.all_at_once(lambda _: gate.record("same"), 16) == [True] * 16
    assert gate.used() == 20


def test_holds_at_once_keep_within_the_limit(gate: Gate) -> None:
    made = gate.all_at_once(lambda _: gate.hold(Decimal(3)))
    assert len([hold for hold in made if hold]) == 6
    assert gate.used() == 18


def test_holds_and_records_at_once_keep_within_the_limit(gate: Gate) -> None:
    done = gate.all_at_once(lambda n: gate.record() if n % 2 else gate.hold())
    assert len([one for one in done if one]) == 20
    assert gate.used() == 20


def test_settling_makes_room_for_others_and_never_too_much(gate: Gate) -> None:
    made = [gate.hold(Decimal(5)) for _ in range(4)]
    assert gate.used() == 20

    def act(number: int) -> Any:
        hold = made[number] if number < len(made) else None
        return gate.settle(hold, Decimal(2)) if hold else gate.record()

    done = gate.all_at_once(act)
    assert done[:4] == ["settled"] * 4
    recorded = sum(1 for one in done[4:] if one)
    assert recorded <= 12
    assert gate.used() == 8 + recorded


def test_a_hold_settles_once_however_many_try(gate: Gate) -> None:
    hold = gate.hold(Decimal(5))
    assert hold is not None
    done = gate.all_at_once(lambda _: gate.settle(hold, Decimal(4)), 16)
    assert Counter(done) == {"settled": 1, "HoldOver": 15}
    assert gate.used() == 4


def test_events_at_once_stay_within_an_enforced_limit(
    api: TestClient, db: Database, home: Home
) -> None:
    desk = Desk(api, db, home.live)
    sub = desk.sell(included_units="20", overage="deny")
    switched = {"enforce_at_ingest": True}
    db.write_now(lambda tx: identity.change_settings(tx, home.project_id, switched))
    gate = Gate(db, home.live, sub.customer_id)

    def act(number: int) -> int:
        return int(desk.batch({"quantity": "3", "idempotency_key": f"r{number}"})["accepted"])

    assert sum(gate.all_at_once(act, 16)) == 6
    assert gate.used() == 18
    problems = db.read(lambda tx: list(verify.verify_counters(tx, home.live.id)))
    assert not problems, problems
