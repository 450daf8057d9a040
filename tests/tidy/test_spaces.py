"""Every query is of one space: no tenant sees another's rows."""

import ast
import re
from collections.abc import Iterator

import pytest

from .source import Function, Source, require_none, sources

STATEMENTS = {"delete", "exists", "insert", "select", "text", "update"}
# An INSERT cannot forget it, the column is NOT NULL; `unnest` and `json_each` read no table.
RAW_SQL = re.compile(
    r"\b(DELETE\s+FROM|SELECT\b.*\bFROM\s+(?!unnest|json_each)\S|UPDATE\b.*\bSET)", re.DOTALL
)

# Functions that ask before a space is known, or for all spaces at once; each with its reason.
WITHOUT_SPACE = {
    "server/identity/store.py": {
        "add_project": "makes the two spaces",
        "find_project": "a project stands above its spaces",
        "list_projects": "a project stands above its spaces",
        "save_settings": "a project stands above its spaces",
        "list_spaces": "the operator's command line and the worker go over all spaces",
        "find_space": "finds the space of a project",
        "list_clocks": "the worker goes over all test clocks",
        "add_key": "the key names its space",
        "find_caller": "the key's digest says which space it is",
        "list_keys": "both spaces of one project, for its owner",
        "find_key": "by its own id, for the owner of the project",
        "revoke_key": "by its own id, found by find_key before",
    },
    "server/webhooks/store.py": {
        "list_enabled": "takes the spaces of the messages that are published",
        "due_endpoints": "the sender goes over all spaces",
        "release_all": "the sender that was killed went over all spaces",
        "forget": "what is too old goes, in all spaces",
    },
    "server/mail/store.py": {
        "is_waiting": "the mailer goes over all spaces",
        "claim": "the mailer goes over all spaces",
        "skip_waiting": "the mailer goes over all spaces",
    },
    "server/payments/store/orders.py": {
        "is_waiting": "the charger goes over all spaces",
        "claim": "the charger goes over all spaces",
        "_waiting": "a condition, of all spaces or of one",
        "take_over": "the charger that was killed went over all spaces",
        "find": "a provider names an order of any space, with a signature",
        "forget_events": "what is too old goes, in all spaces",
    },
    "server/metering/store/inserts.py": {
        "_LAST": "one row of numbers for the events of all spaces",
        "_NEXT": "one row of numbers for the events of all spaces",
    },
}


def queries_without_space(source: Source) -> Iterator[str]:
    """A function that makes a statement takes `space`, and uses it; a prepared one names SPACE."""
    if not _has_queries(source):
        return
    allowed = WITHOUT_SPACE.get(source.path, {})
    for function in _outermost(source):
        names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        attributes = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        made = STATEMENTS & (names | attributes)
        if not made or function.name in allowed or "SPACE" in names:
            continue
        if "space" not in _parameters(function):
            what = f"{function.name} makes {_listed(made)} and takes no `space`"
            yield source.at(function.lineno, what)
        elif "space" not in names:
            what = f"{function.name} makes {_listed(made)} and leaves `space` unused"
            yield source.at(function.lineno, what)


def prepared_without_space(source: Source) -> Iterator[str]:
    """A statement that is prepared at the head of a store asks for one space."""
    if not _has_queries(source):
        return
    allowed = WITHOUT_SPACE.get(source.path, {})
    for node in source.tree.body:
        if not (isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None):
            continue
        if _name_of(node) in allowed:
            continue
        names = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
        asks = names & (STATEMENTS - {"insert"})
        if "Prepared" in names and asks and "SPACE" not in names:
            yield source.at(node.lineno, f"{_listed(asks)} prepared without SPACE")


