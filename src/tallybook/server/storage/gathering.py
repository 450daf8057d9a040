"""Many pieces of work in one transaction: what they read is kept, what they write goes together.

Each piece is written as if it were alone, and runs alone just as well. Beside others (`Tx.gather`)
the rows that a store asks for by their key are looked up among those that were read for all, and
what it writes waits, until somebody asks for a table that is waited for, or until the end.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from sqlalchemy import Table

from .prepared import Prepared, Values

WAITING_MAX: Final = 5_000  # rows; then they are written
COPY_MIN: Final = 5  # rows; PostgreSQL takes so many faster as a COPY


class RowMissed(RuntimeError):
    """A row that waited could not be written as expected: the whole transaction must go.

    Alone, the same piece of work hears of it where it writes, and says why.
    """


Act = Callable[[Any, Sequence[Any]], None]
"""(tx, what waits for it)."""


class Batch:
    """Rows that one statement will write, in order."""

    __slots__ = ("is_exact", "rows", "statement", "subjects", "tables")

    def __init__(self, statement: Prepared, tables: frozenset[Table], *, is_exact: bool) -> None:
        self.statement = statement
        self.tables = tables
        self.is_exact = is_exact  # each row is written to one row of the table
        self.rows: list[Values] = []
        self.subjects: dict[Hashable, int] = {}  # each with the place of its last row


class Gathering:
    """What waits in a transaction, and what it has read."""

    __slots__ = ("_acts", "_batches", "_size", "kept")

    def __init__(self) -> None:
        self.kept: dict[Hashable, Any] = {}
        self._batches: list[Batch] = []
        self._acts: dict[Act, tuple[frozenset[Table], list[Any]]] = {}
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._size >= WAITING_MAX

    def add(
        self,
        statement: Prepared,
        tables: frozenset[Table],
        rows: Sequence[Values],
        *,
        subject: Hashable,
        is_exact: bool,
        is_whole: bool = False,
    ) -> None:
        """Let rows wait with others of their statement.

        Rows of one subject are written in the order in which they came; of two, in any order. A
        row that `is_whole` says all that the one before it of its subject said.
        """
        batch = self._find(statement, subject)
        if batch is None:
            batch = Batch(statement, tables, is_exact=is_exact)
            self._batches.append(batch)
        place = batch.subjects.get(subject)
        if is_whole and place is not None:
            (batch.rows[place],) = rows
            return
        batch.rows.extend(rows)
        self._size += len(rows)
        if subject is not None:
            batch.subjects[subject] = len(batch.rows) - 1

    def _find(self, statement: Prepared, subject: Hashable) -> Batch | None:
        """Return the first batch of a statement that has nothing of the subject behind it."""
        found = None
        for batch in reversed(self._batches):
            if batch.statement is statement:
                found = batch
            if subject is not None and subject in batch.subjects:
                break
        return found

    def add_act(self, act: Act, item: Any, tables: frozenset[Table]) -> None:
        """Let something wait that `act` does for all at once, after all rows are written."""
        self._acts.setdefault(act, (tables, []))[1].append(item)

    def touches(self, tables: frozenset[Table]) -> bool:
        """Tell whether something waits to be written to one of these tables."""
        return any(not batch.tables.isdisjoint(tables) for batch in self._batches) or any(
            not written.isdisjoint(tables) for written, _ in self._acts.values()
        )

    def take(self) -> tuple[list[Batch], list[tuple[Act, list[Any]]]]:
        """Return all that waits, which waits no longer."""
        batches, acts = self._batches, [(act, items) for act, (_, items) in self._acts.items()]
        self._batches, self._acts, self._size = [], {}, 0
        return batches, acts
