"""Gathered work: what is written waits, is seen by whoever asks, and is written in order."""

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)

from tallybook.server.storage import Database, Tx
from tallybook.server.storage.columns import metadata
from tallybook.server.storage.gathering import WAITING_MAX, Batch, RowMissed
from tallybook.server.storage.prepared import SPACE, Prepared

boxes = Table(
    "boxes_of_a_test",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("size", Integer, nullable=False),
)
parts = Table(
    "parts_of_a_test",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("box_id", Text, ForeignKey("boxes_of_a_test.id"), nullable=False),
)
for table in (parts, boxes):
    metadata.remove(table)
_b, _p = boxes.c, parts.c
ADD = Prepared(lambda insert: insert(boxes))
ADD_PART = Prepared(lambda insert: insert(parts))
SIZE = Prepared(
    lambda _: (
        update(boxes)
        .where(_b.space_id == SPACE, _b.id == bindparam("box"))
        .values(size=bindparam("now"))
    )
)
EMPTY = Prepared(lambda _: delete(parts).where(_p.space_id == SPACE, _p.box_id == bindparam("box")))
ALL = Prepared(lambda _: select(_b.id, _b.size).where(_b.space_id == SPACE).order_by(_b.id))
COUNT = Prepared(lambda _: select(func.count().label("n")).where(_p.space_id == SPACE))


@pytest.fixture(autouse=True)
def _tables(db: Database) -> None:
    db.write_now(lambda tx: [table.create(tx.connection) for table in (boxes, parts)])


def add(tx: Tx, box: str, size: int = 1) -> None:
    assert tx.write(ADD, {"space_id": 1, "id": box, "size": size}, of=box)


def resize(tx: Tx, box: str, size: int, *, is_whole: bool = False) -> bool:
    return tx.write(SIZE, {"space": 1, "box": box, "now": size}, of=box, is_whole=is_whole)


def fill(tx: Tx, box: str, count: int = 1) -> None:
    rows = [{"space_id": 1, "id": f"{box}{number}", "box_id": box} for number in range(count)]
    tx.write_all(ADD_PART, rows, of=box)


def sizes(tx: Tx) -> dict[str, int]:
    return {row["id"]: row["size"] for row in tx.rows(ALL, space=1)}


def runs(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement is run for, from here on."""
    seen: list[int] = []
    write = Tx._write_batch

    def counted(self: Tx, batch: Batch) -> int:
        seen.append(len(batch.rows))
        return write(self, batch)

    monkeypatch.setattr(Tx, "_write_batch", counted)
    return seen


def test_rows_of_many_subjects_share_a_statement(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(tx: Tx) -> list[int]:
        seen = runs(tx, monkeypatch)
        with tx.gather():
            for box in "abc":
                add(tx, box)
                fill(tx, box, 2)
                assert resize(tx, box, 7)
                tx.write_all(EMPTY, [{"space": 1, "box": box}], of=box)
                fill(tx, box, 3)
        return seen

    assert db.write_now(work) == [3, 6, 3, 3, 9]
    assert db.read(sizes) == {"a": 7, "b": 7, "c": 7}
    assert db.read(lambda tx: tx.rows(COUNT, space=1)) == [{"n": 9}]


def test_rows_of_one_subject_keep_their_order(db: Database) -> None:
    def work(tx: Tx) -> None:
        add(tx, "old")
        with tx.gather():
            resize(tx, "old", 2)  # makes the statement wait first
            add(tx, "new")
            resize(tx, "new", 3)
            fill(tx, "old")
            add(tx, "later")
            fill(tx, "later")  # its parts must not come before it
            resize(tx, "old", 4)

    db.write_now(work)
    assert db.read(sizes) == {"later": 1, "new": 3, "old": 4}


def test_who_asks_for_a_table_sees_what_waits(db: Database) -> None:
    def work(tx: Tx) -> list[object]:
        with tx.gather():
            add(tx, "a")
            by_prepared = sizes(tx)
            add(tx, "b")
            by_query = len(tx.execute(select(boxes)).all())
            add(tx, "c")
            by_connection = len(tx.connection.execute(select(boxes)).all())
        return [by_prepared, by_query, by_connection]

    assert db.write_now(work) == [{"a": 1}, 2, 3]


def test_a_row_that_says_all_replaces_the_one_before(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(tx: Tx) -> list[int]:
        add(tx, "a")
        seen = runs(tx, monkeypatch)
        with tx.gather():
            for size in range(9):
                resize(tx, "a", size, is_whole=True)
        return seen

    assert db.write_now(work) == [1]
    assert db.read(sizes) == {"a": 8}


def test_a_row_that_is_not_there_undoes_all(db: Database) -> None:
    def work(tx: Tx) -> None:
        with tx.gather():
            add(tx, "a")
            resize(tx, "a", 2)
            assert resize(tx, "nobody", 2)

    with pytest.raises(RowMissed):
        db.write_now(work)
    assert db.read(sizes) == {}
    assert db.write_now(lambda tx: resize(tx, "nobody", 2)) is False  # alone it hears at once


def test_what_is_kept_is_read_once_and_only_there(db: Database) -> None:
    asked = []

    def load() -> int:
        asked.append(1)
        return len(asked)

    def work(tx: Tx) -> list[int]:
        alone = [tx.kept("k", load), tx.kept("k", load)]
        with tx.gather():
            inside = [tx.kept("k", load), tx.kept("k", load)]
            tx.keep("k", 7)
            inside.append(tx.kept("k", load))
            tx.forget("k")
            inside.append(tx.kept("k", load))
        return [*alone, *inside, tx.kept("k", load)]

    assert db.write_now(work) == [1, 2, 3, 3, 7, 4, 5]


def test_not_more_waits_than_may(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(tx: Tx) -> list[int]:
        seen = runs(tx, monkeypatch)
        with tx.gather():
            for number in range(WAITING_MAX + 3):
                add(tx, f"{number:05}")
        return seen

    assert db.write_now(work) == [WAITING_MAX, 3]
