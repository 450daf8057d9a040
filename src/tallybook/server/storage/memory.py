"""What a process remembers between transactions.

A commit ends all that was remembered before, but for commits that say that they touch nothing of
the kind (`keeps_memory`): each begins a generation. The embedded database has one process, which
counts them itself; on PostgreSQL the database counts them (generations.py). Readers remember, and
writes that say so, as long as nothing else was written beside them.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")
ENTRIES_MAX: Final = 20_000  # then all are forgotten


class Memory:
    """Facts by key, each with the generation in which it was read."""

    __slots__ = ("_kept", "generation")

    def __init__(self) -> None:
        self.generation = 0
        self._kept: dict[Hashable, tuple[int, Any]] = {}

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

    def forget(self) -> None:
        """End all that is remembered: call it after a commit, before anybody hears of it."""
        self.generation += 1

    def catch_up(self, generation: int) -> int:
        """Take note of a generation that the database tells."""
        self.generation = max(self.generation, generation)
        return generation
