"""PostgreSQL goes away and comes back; its processes see at once what another has changed."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tallybook.server.storage import Database, Tx, open_database
from tallybook.server.storage.errors import DatabaseUnavailable


@pytest.fixture
def url(postgres: Callable[[], str]) -> str:
    return postgres()


@pytest.fixture
def here(url: str) -> Iterator[Database]:
    opened = open_database(url)
    opened.write_now(lambda tx: tx.connection.exec_driver_sql("CREATE TABLE t (n INTEGER)"))
    yield opened
    opened.close()


def _insert(tx: Tx) -> None:
    tx.connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def _count(tx: Tx) -> int:
    return int(tx.connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())


def _end_all_others(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_lost_connection_costs_nobody_an_answer(here: Database, url: str) -> None:
    assert here.read(_count) == 0
    _end_all_others(url)
    here.write_now(_insert)
    _end_all_others(url)
    assert here.read(_count) == 1


def test_a_work_that_lost_its_connection_is_done_again_once(here: Database, url: str) -> None:
    tries = []

    def work(tx: Tx) -> None:
        _insert(tx)
        tries.append(1)
        if len(tries) == 1:
            _end_all_others(url)
        _insert(tx)

    here.write_now(work)
    assert (len(tries), here.read(_count)) == (2, 2)


def test_a_commit_of_unknown_outcome_is_not_done_again(here: Database, url: str) -> None:
    tries = []

    def work(tx: Tx) -> None:
        tx.keeps_memory = True  # so nothing comes after this but the commit
        _insert(tx)
        tries.append(1)
        _end_all_others(url)

    with pytest.raises(DatabaseUnavailable):
        here.write_now(work)
    assert len(tries) == 1


def test_another_process_changes_what_this_one_remembers(here: Database, url: str) -> None:
    there = open_database(url)
    loads = []

    def count(db: Database) -> int:
        def load(tx: Tx) -> int:
            loads.append(1)
            return _count(tx)

        return db.read(lambda tx: tx.remember("count", lambda: load(tx)))

    def insert(*, keeps: bool) -> None:
        def work(tx: Tx) -> None:
            tx.keeps_memory = keeps
            _insert(tx)

        there.write_now(work)

    assert [count(here), count(here), len(loads)] == [0, 0, 1]
    insert(keeps=False)
    assert [count(here), count(here), len(loads)] == [1, 1, 2]
    insert(keeps=True)  # it says that it touches nothing of the kind: here it lies
    assert [count(here), len(loads)] == [1, 2]
    insert(keeps=False)
    assert [count(here), len(loads)] == [3, 3]
    there.close()


def test_what_was_waited_for_is_seen(here: Database, url: str) -> None:
    there = open_database(url)

    def work(tx: Tx) -> list[int]:
        tx.keeps_memory = True
        seen = [tx.remember("count", lambda: _count(tx))]
        there.write_now(_insert)
        seen.append(tx.remember("count", lambda: _count(tx)))
        tx.look_again()
        return [*seen, tx.remember("count", lambda: _count(tx))]

    assert here.write_now(work) == [0, 0, 1]
    there.close()
