"""Statements that are asked often: built and compiled once, and run on the driver's own cursor.

Building a statement, keying it and wrapping its result costs SQLAlchemy ten times what SQLite takes
to run it. Values go through the column types' own processors, as they always do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Executable, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

Values = Mapping[str, Any]
Process = Callable[[Any], Any]
SPACE: Final[BindParameter[int]] = bindparam("space")


class Prepared:
    """A statement with named parameters, all of them given at each run.

    `build` makes it, once for each database, with that database's `insert`. An INSERT or UPDATE
    without values sets the columns that the first run names, and every run names the same.
    """

    __slots__ = ("_build", "_made")

    def __init__(self, build: Callable[[Any], Executable]) -> None:
        self._build = build
        self._made: dict[str, _Compiled] = {}

    def on(self, connection: Connection, names: Sequence[str]) -> "_Compiled":
        database = connection.dialect.name
        made = self._made.get(database)
        if made is None:
            insert = sqlite.insert if database == "sqlite" else postgresql.insert
            made = _Compiled(self._build(insert), connection, names)
            self._made[database] = made
        return made


class _Compiled:
    """A statement in the words of one database."""

    __slots__ = ("_binds", "_columns", "_constants", "_dialect", "_names", "_readers", "sql")

    def __init__(self, statement: Any, connection: Connection, names: Sequence[str]) -> None:
        dialect = connection.dialect
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
        self.sql: str = compiled.string
        self._dialect = dialect
        self._names: tuple[str, ...] | None = (
            tuple(compiled.positiontup) if compiled.positional else None
        )
        self._constants: dict[str, Any] = {}
        self._binds: dict[str, Process] = {}
        for name, bind in compiled.binds.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if process is not None:
                self._binds[name] = process
            if not bind.required:
                value = bind.effective_value
                self._constants[name] = value if process is None else process(value)
        columns = getattr(statement, "exported_columns", ())
        self._columns = [(column.name, column.type) for column in columns]
        self._readers: list[tuple[str, Process | None]] | None = None

    def parameters(self, values: Values) -> Any:
        """Return the values as the driver takes them."""
        binds, given = self._binds, dict(self._constants)
        for name, value in values.items():
            process = binds.get(name)
            given[name] = value if process is None else process(value)
        if self._names is None:
            return given
        return [given[name] for name in self._names]

    def rows(self, cursor: Any) -> list[dict[str, Any]]:
        """Return what the cursor found, by column."""
        if self._readers is None:
            self._readers = [
                (name, type_.dialect_impl(self._dialect).result_processor(self._dialect, told[1]))
                for (name, type_), told in zip(self._columns, cursor.description, strict=True)
            ]
        readers = self._readers
        return [
            {
                name: value if read is None else read(value)
                for (name, read), value in zip(readers, row, strict=True)
            }
            for row in cursor.fetchall()
        ]


HOLD_NAME: Final = Prepared(
    lambda _: select(
        func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)).label("held")
    )
)
"""Hold a name until the commit; PostgreSQL only, on SQLite there is one writer."""
