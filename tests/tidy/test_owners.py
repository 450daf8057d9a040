"""Who may touch what: stores their own room, SQL the stores, FastAPI two edges, commits storage."""

import ast
from collections.abc import Iterator

import pytest

from .source import Source, require_none

PRIVATE = {"store", "tables"}
SQL_PLACES = {"adapters", "store", "tables"}
WEB_ROOMS = {"api", "dashboard"}
WEB = ("fastapi", "fastapi_offline", "starlette")
ENDINGS = {"begin", "begin_nested", "commit", "rollback"}


def foreign_stores(source: Source) -> Iterator[str]:
    """Imports of another room's store or tables."""
    for line, name in source.imports():
        parts = name.split(".")
        if parts[:2] != ["tallybook", "server"] or len(parts) < 4 or parts[2] == "storage":
            continue
        if parts[3].split("_")[-1] in PRIVATE and parts[2] != source.room:
            yield source.at(line, f"{name} belongs to {parts[2]}: call its service")


def sql_elsewhere(source: Source) -> Iterator[str]:
    """SQLAlchemy outside of stores, tables, adapters and storage."""
    if source.room == "storage" or source.place in SQL_PLACES:
        return
    for line, name in source.imports():
        if name.split(".")[0] == "sqlalchemy":
            yield source.at(line, f"{name}: SQL lives in a store")


def web_elsewhere(source: Source) -> Iterator[str]:
    """FastAPI below the edges."""
    if source.room in WEB_ROOMS:
        return
    for line, name in source.imports():
        if name.split(".")[0] in WEB:
            yield source.at(line, f"{name}: only api and dashboard know FastAPI")


def transactions(source: Source) -> Iterator[str]:
    """Begin and commit outside of storage: what is called together could no longer be undone."""
    if source.parts[0] != "server" or source.room == "storage":
        return
    for node in source.nodes():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ENDINGS
        ):
            yield source.at(node.lineno, f"{ast.unparse(node.func)}(): edges use db.write")


def test_a_store_is_touched_by_its_own_room_only() -> None:
    require_none(foreign_stores)


def test_sql_lives_in_stores() -> None:
    require_none(sql_elsewhere)


def test_only_api_and_dashboard_know_fastapi() -> None:
    require_none(web_elsewhere)


def test_only_storage_begins_and_commits() -> None:
    require_none(transactions)


@pytest.mark.parametrize(
    "bad",
    [
        "from tallybook.server.ledger import store",
        "from tallybook.server.ledger.store import get",
        "from tallybook.server.ledger.store.entries import get",
        "from tallybook.server.ledger.tables import entries",
        "import tallybook.server.ledger.store as ledger",
        "from tallybook.server.ledger import entry_store",
        "from ..ledger import store",
    ],
)
def test_a_foreign_store_is_found(bad: str) -> None:
    assert list(foreign_stores(Source("server/wallets/service.py", bad)))


@pytest.mark.parametrize("good", ["from . import store", "from .tables import wallets"])
def test_an_own_store_passes(good: str) -> None:
    assert not list(foreign_stores(Source("server/wallets/service.py", good)))


def test_sql_in_a_service_is_found() -> None:
    bad = "from sqlalchemy import select"
    assert list(sql_elsewhere(Source("server/wallets/service.py", bad)))
    assert not list(sql_elsewhere(Source("server/wallets/store.py", bad)))


def test_fastapi_below_the_edges_is_found() -> None:
    bad = "from fastapi import HTTPException"
    assert list(web_elsewhere(Source("server/wallets/service.py", bad)))
    assert not list(web_elsewhere(Source("server/api/wallets.py", bad)))


@pytest.mark.parametrize("bad", ["tx.commit()", "with engine.begin() as c: pass", "c.rollback()"])
def test_a_commit_in_a_service_is_found(bad: str) -> None:
    assert list(transactions(Source("server/wallets/service.py", bad)))
    assert not list(transactions(Source("server/storage/sqlite.py", bad)))
