"""What a process remembers between transactions.

A commit ends all that was remembered before, but for commits that say that they touch nothing of
the kind (`keeps_memory`): each begins a generation. The embedded database has one process, which
counts them itself; on PostgreSQL the database counts them (generations.py). Readers remember, and
writes that say so, as long as nothing else was written beside them.

What those commits do change, counters, is remembered on the embedded database as well: the writer
hands over each new value with the commit, and a reader keeps what it loaded only where no commit
after its snapshot has handed over another.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
ENTRIES_MAX: Final = 20_000  # then all are forgotten


class _Current(NamedTuple):
    generation: int
    commit: int  # the last one that is known to be in the value
    value: Any


class Memory:
    """Facts by key, each with the generation in which it was read."""

    __slots__ = (
        "_current",
        "_current_from",
        "_kept",
        "_lasting",
        "_lock",
        "commits",
        "generation",
    )

    def __init__(self) -> None:
        self.generation = 0
        self.commits = 0
        self._kept: dict[Hashable, tuple[int, Any]] = {}
        self._lasting: dict[tuple[Hashable, str], Any] = {}
        self._current: dict[Hashable, _Current] = {}
        self._current_from = 0  # the commit at which all current values were forgotten
        self._lock = Lock()

    def recall(self, key: Hashable, generation: int, load: Callable[[], T]) -> T:
        """Return what is known of a key since the reader's generation, or load it.

        A reader notes its generation before its snapshot begins. So what it keeps may be newer
        than that, and never older; a commit in between ends it.
        """
        found = self._kept.get(key)
        if found is not None and found[0] == generation == self.generation:
            value: T = found[1]
            return value
        value = load()
        if len(self._kept) >= ENTRIES_MAX:
            self._kept.clear()
        self._kept[key] = (generation, value)
        return value

    def recall_all(
        self,
        kind: Hashable,
        names: Collection[str],
        generation: int,
        load: Callable[[Collection[str]], Mapping[str, T]],
    ) -> dict[str, T]:
        """Return what is known of many names, loading those together that are not known.

        A name that stands for nothing is remembered, too.
        """
        found: dict[str, T] = {}
        missing = []
        for name in names:
            kept = self._kept.get((kind, name))
            if kept is None or not kept[0] == generation == self.generation:
                missing.append(name)
            elif kept[1] is not None:
                found[name] = kept[1]
        if not missing:
            return found
        loaded = load(missing)
        if len(self._kept) + len(missing) >= ENTRIES_MAX:
            self._kept.clear()
        for name in missing:
            self._kept[(kind, name)] = (generation, loaded.get(name))
        found.update(loaded)
        return found

    def recall_current(
        self,
        keys: Collection[K],
        *,
        generation: int,
        commit: int,
        load: Callable[[Collection[K]], Mapping[K, T]],
    ) -> dict[K, T]:
        """Return what commits hand over, loading what is not known; None is no value.

        `generation` and `commit` are those that the reader noted before its snapshot began.
        """
        found: dict[K, T] = {}
        missing = []
        for key in keys:
            kept = self._current.get(key)
            if kept is None or not kept.generation == generation == self.generation:
                missing.append(key)
            elif kept.value is not None:
                found[key] = kept.value
        if not missing:
            return found
        loaded = load(missing)
        with self._lock:
            for key in missing:
                kept = self._current.get(key)
                newest = self._current_from if kept is None else kept.commit
                if newest <= commit:
                    self._set(key, _Current(generation, commit, loaded.get(key)))
        found.update(loaded)
        return found

    def hand_over(self, changes: Mapping[Hashable, Any]) -> None:
        """Take what a commit has changed: call it before anybody hears of the commit."""
        with self._lock:
            self.commits += 1
            for key, value in changes.items():
                self._set(key, _Current(self.generation, self.commits, value))

    def _set(self, key: Hashable, current: _Current) -> None:
        if len(self._current) >= ENTRIES_MAX:
            self._current.clear()
            self._current_from = self.commits
        self._current[key] = current

    def recall_for_ever(self, kind: Hashable, names: Collection[str]) -> dict[str, Any]:
        """Return what is known of some names that never changes."""
        lasting = self._lasting
        return {name: lasting[kind, name] for name in names if (kind, name) in lasting}

    def keep_for_ever(self, kind: Hashable, values: Mapping[str, Any]) -> None:
        """Remember what is committed and never changes."""
        if len(self._lasting) + len(values) > ENTRIES_MAX:
            self._lasting = {}
        self._lasting.update({(kind, name): value for name, value in values.items()})

    def forget(self) -> None:
        """End all that is remembered: call it after a commit, before anybody hears of it."""
        self.generation += 1

    def catch_up(self, generation: int) -> int:
        """Take note of a generation that the database tells."""
        self.generation = max(self.generation, generation)
        return generation
