"""What readers remember ends with each commit that could change it."""

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


def test_writers_and_postgresql_remember_nothing(db: Database) -> None:
    seen = [db.write_now(lambda tx, n=n: tx.remember("n", lambda: n)) for n in range(3)]  # type: ignore[misc]
    assert seen == [0, 1, 2]
    if not db.is_sqlite:
        assert [db.read(lambda tx, n=n: tx.remember("n", lambda: n)) for n in (1, 2)] == [1, 2]  # type: ignore[misc]


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
