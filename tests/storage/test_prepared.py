"""Prepared statements: values go and come as the columns say, on both databases."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Column, Integer, Table, Text, bindparam, select, update
from sqlalchemy.exc import MultipleResultsFound

from tallybook.server.storage import Database, Tx, open_database
from tallybook.server.storage.columns import Document, Exact, Instant, metadata
from tallybook.server.storage.errors import DatabaseUnavailable
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
things = Table(
    "things_of_a_test",
    metadata,
    Column("space_id", Integer, nullable=False),
    Column("id", Text, primary_key=True),
    Column("price", Exact, nullable=True),
    Column("at", Instant, nullable=False),
    Column("more", Document, nullable=True),
    Column("is_so", Boolean, nullable=False),
)
metadata.remove(things)
_t = things.c
ADD = Prepared(lambda insert: insert(things).on_conflict_do_nothing().returning(_t.id))
ADD_ALL = Prepared(lambda insert: insert(things))
FIND = Prepared(lambda _: select(things).where(_t.space_id == SPACE, _t.id == bindparam("id")))
ALL = Prepared(lambda _: select(_t.id).where(_t.space_id == SPACE).order_by(_t.id))
SOME = Prepared(
    lambda _: select(_t.id).where(_t.space_id == SPACE, one_of(_t.id, "ids")).order_by(_t.id)
)
SAVE = Prepared(lambda _: update(things).where(_t.space_id == SPACE, _t.is_so))
ROW = {
    "space_id": 1,
    "id": "a",
    "price": Decimal("0.000003"),
    "at": AT,
    "more": {"a%s": [1, None]},
    "is_so": True,
}


@pytest.fixture(autouse=True)
def _table(db: Database) -> None:
    db.write_now(lambda tx: things.create(tx.connection))


def test_values_come_back_as_they_went(db: Database) -> None:
    assert db.write_now(lambda tx: tx.row(ADD, **ROW)) == {"id": "a"}
    assert db.read(lambda tx: tx.row(FIND, space=1, id="a")) == ROW


def test_nothing_is_none_both_ways(db: Database) -> None:
    row = {**ROW, "price": None, "more": None}
    db.write_now(lambda tx: tx.run_all(ADD_ALL, [row, {**row, "id": "b"}]))
    assert db.read(lambda tx: tx.row(FIND, space=1, id="b")) == {**row, "id": "b"}
    assert db.read(lambda tx: tx.row(FIND, space=2, id="b")) is None


def test_a_conflict_returns_no_row_and_a_change_counts_its_rows(db: Database) -> None:
    def work(tx: Tx) -> tuple[object, int]:
        tx.row(ADD, **ROW)
        return tx.row(ADD, **ROW), tx.run(SAVE, {"space": 1, "price": Decimal(7)})

    assert db.write_now(work) == (None, 1)
    found = db.read(lambda tx: tx.row(FIND, space=1, id="a"))
    assert found is not None
    assert found["price"] == 7


def test_more_than_one_row_is_an_error_where_one_is_asked_for(db: Database) -> None:
    db.write_now(lambda tx: tx.run_all(ADD_ALL, [ROW, {**ROW, "id": "b"}]))
    with pytest.raises(MultipleResultsFound):
        db.read(lambda tx: tx.row(ALL, space=1))


def test_a_database_that_does_not_answer_is_told_as_always(tmp_path: Path) -> None:
    """On SQLite; psycopg's errors have a test of their own."""
    db = open_database(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(DatabaseUnavailable):
        db.write_now(lambda tx: tx.rows(ALL, space=1))
    db.close()


def test_a_list_is_one_parameter_of_any_length(db: Database) -> None:
    def work(tx: Tx) -> list[list[str]]:
        tx.run_all(ADD_ALL, [{**ROW, "id": one} for one in ("a", 'b"c', "d%s", "é")])
        return [
            [row["id"] for row in tx.rows(SOME, space=1, ids=ids)]
            for ids in ([], ["a"], ["é", 'b"c', "nobody"], ["a", "d%s"] * 500)
        ]

    assert db.write_now(work) == [[], ["a"], ['b"c', "é"], ["a", "d%s"]]