def _name_of(node: ast.Assign | ast.AnnAssign) -> str | None:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _heads(source: Source) -> Iterator[str]:
    """The names that a module gives at its head."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and (name := _name_of(node)):
            yield name


def raw_sql_without_space(source: Source) -> Iterator[str]:
    """SQL written out (bulk paths, engines without SQLAlchemy) names the column `space_id`."""
    if source.parts[0] != "server" or source.room == "storage":
        return
    documentation = {id(text) for text in _docstrings(source)}
    inside = {id(n) for f in source.nodes() if isinstance(f, ast.JoinedStr) for n in f.values}
    for node in source.nodes():
        if id(node) in documentation | inside:
            continue
        text = _text(node)
        if RAW_SQL.search(text) and "space_id" not in text:
            yield source.at(getattr(node, "lineno", 1), f"no space_id in {text[:60]!r}")


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(value) if isinstance(value, ast.Constant) else "…" for value in node.values
        )
    return ""


def _docstrings(source: Source) -> Iterator[ast.expr]:
    """Texts that stand alone as a statement."""
    return (node.value for node in source.nodes() if isinstance(node, ast.Expr))


def _has_queries(source: Source) -> bool:
    """Stores, and whatever else imports SQLAlchemy; not tables, and not storage below all rooms."""
    if source.place == "store":
        return True
    if source.parts[0] != "server" or source.room == "storage" or source.place == "tables":
        return False
    return any(name.split(".")[0] == "sqlalchemy" for _line, name in source.imports())


def _outermost(source: Source) -> Iterator[Function]:
    for node in source.tree.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (inner for inner in node.body if isinstance(inner, Function))


def _parameters(function: Function) -> set[str]:
    args = function.args
    return {arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def test_every_query_has_its_space() -> None:
    require_none(queries_without_space)


def test_sql_written_out_has_its_space() -> None:
    require_none(raw_sql_without_space)


def test_every_prepared_statement_has_its_space() -> None:
    require_none(prepared_without_space)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("FIND = Prepared(lambda _: select(t).where(t.c.id == bindparam('id')))", 1),
        ("FIND: Final = Prepared(lambda _: update(t))", 1),
        ("FIND: Final = Prepared(lambda _: select(t).where(t.c.space_id == SPACE))", 0),
        ("ADD: Final = Prepared(lambda insert: insert(t))", 0),
    ],
)
def test_a_statement_prepared_without_space_is_found(code: str, found: int) -> None:
    assert len(list(prepared_without_space(Source("server/wallets/store.py", code)))) == found


def test_the_exceptions_are_still_there() -> None:
    by_path = {
        source.path: {f.name for f in source.functions()} | {*_heads(source)}
        for source in sources()
    }
    gone = {
        f"{path}: {name}"
        for path, names in WITHOUT_SPACE.items()
        for name in names
        if name not in by_path.get(path, set())
    }
    assert not gone, f"take these from WITHOUT_SPACE: {sorted(gone)}"


@pytest.mark.parametrize(
    "bad",
    [
        "def f(tx, id): return tx.execute(select(t).where(t.c.id == id))",
        "def f(tx, space, id): return tx.execute(select(t).where(t.c.id == id))",
        "def f(tx, id): tx.execute(t.delete().where(t.c.id == id))",
        "def f(tx, row): tx.execute((sqlite.insert if tx.is_sqlite else postgresql.insert)(t))",
        "def f(tx): tx.execute(text('select 1'))",
        "class S:\n def f(self, tx): tx.execute(update(t))",
        "def f(tx):\n def g(): return select(t)\n return g()",
    ],
)
@pytest.mark.parametrize("path", ["server/wallets/store.py", "server/wallets/store/grants.py"])
def test_a_query_without_space_is_found(path: str, bad: str) -> None:
    assert list(queries_without_space(Source(path, bad)))


def test_a_query_outside_of_a_store_is_found() -> None:
    bad = "from sqlalchemy import select\ndef f(tx, id): return tx.execute(select(t))"
    assert list(queries_without_space(Source("server/wallets/grants.py", bad)))


def test_a_query_with_space_passes() -> None:
    good = "def f(tx, space): return tx.execute(select(t).where(t.c.space_id == space))"
    assert not list(queries_without_space(Source("server/wallets/store.py", good)))


@pytest.mark.parametrize(
    "bad",
    [
        "SQL = 'SELECT id FROM events WHERE id = ?'",
        "SQL = f'SELECT {columns} FROM events'",
        "SQL = 'INSERT INTO old (space_key) SELECT x FROM events'",
        "def f(tx): tx.driver.execute('DELETE FROM events WHERE id = ?', ids)",
    ],
)
def test_raw_sql_without_space_is_found(bad: str) -> None:
    assert list(raw_sql_without_space(Source("server/metering/adapters/sqlite.py", bad)))


def test_raw_sql_with_space_passes() -> None:
    good = '"""SELECT x FROM y"""\nSQL = f"SELECT {c} FROM events WHERE space_id = ?"'
    assert not list(raw_sql_without_space(Source("server/metering/adapters/sqlite.py", good)))
