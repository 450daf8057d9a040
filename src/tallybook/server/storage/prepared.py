"""Statements that are asked often: built and compiled once, and run on the driver's own cursor.

Building a statement, keying it and wrapping its result costs SQLAlchemy ten times what SQLite takes
to run it. Values go through the column types' own processors, as they always do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Insert,
    LargeBinary,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.dml import OnConflictDoNothing
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine

from .columns import to_json

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
        self._made: dict[str, Compiled] = {}

    def on(self, connection: Connection, values: Values) -> "Compiled":
        database = connection.dialect.name
        made = self._made.get(database)
        if made is None:
            insert = sqlite.insert if database == "sqlite" else postgresql.insert
            made = Compiled(self._build(insert), connection, tuple(values))
            self._made[database] = made
        return made


class Compiled:
    """A statement in the words of one database."""

    __slots__ = (
        "_columns",
        "_constants",
        "_dialect",
        "_names",
        "_ordered",
        "_plan",
        "_readers",
        "copy",
        "sql",
        "tables",
    )

    def __init__(self, statement: Any, connection: Connection, names: Sequence[str]) -> None:
        dialect = connection.dialect
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
        self.sql: str = compiled.string
        self.tables = frozenset(t for t in visitors.iterate(statement) if isinstance(t, Table))
        self._dialect = dialect
        self._names: tuple[str, ...] | None = (
            tuple(compiled.positiontup) if compiled.positional else None
        )
        self._constants: dict[str, Any] = {}
        self._plan: list[tuple[str, Process | None]] = []
        for name, bind in compiled.binds.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._plan.append((name, process))
            else:
                value = bind.effective_value
                self._constants[name] = value if process is None else process(value)
        self.copy: str | None = self._copy(statement)
        self._ordered: list[tuple[str, Process | None]] | None = None
        if self._names is not None and not self._constants:
            plan = dict(self._plan)
            self._ordered = [(name, plan[name]) for name in self._names]
        columns = getattr(statement, "exported_columns", ())
        self._columns = [(column.name, column.type) for column in columns]
        self._readers: list[tuple[int, Process]] | None = None  # by place

    def _copy(self, statement: Any) -> str | None:
        """Return the COPY that does what an INSERT of new rows does, on PostgreSQL."""
        conflict = getattr(statement, "_post_values_clause", None)
        is_new = conflict is None or isinstance(conflict, OnConflictDoNothing)
        if not (self._dialect.name == "postgresql" and isinstance(statement, Insert) and is_new):
            return None
        if statement._returning or self._constants:
            return None
        quote = self._dialect.identifier_preparer.quote
        columns = ", ".join(quote(name) for name, _ in self._plan)
        return f"COPY {quote(statement.table.name)} ({columns}) FROM STDIN"

    def copied(self, values: Values) -> list[Any]:
        """Return the values in the order of `copy`."""
        return _processed(self._plan, values)

    def parameters(self, values: Values) -> Any:
        """Return the values as the driver takes them."""
        if self._ordered is not None:
            return _processed(self._ordered, values)
        given = dict(self._constants)
        for name, process in self._plan:
            value = values[name]
            given[name] = value if process is None or value is None else process(value)
        if self._names is None:
            return given
        return [given[name] for name in self._names]

    def rows(self, cursor: Any) -> list[dict[str, Any]]:
        """Return what the cursor found, by column."""
        if self._readers is None:
            told = [column[1] for column in cursor.description]
            types = [type_.dialect_impl(self._dialect) for _, type_ in self._columns]
            reads = [
                type_.result_processor(self._dialect, code)
                for type_, code in zip(types, told, strict=True)
            ]
            self._readers = [(place, read) for place, read in enumerate(reads) if read is not None]
        names, readers, found = [name for name, _ in self._columns], self._readers, []
        for row in cursor.fetchall():
            values = list(row)
            for place, read in readers:
                if values[place] is not None:
                    values[place] = read(values[place])
            found.append(dict(zip(names, values, strict=True)))
        return found


def _processed(plan: Sequence[tuple[str, Process | None]], values: Values) -> list[Any]:
    return [
        value if (value := values[name]) is None or process is None else process(value)
        for name, process in plan
    ]


class _Many(TypeDecorator[Sequence[Any]]):
    """Any number of values as one parameter: an array, or a list in JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, *, is_binary: bool) -> None:
        super().__init__()
        self.is_binary = is_binary

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(LargeBinary() if self.is_binary else Text()))

    def bind_processor(self, dialect: Dialect) -> Process:
        if dialect.name == "postgresql":
            return list
        return _hex_list if self.is_binary else _text_list


def _text_list(values: Sequence[str]) -> str:
    return to_json(list(values))


def _hex_list(values: Sequence[bytes]) -> str:
    return to_json([value.hex() for value in values])


class one_of(ColumnElement[bool]):  # noqa: N801 - it reads as the function that it is
    """Whether a column has one of the values that the parameter `name` lists."""

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012 - as the base class says it
        ("column", InternalTraversal.dp_clauseelement),
        ("values", InternalTraversal.dp_clauseelement),
    ]
    type = Boolean()
    _is_implicitly_boolean = True  # or SQLite is asked for `… = 1`, and uses no index

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.is_binary = isinstance(column.type, LargeBinary)
        self.values = bindparam(name, type_=_Many(is_binary=self.is_binary))


@compiles(one_of, "sqlite")
def _in_json(element: one_of, compiler: Any, **more: Any) -> str:
    column, values = (compiler.process(part, **more) for part in (element.column, element.values))
    value = "unhex(value)" if element.is_binary else "value"
    return f"{column} IN (SELECT {value} FROM json_each({values}))"  # noqa: S608 - no value in it


@compiles(one_of, "postgresql")
def _in_array(element: one_of, compiler: Any, **more: Any) -> str:
    column, values = (compiler.process(part, **more) for part in (element.column, element.values))
    return f"{column} = ANY({values})"


HOLD_NAME: Final = Prepared(
    lambda _: select(
        func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)).label("held")
    )
)
"""Hold a name until the commit; PostgreSQL only, on SQLite there is one writer."""
