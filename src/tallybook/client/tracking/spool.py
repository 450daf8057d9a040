"""Tracked events on disk: an append-only file that outlives the process.

One line an event, `+sequence event`; one line for those that are done with, `-sequence …`.
A line that a crash cut short has no newline, and is dropped at the next start.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

COMPACT_BYTES_MIN: Final = 8 << 20
_SLOTS_MAX: Final = 1_000
_READ_BYTES: Final = 1 << 20
_WHOLE_LINE: Final = re.compile(rb"(\+\d+ \{.*\}|-[\d ]+)\n", re.DOTALL)


class Spooled(NamedTuple):
    sequence: int
    body: bytes


class Spool:
    """The file of one process. Several may be given one path: each takes a file of its own,
    and takes over those of processes that are gone.

    Holds: when `append` has returned, the event survives the end of the process; after `sync`
    also that of the machine. An event may be read again after a crash; its key says so.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self._lock = _free_slot(Path(path))
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._read_from = 0  # where the first line lies that was not handed out
        self._waiting = 0  # events in lines from there on
        self._handed: dict[int, int] = {}  # sequence → place of those handed out, not done with
        self._dirty = False
        self._skip: set[int] = set()  # done with, and still in lines from there on
        self.first_free = self._recover()
        for other in _abandoned(Path(path), self.path):
            self._take_over(other)

    @property
    def waiting(self) -> int:
        """How many events are on disk only."""
        return self._waiting

    def append(self, body: bytes, *, handed_out: bool) -> int:
        """Keep the event; return its sequence. Only a spool without waiting ones hands out.

        Errors: OSError.
        """
        sequence = self.first_free
        place = self._write(b"+%d %b\n" % (sequence, body))
        self.first_free += 1
        if handed_out:
            self._handed[sequence] = place
            self._read_from = os.lseek(self._fd, 0, os.SEEK_END)
        else:
            self._waiting += 1
        return sequence

    def read(self, number: int) -> list[Spooled]:
        """Hand out the oldest events that wait, up to a number of them."""
        found: list[Spooled] = []
        while self._waiting and len(found) < number:
            for start, line in self._lines(self._read_from):
                self._read_from = start + len(line)
                if line.startswith(b"+"):
                    sequence, body = _parse(line)
                    if sequence in self._skip:
                        self._skip.discard(sequence)
                        continue
                    found.append(Spooled(sequence, body))
                    self._waiting -= 1
                    self._handed[sequence] = start
                if len(found) == number or not self._waiting:
                    break
        return found

    def next_sequence(self) -> int | None:
        """Return the sequence of the oldest event that waits."""
        if not self._waiting:
            return None
        for _, line in self._lines(self._read_from):
            if line.startswith(b"+") and (sequence := _parse(line)[0]) not in self._skip:
                return sequence
        return None

    def done(self, sequences: Iterable[int]) -> None:
        """Forget events: the server has them, or they were dropped and told. Errors: OSError."""
        gone = list(sequences)
        if not gone:
            return
        for sequence in gone:
            self._handed.pop(sequence, None)
        if not self._handed and not self._waiting:
            os.ftruncate(self._fd, 0)
            self._read_from, self._dirty = 0, True
            return
        self._write(b"-%b\n" % b" ".join(b"%d" % sequence for sequence in gone))
        oldest = next(iter(self._handed.values()), self._read_from)
        if oldest > COMPACT_BYTES_MIN and oldest * 2 > os.lseek(self._fd, 0, os.SEEK_END):
            self._compact(oldest)

    def sync(self) -> None:
        """Wait until the disk has all. Errors: OSError."""
        if self._dirty:
            os.fsync(self._fd)
            self._dirty = False

    def close(self) -> None:
        """Leave the file, and what it holds, to the next start."""
        self.sync()
        self.leave()

    def leave(self) -> None:
        """Close what a fork copied; the file stays the parent's."""
        os.close(self._fd)
        os.close(self._lock)

    def _write(self, line: bytes) -> int:
        """Add the line; return its place."""
        before = os.lseek(self._fd, 0, os.SEEK_END)
        written = os.write(self._fd, line)
        if written != len(line):  # the disk is full: leave no half line behind
            os.ftruncate(self._fd, before)
            raise OSError(f"only {written} of {len(line)} bytes could be written to {self.path}")
        self._dirty = True
        return before

    def _lines(self, offset: int) -> Iterator[tuple[int, bytes]]:
        rest = b""
        while chunk := _read(self._fd, _READ_BYTES, offset + len(rest)):
            *lines, rest = (rest + chunk).splitlines(keepends=True)
            if rest.endswith(b"\n"):
                lines, rest = [*lines, rest], b""
            for line in lines:
                if _WHOLE_LINE.fullmatch(line):  # a lost power can leave others
                    yield offset, line
                offset += len(line)

    def _recover(self) -> int:
        """Count what an earlier process left; return the next free sequence."""
        seen: set[int] = set()
        first_free, end = 0, 0
        for start, line in self._lines(0):
            end = start + len(line)
            if line.startswith(b"+"):
                seen.add(_parse(line)[0])
                first_free = max(first_free, _parse(line)[0] + 1)
            else:
                gone = {int(number) for number in line[1:].split()}
                seen -= gone
                self._skip |= gone
        os.ftruncate(self._fd, end)
        self._waiting = len(seen)
        if not seen:
            os.ftruncate(self._fd, 0)
            self._skip.clear()
        return first_free

    def _take_over(self, other: Path) -> None:
        """Move the events of a process that is gone. A crash between leaves them twice."""
        spool = object.__new__(Spool)
        lock = _try_lock(other)
        if lock is None:
            return
        spool.path, spool._lock = other, lock
        spool._fd = os.open(other, os.O_RDWR | os.O_APPEND)
        spool._read_from = spool._waiting = 0
        spool._dirty, spool._skip, spool._handed = False, set(), {}
        spool._recover()
        while found := spool.read(1_000):
            for event in found:
                self.append(event.body, handed_out=False)
        self.sync()
        os.ftruncate(spool._fd, 0)
        other.unlink(missing_ok=True)
        spool.leave()

    def _compact(self, oldest: int) -> None:
        """Write the file anew from the oldest event that is not done with."""
        scratch = self.path.with_name(self.path.name + ".new")
        fd = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        offset = oldest
        while chunk := _read(self._fd, _READ_BYTES, offset):
            os.write(fd, chunk)
            offset += len(chunk)
        os.fsync(fd)
        scratch.replace(self.path)
        os.close(self._fd)
        self._fd, self._read_from = fd, self._read_from - oldest
        self._handed = {number: place - oldest for number, place in self._handed.items()}


def _read(fd: int, size: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


def _parse(line: bytes) -> tuple[int, bytes]:
    number, body = line[1:-1].split(b" ", 1)
    return int(number), body


def _free_slot(path: Path) -> tuple[Path, int]:
    """Return the first file of this path that no living process has, locked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(_SLOTS_MAX):
        slot = path if number == 0 else path.with_name(f"{path.name}.{number}")
        if (lock := _try_lock(slot)) is not None:
            return slot, lock
    raise OSError(f"{_SLOTS_MAX} processes have {path}")


def _abandoned(path: Path, own: Path) -> list[Path]:
    others = [path, *path.parent.glob(f"{path.name}.*")]
    return [
        other
        for other in sorted(others)
        if other != own and other.exists() and (other == path or other.suffix[1:].isdigit())
    ]


def _try_lock(path: Path) -> int | None:
    """Return a lock that ends with this process, or None where another one has it."""
    fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(fd)
    except OSError:
        os.close(fd)
        return None
    return fd


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
