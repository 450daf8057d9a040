"""How the processes of one PostgreSQL know that something has changed that they remember.

Each commit that may change it counts up a row, seen by others exactly when its changes are. The
rows are many so that commits seldom wait for each other; their sum never falls.
"""

from typing import Any, Final

_ROWS: Final = 64
_READ: Final = "SELECT coalesce(sum(changes), 0)::bigint FROM generations"
_CHANGE: Final = (
    "INSERT INTO generations (slot, changes) "  # noqa: S608 - a number of our own
    f"VALUES (pg_backend_pid() % {_ROWS}, 1) "
    "ON CONFLICT (slot) DO UPDATE SET changes = generations.changes + 1"
)


def read(connection: Any) -> int:
    """Return the generation that a transaction of the driver's connection sees now."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        (generation,) = cursor.fetchone()
    return int(generation)


def begin_next(connection: Any) -> None:
    """End what is remembered, when this transaction commits: its last statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE)
