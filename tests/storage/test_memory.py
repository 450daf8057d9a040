"""What readers remember ends with each commit that could change it."""

import threading
from collections.abc import Collection
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tallybook.server.storage import Database, open_database
from tallybook.server.storage.memory import ENTRIES_MAX, Memory


def test_a_commit_ends_what_was_remembered(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/x.db")
    db.write_now(lambda tx: tx.connection.exec_driver_sql("CREATE TABLE t (n INTEGER)"))
    loads: list[int] = []

    def count() -> int:
        def load(tx) -> int:  # type: ignore[no-untyped-def]
            loads.append(1)
            return int(tx.connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())

        return db.read(lambda tx: tx.remember("count", lambda: load(tx)))

    def insert(*, keeps: bool = False) -> None:
        def work(tx) -> None:  # type: ignore[no-untyped-def]
            tx.keeps_memory = keeps
            tx.connection.exec_driver_sql("INSERT INTO t VALUES (1)")

        db.write_now(work)

    assert [count(), count(), len(loads)] == [0, 0, 1]
    insert()
    assert [count(), count(), len(loads)] == [1, 1, 2]
    insert(keeps=True)  # it says that it touches nothing of the kind: here it lies
    assert [count(), len(loads)] == [1, 2]
    insert()
    assert [count(), len(loads)] == [3, 3]
    with pytest.raises(ZeroDivisionError):
        db.write_now(lambda _: 1 // 0)
    assert [count(), len(loads)] == [3, 3]
    db.close()


def test_a_reader_whose_snapshot_is_older_leaves_nothing_to_the_next() -> None:
    memory = Memory()
    old = memory.generation
    memory.forget()  # a commit comes while it reads
    assert memory.recall("x", old, lambda: "old") == "old"
    assert memory.recall("x", memory.generation, lambda: "new") == "new"
    assert memory.recall("x", old, lambda: "old again") == "old again"
    assert memory.recall("x", memory.generation, lambda: "new again") == "new again"


def test_memory_is_bounded() -> None:
    memory = Memory()
    for number in range(ENTRIES_MAX + 10):
        memory.recall(number, 0, lambda: None)
    assert len(memory._kept) <= ENTRIES_MAX


def test_writers_that_may_change_something_remember_nothing(db: Database) -> None:
    seen = [db.write_now(lambda tx, n=n: tx.remember("n", lambda: n)) for n in range(3)]  # type: ignore[misc]
    assert seen == [0, 1, 2]


def test_what_changes_is_seen_by_the_very_next_check(api: TestClient) -> None:
    api.post("/meters", json={"name": "x", "key": "calls", "aggregation": "sum"})
    api.post("/plans", json={"name": "x", "key": "pro"})
    price = {"meter": "calls", "pricing_model": "per_unit", "unit_price": "1"}
    quota = {"included_units": "5", "overage": "deny"}
    api.post("/plans/pro/meter-prices", json={**price, **quota})
    customer = api.post("/customers", json={"name": "x", "external_id": "acme"}).json()["id"]
    body = {"customer_external_id": "acme", "feature": "calls"}

    def reason() -> str:
        answer = api.post("/access/check", json=body)
        return str(answer.json()["reason"])

    assert [reason(), reason()] == ["no_subscription"] * 2
    sub = api.post("/subscriptions", json={"customer_external_id": "acme", "plan": "pro"}).json()
    assert [reason(), reason()] == ["ok"] * 2
    usage = {"customer_external_id": "acme", "meter": "calls", "quantity": "4"}
    assert api.post("/events/batch", json={"events": [usage]}).json()["accepted"] == 1
    assert [reason(), reason()] == ["ok"] * 2
    held = api.post("/holds", json={**body, "quantity": "1"}).json()
    assert [reason(), reason()] == ["limit_reached"] * 2
    api.post(f"/holds/{held['id']}/release")
    assert reason() == "ok"
    api.patch(f"/customers/{customer}", json={"status": "suspended"})
    assert reason() == "customer_suspended"
    api.patch(f"/customers/{customer}", json={"status": "active", "external_id": "other"})
    assert api.post("/access/check", json=body).status_code == 404
    api.patch(f"/customers/{customer}", json={"external_id": "acme"})
    api.post(f"/subscriptions/{sub['id']}/suspend")
    assert [reason(), reason()] == ["subscription_suspended"] * 2


def test_many_names_are_loaded_together_and_nothing_is_a_fact_too() -> None:
    memory = Memory()
    asked: list[list[str]] = []

    def load(names: Collection[str]) -> dict[str, int]:
        asked.append(sorted(names))
        return {name: len(name) for name in names if name != "none"}

    assert memory.recall_all("len", ["a", "bb", "none"], 0, load) == {"a": 1, "bb": 2}
    assert memory.recall_all("len", ["bb", "ccc", "none"], 0, load) == {"bb": 2, "ccc": 3}
    assert asked == [["a", "bb", "none"], ["ccc"]]
    memory.forget()
    memory.recall_all("len", ["a", "none"], memory.generation, load)
    assert asked[-1] == ["a", "none"]


def _hold(db: Database) -> threading.Event:
    """Keep the writer busy, alone, until the event is set."""
    begun, go = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        begun.set()
        go.wait(10)

    db.write(wait)
    begun.wait(10)
    return go


def test_a_write_sees_what_another_of_its_group_has_changed(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/x.db")
    db.write_now(lambda tx: tx.connection.exec_driver_sql("CREATE TABLE t (n INTEGER)"))

    def count(tx) -> int:  # type: ignore[no-untyped-def]
        tx.keeps_memory = True
        query = "SELECT count(*) FROM t"
        found = tx.remember("n", lambda: tx.connection.exec_driver_sql(query).scalar_one())
        return int(found)

    assert [db.write_now(count), db.write_now(count)] == [0, 0]
    go = _hold(db)  # the three after it become one group
    before = db.write(count)
    db.write(lambda tx: tx.connection.exec_driver_sql("INSERT INTO t VALUES (1)"))
    after = db.write(count)
    go.set()
    assert (before.result(), after.result()) == (0, 1)
    assert db.write_now(count) == db.read(count) == 1
    db.close()


def test_counts_of_writes_that_share_a_commit_follow_each_other(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/x.db")
    db.write_now(lambda tx: tx.connection.exec_driver_sql("CREATE TABLE t (n INTEGER)"))
    db.write_now(lambda tx: tx.connection.exec_driver_sql("INSERT INTO t VALUES (0)"))

    def add(tx, *, fails: bool = False) -> int:  # type: ignore[no-untyped-def]
        tx.keeps_memory = True

        def load(_: Collection[str]) -> dict[str, int]:
            return {"n": int(tx.connection.exec_driver_sql("SELECT n FROM t").scalar_one())}

        for _ in range(2):  # what it changed itself it sees, too
            number = tx.remember_current(["n"], load)["n"] + 1
            tx.connection.exec_driver_sql(f"UPDATE t SET n = {number}")
            tx.changed({"n": number})
        if fails:
            raise ZeroDivisionError
        return int(number)

    go = _hold(db)  # those after it become one group
    futures = [db.write(add), db.write(lambda tx: add(tx, fails=True)), db.write(add)]
    go.set()
    assert [futures[0].result(), futures[2].result()] == [2, 4]
    with pytest.raises(ZeroDivisionError):
        futures[1].result()
    with pytest.raises(ZeroDivisionError):
        db.write_now(lambda tx: add(tx, fails=True))
    assert db.write_now(add) == 6
    assert db.read(lambda tx: tx.remember_current(["n"], lambda _: {"n": 99})) == {"n": 6}
    query = "SELECT n FROM t"
    assert db.read(lambda tx: tx.connection.exec_driver_sql(query).scalar_one()) == 6
    db.close()


def test_usage_of_a_customer_that_is_new_counts_at_once(api: TestClient) -> None:
    api.post("/meters", json={"name": "x", "key": "calls", "aggregation": "sum"})
    usage = {"customer_external_id": "acme", "meter": "calls", "quantity": "4"}

    def send() -> tuple[int, int]:
        answer = api.post("/events/batch", json={"events": [usage]}).json()
        return answer["accepted"], answer["unmatched"]

    assert [send(), send()] == [(1, 1), (1, 1)]
    api.post("/customers", json={"name": "x", "external_id": "acme"})
    assert [send(), send()] == [(1, 0), (1, 0)]
    key = api.get("/meters/calls").json()
    assert api.patch("/meters/calls", json={"aggregation": "max"}).status_code == 409, key


def test_a_reader_keeps_nothing_that_a_later_commit_has_handed_over() -> None:
    memory = Memory()

    def look(value: int, *, commit: int) -> dict[str, int]:
        return memory.recall_current(
            ["x"], generation=memory.generation, commit=commit, load=lambda _: {"x": value}
        )

    assert look(1, commit=0) == look(99, commit=0) == {"x": 1}
    memory.hand_over({"x": 2})
    assert look(99, commit=1) == {"x": 2}
    memory.forget()
    late = memory.commits  # what a reader notes before its snapshot

    def meanwhile(_: Collection[str]) -> dict[str, int]:
        memory.hand_over({"x": 4})
        return {"x": 3}

    found = memory.recall_current(["x"], generation=memory.generation, commit=late, load=meanwhile)
    assert found == {"x": 3}, "its own snapshot"
    assert look(99, commit=memory.commits) == {"x": 4}, "and the next sees what came"


def test_current_values_are_bounded_and_those_left_out_are_no_older() -> None:
    memory = Memory()
    memory.hand_over({"x": 1})
    for number in range(ENTRIES_MAX + 10):
        memory.hand_over({number: number})
    assert len(memory._current) <= ENTRIES_MAX

    def look(value: int, *, commit: int) -> dict[str, int]:
        return memory.recall_current(
            ["x"], generation=0, commit=commit, load=lambda _: {"x": value}
        )

    assert look(0, commit=0) == {"x": 0}, "a snapshot before x was handed over"
    assert look(1, commit=memory.commits) == {"x": 1}, "was not kept"


def test_a_check_after_an_answer_counts_what_it_was_for(api: TestClient) -> None:
    """Others ask all the time, so that the counter is always remembered by somebody."""
    api.post("/meters", json={"name": "x", "key": "calls", "aggregation": "sum"})
    api.post("/plans", json={"name": "x", "key": "pro"})
    api.post(
        "/plans/pro/meter-prices",
        json={"meter": "calls", "pricing_model": "per_unit", "unit_price": "1"},
    )
    api.post("/customers", json={"name": "x", "external_id": "acme"})
    api.post("/subscriptions", json={"customer_external_id": "acme", "plan": "pro"})
    body = {"customer_external_id": "acme", "feature": "calls"}
    usage = {"customer_external_id": "acme", "meter": "calls", "quantity": "1"}
    done = threading.Event()

    def used() -> int:
        return int(api.post("/access/check", json=body).json()["used"])

    def ask() -> None:
        while not done.is_set():
            used()

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for number in range(1, 16):
            event = api.post("/events/batch", json={"events": [usage]}).json()["results"][0]
            assert used() == number
        assert api.post(f"/events/{event['id']}/void").status_code == 200
        assert used() == 14
    finally:
        done.set()
        asker.join()


def test_what_never_changes_is_remembered_once_it_is_committed(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/x.db")
    loads: list[list[str]] = []

    def ids(*names: str, fails: bool = False) -> dict[str, int]:
        def load(missing: Collection[str]) -> dict[str, int]:
            loads.append(list(missing))
            return {name: len(name) for name in missing}

        def work(tx) -> dict[str, int]:  # type: ignore[no-untyped-def]
            found = tx.remember_for_ever("lengths", names, load)
            assert not fails
            return dict(found)

        return db.write_now(work)

    with pytest.raises(AssertionError):
        ids("a", fails=True)  # it was undone, so it may be another next time
    assert ids("a") == {"a": 1}
    assert ids("a", "bb") == {"a": 1, "bb": 2}  # other commits end nothing of it
    assert loads == [["a"], ["a"], ["bb"]]
    db._memory.keep_for_ever("many", {str(n): n for n in range(ENTRIES_MAX)})
    assert len(db._memory._lasting) <= ENTRIES_MAX
    db.close()
