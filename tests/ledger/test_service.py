"""The books on both databases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.errors import AmountTooLarge, KeyReused, NothingToPost, Unbalanced
from tallybook.server.ledger.models import Account, AccountKind, Posting, Transaction
from tallybook.server.ledger.rules.postings import AMOUNT_MAX, move
from tallybook.server.ledger.tables import accounts, entries, transactions
from tallybook.server.storage import Database, Tx
from tests.conftest import NOW, open_project

CASH = Account(AccountKind.CASH, "USD", "cus_1")
REVENUE = Account(AccountKind.REVENUE, "USD", "cus_1")


def post(
    db: Database, space: SpaceId, key: str, amount: int, postings: Sequence[Posting] = ()
) -> Transaction:
    lines = postings or move(amount, debit=CASH, credit=REVENUE)
    return db.write_now(
        lambda tx: ledger.post(tx, space, key=key, postings=lines, at=NOW, kind="test")
    )


def balance(db: Database, space: SpaceId, account: Account = CASH) -> int:
    return db.read(lambda tx: ledger.get_balance(tx, space, account))


def checks(db: Database, space: SpaceId) -> set[str]:
    return {difference.check for difference in db.read(lambda tx: ledger.verify(tx, space))}


def test_an_entry_tells_the_balance_before_and_after(db: Database, space: SpaceId) -> None:
    post(db, space, "a", 5)
    made = post(db, space, "b", 7)
    entry = next(entry for entry in made.entries if entry.account == CASH)
    assert (entry.balance_before_micros, entry.balance_after_micros, entry.version) == (5, 12, 2)
    assert (balance(db, space), balance(db, space, REVENUE)) == (12, -12)
    listed = db.read(lambda tx: ledger.list_entries(tx, space, CASH))
    assert [entry.amount_micros for _, entry in listed] == [5, 7]
    assert db.read(lambda tx: ledger.find(tx, space, "b")) == made
    assert checks(db, space) == set()


def test_a_key_posts_once_for_ever(db: Database, space: SpaceId) -> None:
    first = post(db, space, "a", 5)
    again = post(db, space, "a", 5)
    assert again.replayed
    assert (again.id, again.entries) == (first.id, first.entries)
    with pytest.raises(KeyReused):
        post(db, space, "a", 6)
    assert balance(db, space) == 5


def test_a_key_is_free_in_another_space(db: Database, space: SpaceId) -> None:
    other = open_project(db, "Other").live.id
    post(db, space, "a", 5)
    assert not post(db, other, "a", 6).replayed
    assert (balance(db, space), balance(db, other)) == (5, 6)


def test_what_does_not_balance_is_not_posted(db: Database, space: SpaceId) -> None:
    with pytest.raises(Unbalanced):
        post(db, space, "a", 0, [Posting(CASH, 1)])
    with pytest.raises(NothingToPost):
        post(db, space, "a", 0)
    assert db.read(lambda tx: ledger.find(tx, space, "a")) is None


def test_an_overflow_is_refused_and_leaves_nothing(db: Database, space: SpaceId) -> None:
    post(db, space, "a", AMOUNT_MAX)
    with pytest.raises(AmountTooLarge):
        post(db, space, "b", 1)
    with pytest.raises(AmountTooLarge):
        post(db, space, "c", AMOUNT_MAX + 1)
    assert balance(db, space) == AMOUNT_MAX
    assert db.read(lambda tx: ledger.find(tx, space, "b")) is None
    assert checks(db, space) == set()


def test_one_key_from_many_threads_posts_once(db: Database, space: SpaceId) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: post(db, space, "a", 5), range(50)))
    assert sum(not one.replayed for one in made) == 1
    assert balance(db, space) == 5


def test_many_threads_on_two_accounts_add_up(db: Database, space: SpaceId) -> None:
    def work(number: int) -> None:
        lines = move(number, debit=CASH, credit=REVENUE)
        post(db, space, f"k{number}", 0, lines if number % 2 else lines[::-1])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(1, 101)))
    assert balance(db, space) == 5050
    assert checks(db, space) == set()


def test_a_request_key_stands_for_one_request(db: Database, space: SpaceId) -> None:
    def keep(tx: Tx) -> None:
        ledger.keep_request(
            tx, space, operation="op", key="k", fingerprint=b"x", object_id="o_1", at=NOW
        )

    def find(fingerprint: bytes, operation: str = "op") -> str | None:
        return db.write_now(
            lambda tx: ledger.find_request(
                tx, space, operation=operation, key="k", fingerprint=fingerprint
            )
        )

    assert find(b"x") is None
    db.write_now(keep)
    assert find(b"x") == "o_1"
    assert find(b"x", "other") is None
    with pytest.raises(KeyReused):
        find(b"y")
    with pytest.raises(KeyReused):
        db.write_now(keep)


def test_a_planted_balance_is_found(db: Database, space: SpaceId) -> None:
    post(db, space, "a", 5)
    db.write_now(
        lambda tx: tx.execute(
            update(accounts).where(accounts.c.name == CASH.name).values(balance_micros=6)
        )
    )
    assert checks(db, space) == {"account_equals_entries"}
    found = db.read(ledger.verify)[0]
    assert (found.space, found.expected, found.actual) == (space, 5, 6)


def test_a_planted_amount_is_found(db: Database, space: SpaceId) -> None:
    made = post(db, space, "a", 5)
    planted = {"amount_micros": 4, "balance_after_micros": 4}
    own = (entries.c.transaction_id == made.id, entries.c.amount_micros == 5)
    db.write_now(lambda tx: tx.execute(update(entries).where(*own).values(planted)))
    assert checks(db, space) == {"transaction_sums_to_zero", "account_equals_entries"}


def test_a_lost_transaction_is_found(db: Database, space: SpaceId) -> None:
    made = post(db, space, "a", 5)
    post(db, space, "b", 7)
    gone = entries.c.transaction_id == made.id
    db.write_now(lambda tx: tx.execute(delete(entries).where(gone)))
    assert checks(db, space) == {
        "account_equals_entries",
        "account_version_counts_entries",
        "entry_follows_entry",
    }


def test_the_database_refuses_an_entry_that_does_not_add_up(db: Database, space: SpaceId) -> None:
    made = post(db, space, "a", 5)
    wrong = {"balance_after_micros": 9}
    own = entries.c.transaction_id == made.id
    with pytest.raises(IntegrityError):
        db.write_now(lambda tx: tx.execute(update(entries).where(own).values(wrong)))


def test_the_database_refuses_a_key_twice(db: Database, space: SpaceId) -> None:
    row = {
        "space_id": space,
        "key": "k",
        "kind": "t",
        "reference": "",
        "fingerprint": b"",
        "at": NOW,
    }
    db.write_now(lambda tx: tx.execute(insert(transactions).values({**row, "id": "ltx_1"})))
    with pytest.raises(IntegrityError):
        db.write_now(lambda tx: tx.execute(insert(transactions).values({**row, "id": "ltx_2"})))


def test_the_projects_accounts_are_sums_over_customers(db: Database, space: SpaceId) -> None:
    for customer in ("cus_1", "cus_2"):
        cash = Account(AccountKind.CASH, "USD", customer)
        revenue = Account(AccountKind.REVENUE, "USD", customer)
        post(db, space, customer, 0, move(5, debit=cash, credit=revenue))
    totals = db.read(lambda tx: ledger.list_totals(tx, space))
    assert [(total.kind, total.unit, total.balance_micros) for total in totals] == [
        (AccountKind.CASH, "USD", 10),
        (AccountKind.REVENUE, "USD", -10),
    ]
