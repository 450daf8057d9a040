"""Several workers on one database: each effect once, in order, and nobody in another's way."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from tallybook.server.billing import renew
from tallybook.server.billing.subscribe import subscribe
from tallybook.server.catalog import service as catalog
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.invoicing.models import InvoiceStatus
from tallybook.server.invoicing.tables import invoices
from tallybook.server.kernel import clock
from tallybook.server.kernel.periods import BillingPeriod, add_periods
from tallybook.server.storage import Database, Tx, due
from tallybook.server.storage.due import Due
from tallybook.server.storage.errors import LeaseLost
from tallybook.server.subscriptions.models import Opening, Order
from tallybook.server.subscriptions.tables import contract_versions
from tallybook.server.worker.runner import claim, run_claimed, settle, start
from tests.conftest import Home

RETRY = timedelta(0)
UTC_ZONE = ZoneInfo("UTC")


def long_ago(months: int) -> datetime:
    """An instant of which `months` whole months have passed by now."""
    now = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return add_periods(now, BillingPeriod.MONTHLY, -months, UTC_ZONE)


def make(db: Database, where: Space, count: int, *, months: int) -> list[str]:
    """Subscribe customers whose last `months` periods are still to be billed."""
    at = long_ago(months)

    def plan(tx: Tx) -> None:
        catalog.create_plan(tx, where.id, {"name": "Pro", "key": "pro"}, at=at)
        catalog.add_price_to_plan(
            tx,
            where.id,
            "pro",
            market="global",
            base_price=Decimal(10),
            billing_period=BillingPeriod.MONTHLY,
            at=at,
        )

    def one(tx: Tx, number: int) -> str:
        customer, _ = customers.create(tx, where.id, {"name": f"c{number}"}, at=at)
        order = Order(plan="pro", opening=Opening(start=at))
        return subscribe(tx, where, customer, order, at=at).id

    db.write_now(plan)
    futures = [db.write(lambda tx, n=n: one(tx, n)) for n in range(count)]  # type: ignore[misc]
    return [future.result() for future in futures]


def work_off(db: Database) -> None:
    """What a worker does, until nothing is due."""
    idle = 0
    while idle < 3:
        items = claim(db)
        idle = 0 if items else idle + 1
        run_claimed(db, items, retry=RETRY)


def of_periods(items: list[Due]) -> list[Due]:
    return [item for item in items if item.kind == renew.PERIOD_END]


def together(workers: int, work: Callable[[], object]) -> None:
    failures: list[Exception] = []
    barrier = threading.Barrier(workers)

    def one() -> None:
        try:
            barrier.wait()
            work()
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def made_invoices(db: Database) -> list[tuple[str, int, str | None]]:
    """(subscription, period, number), in the order of the numbers."""
    query = select(
        invoices.c.subscription_id, invoices.c.period_number, invoices.c.number
    ).order_by(invoices.c.number)
    return [(r[0], r[1], r[2]) for r in db.read(lambda tx: tx.execute(query).all())]


@pytest.mark.slow
def test_two_workers_on_five_hundred_due_subscriptions_make_five_hundred_invoices(
    db: Database, home: Home
) -> None:
    subs = make(db, home.live, 500, months=1)
    together(2, lambda: work_off(db))
    renewals = [one for one in made_invoices(db) if one[1] == 1]
    assert sorted(one[0] for one in renewals) == sorted(subs)
    numbers = [one[2] for one in made_invoices(db)]
    assert len(set(numbers)) == 1_000
    assert numbers[-1] is not None
    assert numbers[-1].endswith("1000"), "no gap"


def test_six_at_one_boundary_make_one_invoice(db: Database, home: Home) -> None:
    (sub_id,) = make(db, home.live, 1, months=1)
    at = add_periods(long_ago(1), BillingPeriod.MONTHLY, 1, UTC_ZONE)
    now = clock.now()
    together(6, lambda: db.write_now(lambda tx: renew.end_period(tx, home.live, sub_id, at, now)))
    assert [one[1] for one in made_invoices(db)] == [0, 1]


@pytest.mark.parametrize("stopped_one_finishes", ["first", "last"])
def test_a_worker_that_lost_its_lease_has_no_effect(
    db: Database, home: Home, stopped_one_finishes: str
) -> None:
    make(db, home.live, 1, months=1)
    (stopped,) = of_periods(claim(db))
    after = clock.now() + due.LEASE + timedelta(seconds=1)
    (taken,) = of_periods(db.write_now(lambda tx: due.claim(tx, now=after, clocks={}, limit=9)))

    def finish_stopped() -> None:
        with pytest.raises(LeaseLost):
            start(db, stopped).result()

    if stopped_one_finishes == "first":
        finish_stopped()
    start(db, taken).result()
    finish_stopped()
    assert [one[1] for one in made_invoices(db)] == [0, 1]


def test_poison_is_parked_and_the_others_finish(db: Database, home: Home) -> None:
    subs = make(db, home.live, 8, months=1)
    poisoned = subs[3]

    def poison(tx: Tx) -> None:
        from tallybook.server.subscriptions.tables import subscriptions as t

        contract = select(t.c.contract_id).where(t.c.id == poisoned).scalar_subquery()
        mine = contract_versions.c.contract_id == contract
        tx.execute(update(contract_versions).where(mine).values(terms={}))

    db.write_now(poison)
    for _ in range(due.TRIES_MAX + 1):
        run_claimed(db, claim(db), retry=RETRY)
    renewals = {one[0] for one in made_invoices(db) if one[1] == 1}
    assert renewals == set(subs) - {poisoned}
    (parked,) = db.read(due.list_parked)
    assert parked[:3] == (home.live.id, renew.PERIOD_END, poisoned)
    assert parked[3]


def test_after_a_long_stop_each_period_is_billed_once_and_in_order(
    db: Database, home: Home
) -> None:
    subs = make(db, home.live, 3, months=12)
    together(2, lambda: work_off(db))
    made = made_invoices(db)
    for sub_id in subs:
        assert [one[1] for one in made if one[0] == sub_id] == list(range(13))
    states = db.read(lambda tx: tx.execute(select(invoices.c.status).distinct()).scalars().all())
    assert states == [InvoiceStatus.OPEN.value]


def test_work_given_back_is_tried_again(db: Database, home: Home) -> None:
    make(db, home.live, 1, months=1)
    (item,) = of_periods(claim(db))
    broken: dict[str, object] = {}
    future = start(db, item, broken)  # type: ignore[arg-type]
    assert settle(db, item, future, retry=RETRY) is False
    again = of_periods(claim(db))
    assert [one.attempts for one in again] == [2]
    run_claimed(db, again, retry=RETRY)
    assert [one[1] for one in made_invoices(db)] == [0, 1]
