"""Many renewals in one transaction: all or none, and the same as one by one."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.invoicing.tables import invoices
from tallybook.server.ledger import service as ledger
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.due import Due
from tallybook.server.storage.tables import due_work, outbox
from tallybook.server.subscriptions.tables import contract_versions, subscriptions
from tallybook.server.worker import runner
from tallybook.server.worker.runner import claim, run_claimed
from tests.conftest import Home, open_project

from .conftest import Books
from .test_workers import RETRY, made_invoices, make, of_periods, together, work_off


def set_terms(db: Database, sub_id: str, terms: Any) -> Any:
    """Write other terms under a subscription; return those that were there."""

    def work(tx: Tx) -> Any:
        contract = select(subscriptions.c.contract_id).where(subscriptions.c.id == sub_id)
        mine = contract_versions.c.contract_id == contract.scalar_subquery()
        before = tx.execute(select(contract_versions.c.terms).where(mine)).scalar_one()
        tx.execute(update(contract_versions).where(mine).values(terms=terms))
        return before

    return db.write_now(work)


def renewals(db: Database) -> Counter[str]:
    return Counter(one[0] for one in made_invoices(db) if one[1] == 1)


def grouped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each group that is done, from here on."""
    sizes: list[int] = []
    begin = runner.together

    def counted(db: Database, items: list[Due]) -> Future[None]:
        future = begin(db, items)
        if future.exception() is None:
            sizes.append(len(items))
        return future

    monkeypatch.setattr(runner, "together", counted)
    return sizes


