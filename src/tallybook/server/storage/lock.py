"""One server a data directory: two writers on one embedded database are refused at the door."""

import os
from pathlib import Path
from typing import Any

from .errors import AlreadyServed


class DirectoryLock:
    """An exclusive lock that dies with its process, so that a crash leaves nothing behind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "tallybook.lock"
        self._file: Any = None

    def acquire(self) -> None:
        """Take the lock. Errors: AlreadyServed, with the holder's pid."""
        import fcntl

        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read(32).strip() or "unknown"
            file.close()
            raise AlreadyServed(pid=pid, directory=str(self.directory)) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "DirectoryLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
