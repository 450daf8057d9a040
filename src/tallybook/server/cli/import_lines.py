"""How often a line has occurred in a file of any size."""

from typing import Any, Final

from tallybook.server.storage.sqlite import driver

_CACHE_KIB: Final = 64_000  # of memory; beyond it the counts lie in a temporary file
_TABLE: Final = "CREATE TABLE seen (digest BLOB PRIMARY KEY, count INTEGER) WITHOUT ROWID"
_COUNT: Final = """
    INSERT INTO seen VALUES (?, 1) -- lines of one file, of no space_id
    ON CONFLICT (digest) DO UPDATE SET count = count + 1 RETURNING count
"""


class SeenLines:
    """Counts equal lines. It forgets all when it is closed."""

    def __init__(self) -> None:
        self._file: Any = driver().connect("", isolation_level=None)
        self._file.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(_TABLE)
        self._file.execute("BEGIN")

    def count(self, digest: bytes) -> int:
        """Return how many lines of this digest there were, this one included."""
        (count,) = self._file.execute(_COUNT, (digest,)).fetchone()
        return int(count)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "SeenLines":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