def test_a_poisoned_one_leaves_the_others_of_its_group_billed_and_is_tried_again(
    db: Database, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    subs = make(db, home.live, 12, months=1)
    poisoned = subs[5]
    terms = set_terms(db, poisoned, {})
    sizes = grouped(monkeypatch)
    run_claimed(db, of_periods(claim(db)), retry=RETRY)
    assert sizes == []
    assert renewals(db) == Counter(set(subs) - {poisoned})
    set_terms(db, poisoned, terms)
    (again,) = of_periods(claim(db))
    assert (again.subject_id, again.attempts) == (poisoned, 2)
    run_claimed(db, [again], retry=RETRY)
    assert renewals(db) == Counter(subs)
    assert len({one[2] for one in made_invoices(db)}) == 24


def test_what_failed_before_breaks_no_group_again(
    db: Database, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    subs = make(db, home.live, 4, months=2)
    set_terms(db, subs[0], {})
    run_claimed(db, of_periods(claim(db)), retry=RETRY)  # the others are due again, afresh
    sizes = grouped(monkeypatch)
    items = of_periods(claim(db))
    assert sorted(item.attempts for item in items) == [1, 1, 1, 2]
    assert run_claimed(db, items, retry=RETRY) == 3
    assert sizes == [3]


def test_a_crash_at_the_commit_of_a_group_leaves_nothing_and_a_rerun_bills_each_once(
    db: Database, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    subs = make(db, home.live, 12, months=1)
    items = of_periods(claim(db))
    write = db.write
    written: list[int] = []

    def crash(work: Callable[[Tx], None]) -> Future[None]:
        def broken(tx: Tx) -> None:
            work(tx)
            new = select(invoices.c.id).where(invoices.c.period_number == 1)
            written.append(len(tx.execute(new).all()))
            raise SystemError("the power goes")

        return write(broken)

    with monkeypatch.context() as patched:
        patched.setattr(db, "write", crash)
        with pytest.raises(SystemError):
            runner.together(db, items).result()
    assert written == [12]
    assert renewals(db) == Counter()
    sizes = grouped(monkeypatch)
    assert run_claimed(db, items, retry=RETRY) == 12
    assert sizes == [12]
    assert renewals(db) == Counter(subs)
    numbers = sorted(one[2] or "" for one in made_invoices(db))
    assert [int(number.rsplit("-", 1)[-1]) for number in numbers] == list(range(1, 25))
    assert db.read(ledger.verify) == []


def test_numbers_have_no_gap_across_the_groups_of_two_workers(
    db: Database, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GROUP_MAX", 7)
    subs = make(db, home.live, 60, months=2)
    sizes = grouped(monkeypatch)
    together(2, lambda: work_off(db))
    assert sum(sizes) > 60
    made = made_invoices(db)
    assert Counter(one[:2] for one in made) == Counter((sub, n) for sub in subs for n in range(3))
    numbers = sorted(int((one[2] or "").rsplit("-", 1)[-1]) for one in made)
    assert numbers == list(range(1, 181))
    assert db.read(ledger.verify) == []
    told: dict[str, list[int]] = {}
    for object_id, _, sequence in messages(db, home.live):
        told.setdefault(object_id, []).append(sequence)
    assert all(found == list(range(1, len(found) + 1)) for found in told.values())


def messages(db: Database, where: Space) -> list[tuple[str, str, int]]:
    """(object, event, sequence) of all that was told, in its order."""
    t = outbox.c
    query = select(t.object_id, t.event, t.sequence).where(t.space_id == where.id)
    rows = db.read(lambda tx: tx.execute(query.order_by(t.position)).all())
    return [(row[0], row[1], row[2]) for row in rows]


def test_a_lost_lease_of_one_leaves_its_group_to_one_by_one(db: Database, home: Home) -> None:
    subs = make(db, home.live, 6, months=1)
    items = of_periods(claim(db))
    mine = due_work.c.subject_id == items[2].subject_id
    db.write_now(lambda tx: tx.execute(update(due_work).where(mine).values(fence=1)))
    assert run_claimed(db, items, retry=RETRY) == 5
    assert renewals(db) == Counter(set(subs) - {items[2].subject_id})


def test_usage_that_came_before_its_period_was_there_is_placed_in_a_group(
    db: Database, home: Home, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = grouped(monkeypatch)
    books.advance("2026-01-01T00:00:00Z")
    books.meter("calls")
    books.plan("pro")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")
    for name in ("a", "b", "c"):
        books.customer(name)
        books.subscribe(name, "pro")
    late = datetime(2026, 2, 2, tzinfo=UTC)
    db.write_now(lambda tx: identity.set_clock(tx, home.test.id, late))  # no worker has come yet
    for name in ("a", "b"):
        books.use("calls", "7", "2026-02-01T12:00:00Z", name)
    books.advance("2026-03-01T02:00:00Z")
    assert sizes[0] == 3
    assert [invoice["total"] for invoice in books.invoices()] == ["7.00", "7.00"]


def test_a_group_leaves_what_one_by_one_leaves(
    db: Database, home: Home, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = grouped(monkeypatch)
    of_groups = story(books)
    assert len(sizes) > 3
    other = open_project(db, "Other")
    books.http.headers["Authorization"] = f"Bearer {other.test_key}"
    monkeypatch.setattr(runner, "GROUP_MAX", 1)
    del sizes[:]
    assert story(books) == of_groups
    assert sizes == []
    one, two = (Counter(m[1:] for m in messages(db, where.test)) for where in (home, other))
    assert one == two
    assert db.read(ledger.verify) == []


def story(books: Books) -> Any:
    """Three months of several kinds of subscriptions; what is written, without ids."""
    books.advance("2026-01-01T00:00:00Z")
    books.meter("calls")
    books.meter("seats", "latest")
    books.plan("pro", "20")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.01", included_units="5")
    books.plan("team", "9")
    books.price(
        "team", "calls", pricing_model="per_unit", unit_price="0.5", minimum_commitment="30"
    )
    books.plan("flat", "7")
    for number in range(8):
        plan = ("pro", "team", "flat")[number % 3]
        taxes = [{"name": "VAT", "rate": "0.2"}] if number % 2 else []
        made = books.customer(f"c{number}", taxes=taxes)
        books.subscribe(f"c{number}", plan, payment_terms=10 * number)
        if number in (3, 4):
            books.wallet(made, "30")
    for number in range(8):
        books.use("calls", str(10 + number), "2026-01-01T00:00:00Z", f"c{number}")
    books.advance("2026-02-01T00:30:00Z")
    books.use("calls", "100", "2026-01-31T23:00:00Z", "c0")  # within the grace
    books.use("calls", "3", "2026-02-01T00:10:00Z", "c1")
    books.advance("2026-02-03T00:00:00Z")
    books.use("calls", "1000", "2026-01-15T00:00:00Z", "c3")  # after it
    books.advance("2026-04-02T00:00:00Z")
    return sorted((shown(invoice) for invoice in books.invoices(limit=100)), key=repr)


def shown(fact: Any) -> Any:
    """What is the same in another project: no ids, and no numbers, which follow them."""
    if isinstance(fact, list):
        return [shown(one) for one in fact]
    if not isinstance(fact, dict):
        return fact
    return {
        name: shown(value)
        for name, value in fact.items()
        if name not in {"id", "number"} and not name.endswith("_id")
    }
